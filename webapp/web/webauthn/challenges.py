"""Passkeys (WebAuthn): what a device is asked to sign, and whether it signed it, for this server and at this time.

A challenge is valid once, for a few minutes, in one browser: the database stores it and a cookie identifies it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from quart import Response

from webapp.db.errors import UserError
from webapp.extensions import config, db
from webapp.models import OneTimeToken, Passkey, Purpose, TokenUnusable, User
from webapp.models.accounts.one_time_token import LIFETIMES
from webapp.models.accounts.passkey import NewCredential, issue_challenge
from webapp.web.cookies import Cookie
from webapp.web.hosts import LOCAL_NAMES, own_origin
from webapp.web.templating import to_json

if TYPE_CHECKING:
    from webapp.web.webauthn.server import WebAuthnServer

Ceremony = Literal["create", "get"]  # as in `navigator.credentials`

COOKIE = Cookie("rowcast-challenge", int(LIFETIMES[Purpose.CHALLENGE].total_seconds()), samesite="Strict")


class PasskeyRefused(UserError):
    """Shown alike for every reason, so that a forger learns nothing. `reason` is for the log, and so is the person
    whose key it is, once that is known.
    """

    def __init__(self, reason: str, user: User | None = None) -> None:
        self.reason = reason
        self.user = user
        super().__init__("This passkey was not accepted, or it took too long. Try again, or use your password.")


def rp_id() -> str | None:
    """The host name this server's passkeys belong to; None where browsers allow none: without TLS, or on an IP
    address.
    """
    parts = urlsplit(own_origin())
    host = parts.hostname or ""
    if _is_ip_address(host) or not (parts.scheme == "https" or host == "localhost"):
        return None
    return host


def localhost_origin() -> str | None:
    """Where passkeys would work if this is the same machine: browsers allow none on 127.0.0.1."""
    parts = urlsplit(own_origin())
    if rp_id() is not None or parts.hostname not in LOCAL_NAMES or config().public_origin is not None:
        return None
    return f"{parts.scheme}://localhost" + (f":{parts.port}" if parts.port else "")


async def registration_options(user: User, passkeys: Sequence[Passkey]) -> Response:
    credentials = [passkey.credential for passkey in passkeys]
    options, state = _server().registration_options(_user_handle(user), user.email, user.name, credentials)
    return await _options_response("create", options, state, user.id)


async def authentication_options(user_id: int | None, passkeys: Sequence[Passkey] | None) -> Response:
    """`passkeys` are the acceptable ones; None: any of this server's, whoever owns it."""
    credentials = None if passkeys is None else [passkey.credential for passkey in passkeys]
    options, state = _server().authentication_options(credentials)
    return await _options_response("get", options, state, user_id)


async def verify_registration(response: str, user_id: int) -> NewCredential:
    """Verify a new key. Raises `PasskeyRefused`."""
    state = await _redeem_challenge("create", user_id)
    with _refusing_invalid():
        return _server().verify_registration(state, response)


async def verify_authentication(response: str, user_id: int | None) -> User:
    """Return the owner of the key that signed, and note its use.

    With `user_id` only that person's keys are accepted. Raises `PasskeyRefused`.
    """
    state = await _redeem_challenge("get", user_id)
    with _refusing_invalid():
        server = _server()
        parsed = server.parse_authentication(response)
    passkey, user = await _find_owner(parsed.raw_id)
    if user_id not in (None, user.id):
        raise PasskeyRefused("somebody else's passkey", user)
    with _refusing_invalid(user):
        sign_count = server.verify_authentication(state, passkey.credential, parsed)
    user_handle = parsed.response.user_handle
    if (user_id is None or user_handle) and user_handle != _user_handle(user):
        raise PasskeyRefused("another person's handle", user)
    if not await db().write(Passkey.use, passkey.id, sign_count):
        raise PasskeyRefused("the count went back: there may be a copy of this key", user)
    return user


def _server() -> "WebAuthnServer":
    """Created per request, since its names depend on it. Imported with the first passkey: fido2 takes 5 MB."""
    from webapp.web.webauthn.server import WebAuthnServer

    host = rp_id()
    if host is None:
        raise UserError("Passkeys belong to a name with TLS, or to localhost. This address is neither.")
    return WebAuthnServer(host, own_origin())


@contextmanager
def _refusing_invalid(user: User | None = None) -> Iterator[None]:
    """Whatever the parsers and checks of a response raise means the same to its sender."""
    try:
        yield
    except Exception as error:
        raise PasskeyRefused(str(error), user) from error


async def _options_response(
    ceremony: Ceremony, options: dict[str, Any], state: dict[str, Any], user_id: int | None
) -> Response:
    token = await db().write(issue_challenge, user_id, {"kind": ceremony, **state})
    response = Response(to_json(options), content_type="application/json")
    COOKIE.set(response, token)
    return response


async def _redeem_challenge(ceremony: Ceremony, user_id: int | None) -> dict[str, Any]:
    """Consume the challenge before looking at the response: each one allows a single try."""
    try:
        token = await db().write(OneTimeToken.redeem, Purpose.CHALLENGE, COOKIE.get())
    except TokenUnusable as error:
        raise PasskeyRefused("no challenge") from error
    if token.user_id != user_id or token.data.get("kind") != ceremony:
        raise PasskeyRefused("another challenge")
    return token.data


async def _find_owner(credential_id: bytes) -> tuple[Passkey, User]:
    async with db().reading() as session:
        row = (await session.execute(Passkey.with_owner(credential_id))).one_or_none()
    if row is None:
        raise PasskeyRefused("not known here")
    return row[0], row[1]


def _user_handle(user: User) -> bytes:
    """The id a device stores the person under: reveals nothing about them, and is unique on this host name."""
    return hashlib.sha256(f"{user.id} {user.created_at.isoformat()}".encode()).digest()


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
