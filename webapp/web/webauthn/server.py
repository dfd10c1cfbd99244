"""The two ceremonies of WebAuthn, computed by fido2: what a device is asked, and whether its response is valid.

Nothing here knows about requests or the database. Only `webauthn.py` imports this module, and only when a passkey is
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

Read = TypeVar("Read", RegistrationResponse, AuthenticationResponse)
Question = tuple[dict[str, Any], dict[str, Any]]  # the options for the device, and the state to verify its response

MAX_ANSWER = 32_000  # characters of a device's response
REQUIRED = UserVerificationRequirement.REQUIRED  # fingerprint, face or PIN: what makes a passkey two factors


class Ceremonies:
    """For passkeys of one host name, at one origin. An invalid response raises a variety of errors."""

    def __init__(self, name: str, origin: str) -> None:
        site = PublicKeyCredentialRpEntity(id=name, name="Rowcast")
        self._server = Fido2Server(site, verify_origin=lambda told: told == origin)

    def ask_for_key(self, handle: bytes, email: str, name: str, known: Iterable[bytes]) -> Question:
        """Ask for a key stored on the device together with the person's name, so that signing in needs no address."""
        options, state = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=handle, name=email, display_name=name),
            [AttestedCredentialData(one) for one in known],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=REQUIRED,
        )
        return dict(options), state

    def read_key(self, state: dict[str, Any], answer: str) -> tuple[bytes, bytes, int]:
        """Verify a new key; return its id, the key itself, and its counter."""
        response = _read(RegistrationResponse, answer)
        made = self._server.register_complete(state, response)
        _refuse_frames(response.response.client_data)
        credential = made.credential_data
        if credential is None or len(credential.credential_id) > 1023:
            raise ValueError("no credential")
        return credential.credential_id, bytes(credential), made.counter

    def ask_for_signature(self, known: Iterable[bytes] | None) -> Question:
        """`known` are the acceptable keys; None: any for this host name."""
        credentials = None if known is None else [AttestedCredentialData(one) for one in known]
        options, state = self._server.authenticate_begin(credentials, user_verification=REQUIRED)
        return dict(options), state

    def read_signature(self, answer: str) -> AuthenticationResponse:
        """Parse a response without verifying it: it names the key to check it with."""
        return _read(AuthenticationResponse, answer)

    def check_signature(self, state: dict[str, Any], key: bytes, response: AuthenticationResponse) -> int:
        """Verify the response with the key it names; return the key's counter."""
        self._server.authenticate_complete(state, [AttestedCredentialData(key)], response)
        _refuse_frames(response.response.client_data)
        return response.response.authenticator_data.counter


def _read(kind: type[Read], answer: str) -> Read:
    """Parse what the browser sent, if it is a response at all; the parsers raise a variety of errors."""
    try:
        if len(answer) > MAX_ANSWER:
            raise ValueError("too long")
        read: Read | None = kind.from_dict(json.loads(answer))
    except Exception as error:
        raise ValueError("not readable") from error
    if read is None:  # the response was "null"
        raise ValueError("nothing")
    return read


def _refuse_frames(told: CollectedClientData) -> None:
    if told.cross_origin:
        raise ValueError("asked from a frame of another site")
