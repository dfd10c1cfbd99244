"""Passkeys (WebAuthn): what a device is asked to sign, and whether it signed it, for this server and at this time.

A challenge is valid once, for a few minutes, in one browser: the database stores it and a cookie identifies it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

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
from quart import Response, request
from sqlalchemy import delete, or_, select, update

from webapp.data.problems import Problem
from webapp.data.uow import UnitOfWork
from webapp.extensions import config, db
from webapp.models import OneTimeToken, Passkey, Purpose, TokenUnusable, User, utc_now
from webapp.models.one_time_token import LIFETIMES
from webapp.web.hosts import LOCAL_NAMES, own_origin
from webapp.web.templating import to_json

Kind = Literal["create", "get"]
Read = TypeVar("Read", RegistrationResponse, AuthenticationResponse)

MAX_ANSWER = 32_000  # characters of a device's response
REQUIRED = UserVerificationRequirement.REQUIRED  # fingerprint, face or PIN: what makes a passkey two factors


class PasskeyRefused(Problem):
    """Shown alike for every reason, so that a forger learns nothing. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("This passkey was not accepted, or it took too long. Try again, or use your password.")


class NoPasskeysHere(Problem):
    def __init__(self) -> None:
        super().__init__("Passkeys belong to a name with TLS, or to localhost. This address is neither.")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that a device has created."""

    credential_id: bytes
    credential: bytes
    sign_count: int


def rp_id() -> str | None:
    """The host name this server's passkeys belong to; None where browsers allow none: without TLS, or on an IP
    address.
    """
    parts = urlsplit(own_origin())
    host = parts.hostname or ""
    if _is_address(host) or not (parts.scheme == "https" or host == "localhost"):
        return None
    return host


def localhost_origin() -> str | None:
    """Where passkeys would work if this is the same machine: browsers allow none on 127.0.0.1."""
    parts = urlsplit(own_origin())
    if rp_id() is not None or parts.hostname not in LOCAL_NAMES or config().public_origin is not None:
        return None
    return f"{parts.scheme}://localhost" + (f":{parts.port}" if parts.port else "")


async def creation_options(user: User, known: Sequence[Passkey]) -> Response:
    """Ask for a key stored on the device together with the person's name, so that signing in needs no address."""
    options, state = _server().register_begin(
        PublicKeyCredentialUserEntity(id=_handle(user), name=user.email, display_name=user.name),
        [AttestedCredentialData(one.credential) for one in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=REQUIRED,
    )
    return await _asked("create", dict(options), state, user.id)


async def request_options(user_id: int | None, known: Sequence[Passkey] | None) -> Response:
    """`known` are the acceptable keys; None: any of this server's, whoever owns it."""
    credentials = None if known is None else [AttestedCredentialData(one.credential) for one in known]
    options, state = _server().authenticate_begin(credentials, user_verification=REQUIRED)
    return await _asked("get", dict(options), state, user_id)


async def made_key(answer: str, user_id: int) -> NewKey:
    """Verify a new key. Raises `PasskeyRefused`."""
    state = await _redeem("create", user_id)
    response = _read(RegistrationResponse, answer)
    try:
        made = _server().register_complete(state, response)
    except Exception as error:
        raise PasskeyRefused(str(error)) from error
    _refuse_frames(response.response.client_data)
    credential = made.credential_data
    if credential is None or len(credential.credential_id) > 1023:
        raise PasskeyRefused("no credential")
    return NewKey(credential.credential_id, bytes(credential), made.counter)


async def signed_by(answer: str, user_id: int | None) -> tuple[Passkey, User]:
    """Return the key that signed and its owner, and note its use.

    With `user_id` only that person's keys are accepted. Raises `PasskeyRefused`.
    """
    state = await _redeem("get", user_id)
    response = _read(AuthenticationResponse, answer)
    passkey, user = await _owner_of(response.raw_id)
    if user_id not in (None, user.id):
        raise PasskeyRefused("somebody else's passkey")
    try:
        _server().authenticate_complete(state, [AttestedCredentialData(passkey.credential)], response)
    except Exception as error:
        raise PasskeyRefused(str(error)) from error
    _refuse_frames(response.response.client_data)
    if (user_id is None or response.response.user_handle) and response.response.user_handle != _handle(user):
        raise PasskeyRefused("another person's handle")
    if not await db().write(_use, passkey.id, response.response.authenticator_data.counter):
        raise PasskeyRefused("the count went back: there may be a copy of this key")
    return passkey, user


def _server() -> Fido2Server:
    """Created per request, since its names depend on it; it only computes."""
    host, origin = rp_id(), own_origin()
    if host is None:
        raise NoPasskeysHere
    return Fido2Server(PublicKeyCredentialRpEntity(id=host, name="Rowcast"), verify_origin=lambda told: told == origin)


async def _asked(kind: Kind, options: dict[str, Any], state: dict[str, Any], user_id: int | None) -> Response:
    token = await db().write(_keep, user_id, {"kind": kind, **state})
    response = Response(to_json(options), content_type="application/json")
    age = int(LIFETIMES[Purpose.CHALLENGE].total_seconds())
    response.set_cookie(
        _cookie(), token, max_age=age, path="/", httponly=True, samesite="Strict", secure=config().is_tls
    )
    return response


async def _keep(work: UnitOfWork, user_id: int | None, state: dict[str, Any]) -> str:
    """Strangers request challenges too, so none is kept after it has expired."""
    old = delete(OneTimeToken).where(OneTimeToken.purpose == Purpose.CHALLENGE, OneTimeToken.expires_at < utc_now())
    await work.session.execute(old)
    return await OneTimeToken.issue(work, Purpose.CHALLENGE, user_id=user_id, data=state)


async def _redeem(kind: Kind, user_id: int | None) -> dict[str, Any]:
    """Consume the challenge before looking at the response: each one allows a single try."""
    try:
        token = await db().write(OneTimeToken.redeem, Purpose.CHALLENGE, request.cookies.get(_cookie(), ""))
    except TokenUnusable as error:
        raise PasskeyRefused("no challenge") from error
    if token.user_id != user_id or token.data.get("kind") != kind:
        raise PasskeyRefused("another challenge")
    return token.data


def _read(kind: type[Read], answer: str) -> Read:
    """Parse what the browser sent, if it is a response at all; the parsers raise a variety of errors."""
    try:
        if len(answer) > MAX_ANSWER:
            raise ValueError("too long")
        read: Read | None = kind.from_dict(json.loads(answer))
    except Exception as error:
        raise PasskeyRefused("not readable") from error
    if read is None:  # the response was "null"
        raise PasskeyRefused("nothing")
    return read


async def _owner_of(credential_id: bytes) -> tuple[Passkey, User]:
    statement = (
        select(Passkey, User)
        .join(User, User.id == Passkey.user_id)
        .where(Passkey.credential_id == credential_id, User.is_active)
    )
    async with db().reading() as session:
        found = (await session.execute(statement)).one_or_none()
    if found is None:
        raise PasskeyRefused("not known here")
    return found[0], found[1]


async def _use(work: UnitOfWork, passkey_id: int, count: int) -> bool:
    """Return False if the counter did not increase. Many keys do not count and always send 0."""
    goes_up = or_(Passkey.sign_count < count, (Passkey.sign_count == 0) & (count == 0))
    used = await work.session.execute(
        update(Passkey)
        .where(Passkey.id == passkey_id, goes_up)
        .values(sign_count=count, used_at=utc_now())
        .returning(Passkey.id)
    )
    return used.scalar_one_or_none() is not None


def _refuse_frames(told: CollectedClientData) -> None:
    if told.cross_origin:
        raise PasskeyRefused("asked from a frame of another site")


def _handle(user: User) -> bytes:
    """The id a device stores the person under: reveals nothing about them, and is unique on this host name."""
    return hashlib.sha256(f"{user.id} {user.created_at.isoformat()}".encode()).digest()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _cookie() -> str:
    return "__Host-rowcast-challenge" if config().is_tls else "rowcast-challenge"
