"""The two ceremonies of WebAuthn, computed by fido2: what a device is asked, and whether its response is valid.

Nothing here knows about requests or the database. Only `challenges.py` imports this module, and only when a passkey is
used: fido2 takes 5 MB of memory that no other page needs.
"""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from webapp.models.accounts.passkey import NewCredential

Parsed = TypeVar("Parsed", RegistrationResponse, AuthenticationResponse)
Options = tuple[dict[str, Any], dict[str, Any]]  # for the device, and the state to verify its response with

MAX_RESPONSE = 32_000  # characters
MAX_CREDENTIAL_ID = 1023  # bytes (WebAuthn, 5.8.3)
REQUIRED = UserVerificationRequirement.REQUIRED  # fingerprint, face or PIN: what makes a passkey two factors


class WebAuthnServer:
    """The relying party `rp_id` at one origin. An invalid response raises a variety of errors."""

    def __init__(self, rp_id: str, origin: str) -> None:
        relying_party = PublicKeyCredentialRpEntity(id=rp_id, name="Rowcast")
        self._server = Fido2Server(relying_party, verify_origin=lambda claimed: claimed == origin)

    def registration_options(self, user_handle: bytes, email: str, name: str, credentials: Iterable[bytes]) -> Options:
        """Ask for a key stored on the device together with the person's name, so that signing in needs no address."""
        options, state = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=user_handle, name=email, display_name=name),
            [AttestedCredentialData(credential) for credential in credentials],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=REQUIRED,
        )
        return dict(options), state

    def verify_registration(self, state: dict[str, Any], response: str) -> NewCredential:
        parsed = _parse(RegistrationResponse, response)
        data = self._server.register_complete(state, parsed)
        _refuse_cross_origin(parsed.response.client_data)
        credential = data.credential_data
        if credential is None or not 1 <= len(credential.credential_id) <= MAX_CREDENTIAL_ID:
            raise ValueError("no credential")
        return NewCredential(credential.credential_id, bytes(credential), data.counter)

    def authentication_options(self, credentials: Iterable[bytes] | None) -> Options:
        """`credentials` are the acceptable keys; None: any for this host name."""
        known = None if credentials is None else [AttestedCredentialData(credential) for credential in credentials]
        options, state = self._server.authenticate_begin(known, user_verification=REQUIRED)
        return dict(options), state

    def parse_authentication(self, response: str) -> AuthenticationResponse:
        """Without verifying it: the response names the key to verify it with."""
        return _parse(AuthenticationResponse, response)

    def verify_authentication(self, state: dict[str, Any], key: bytes, response: AuthenticationResponse) -> int:
        """Verify the response with the key it names; return the key's counter."""
        self._server.authenticate_complete(state, [AttestedCredentialData(key)], response)
        _refuse_cross_origin(response.response.client_data)
        return response.response.authenticator_data.counter


def _parse(kind: type[Parsed], response: str) -> Parsed:
    """Parse what the browser sent, if it is a response at all; the parsers raise a variety of errors."""
    try:
        if len(response) > MAX_RESPONSE:
            raise ValueError("too long")
        parsed: Parsed | None = kind.from_dict(json.loads(response))
    except Exception as error:
        raise ValueError("not readable") from error
    if parsed is None:  # the response was "null"
        raise ValueError("nothing")
    return parsed


def _refuse_cross_origin(client_data: CollectedClientData) -> None:
    if client_data.cross_origin:
        raise ValueError("asked from a frame of another site")
