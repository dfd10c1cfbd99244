"""Passkeys (WebAuthn): what a device is asked to sign, and whether it signed it, for this server and at this time.

A challenge is valid once, for a few minutes, in one browser: the database stores it and a cookie identifies it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from quart import Response
from sqlalchemy import delete, or_, select, update

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db
from webapp.models import OneTimeToken, Passkey, Purpose, TokenUnusable, User, utc_now
from webapp.models.accounts.one_time_token import LIFETIMES
from webapp.web.cookies import Cookie
from webapp.web.hosts import LOCAL_NAMES, own_origin
from webapp.web.templating import to_json

if TYPE_CHECKING:
    from webapp.web.webauthn.server import Ceremonies

Kind = Literal["create", "get"]

COOKIE = Cookie("rowcast-challenge", int(LIFETIMES[Purpose.CHALLENGE].total_seconds()), samesite="Strict")


class PasskeyRefused(UserError):
    """Shown alike for every reason, so that a forger learns nothing. `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("This passkey was not accepted, or it took too long. Try again, or use your password.")


class NoPasskeysHere(UserError):
    def __init__(self) -> None:
        super().__init__("Passkeys belong to a name with TLS, or to localhost. This address is neither.")


@dataclass(frozen=True, slots=True)
class NewCredential:
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


async def registration_options(user: User, known: Sequence[Passkey]) -> Response:
    options, state = _ceremonies().ask_for_key(_handle(user), user.email, user.name, [one.credential for one in known])
    return await _asked("create", options, state, user.id)


async def authentication_options(user_id: int | None, known: Sequence[Passkey] | None) -> Response:
    """`known` are the acceptable keys; None: any of this server's, whoever owns it."""
    options, state = _ceremonies().ask_for_signature(None if known is None else [one.credential for one in known])
    return await _asked("get", options, state, user_id)


async def verify_registration(answer: str, user_id: int) -> NewCredential:
    """Verify a new key. Raises `PasskeyRefused`."""
    state = await _redeem("create", user_id)
    with _refusing():
        return NewCredential(*_ceremonies().read_key(state, answer))


async def verify_authentication(answer: str, user_id: int | None) -> tuple[Passkey, User]:
    """Return the key that signed and its owner, and note its use.

    With `user_id` only that person's keys are accepted. Raises `PasskeyRefused`.
    """
    state = await _redeem("get", user_id)
    with _refusing():
        ceremonies = _ceremonies()
        signed = ceremonies.read_signature(answer)
    passkey, user = await _owner_of(signed.raw_id)
    if user_id not in (None, user.id):
        raise PasskeyRefused("somebody else's passkey")
    with _refusing():
        count = ceremonies.check_signature(state, passkey.credential, signed)
    if (user_id is None or signed.response.user_handle) and signed.response.user_handle != _handle(user):
        raise PasskeyRefused("another person's handle")
    if not await db().write(_use, passkey.id, count):
        raise PasskeyRefused("the count went back: there may be a copy of this key")
    return passkey, user


def _ceremonies() -> "Ceremonies":
    """Created per request, since their names depend on it. Imported with the first passkey: fido2 takes 5 MB."""
    from webapp.web.webauthn.server import Ceremonies

    host = rp_id()
    if host is None:
        raise NoPasskeysHere
    return Ceremonies(host, own_origin())


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever the parsers and checks of a response raise means the same to its sender."""
    try:
        yield
    except Exception as error:
        raise PasskeyRefused(str(error)) from error


async def _asked(kind: Kind, options: dict[str, Any], state: dict[str, Any], user_id: int | None) -> Response:
    token = await db().write(_keep, user_id, {"kind": kind, **state})
    response = Response(to_json(options), content_type="application/json")
    COOKIE.set(response, token)
    return response


async def _keep(work: UnitOfWork, user_id: int | None, state: dict[str, Any]) -> str:
    """Strangers request challenges too, so none is kept after it has expired."""
    old = delete(OneTimeToken).where(OneTimeToken.purpose == Purpose.CHALLENGE, OneTimeToken.expires_at < utc_now())
    await work.session.execute(old)
    return await OneTimeToken.issue(work, Purpose.CHALLENGE, user_id=user_id, data=state)


async def _redeem(kind: Kind, user_id: int | None) -> dict[str, Any]:
    """Consume the challenge before looking at the response: each one allows a single try."""
    try:
        token = await db().write(OneTimeToken.redeem, Purpose.CHALLENGE, COOKIE.get())
    except TokenUnusable as error:
        raise PasskeyRefused("no challenge") from error
    if token.user_id != user_id or token.data.get("kind") != kind:
        raise PasskeyRefused("another challenge")
    return token.data


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


def _handle(user: User) -> bytes:
    """The id a device stores the person under: reveals nothing about them, and is unique on this host name."""
    return hashlib.sha256(f"{user.id} {user.created_at.isoformat()}".encode()).digest()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
