"""API tokens: a program sends `Authorization: Bearer rowcast_...` and acts as the token's owner, within its scope.

Tokens are valid only below /api/, where no page shows private data. RFC 6750 defines the refusals.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from quart import request
from sqlalchemy import select
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from webapp.extensions import db
from webapp.models import Actor, ApiToken, Event, Scope, User, utc_now
from webapp.models.accounts.api_token import PREFIX, START_LENGTH, USABLE_TOKEN
from webapp.models.accounts.user import actor_from
from webapp.models.base import hash_token
from webapp.web.audit import may_record_refusal, record_refusal

API = "/api/"
TOUCH_INTERVAL = timedelta(minutes=5)  # "last used" is written at most this often
MAX_TOKEN = 200  # characters; ours have 51


class _Challenge(HTTPException):
    """A refusal that says how to authenticate. RFC 6750 wants quoted parameters; Werkzeug does not quote them."""

    parameters: Mapping[str, str] = MappingProxyType({})

    def get_headers(self, *args: Any) -> list[tuple[str, str]]:
        parameters = {"realm": "Rowcast", **self.parameters}
        challenge = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return [*super().get_headers(*args), ("WWW-Authenticate", f"Bearer {challenge}")]


class TokenRefused(_Challenge, Unauthorized):
    """Does not say which reason applies, since a stranger may be guessing."""

    description = "This token does not work: it is mistyped, revoked or expired, or its person may not sign in."
    parameters = MappingProxyType({"error": "invalid_token"})


class NotSignedIn(_Challenge, Unauthorized):
    description = "Show a token as 'Authorization: Bearer rowcast_...'. You create one on the page of your account."


class ScopeTooSmall(_Challenge, Forbidden):
    """The person may do this, but the token may not."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This takes a token with the scope '{scope}'.")
        self.parameters = {"error": "insufficient_scope", "scope": scope.value}


class TokenLimited(Forbidden):
    description = "This token is for some tables only. Use one that is for all."


def has_token() -> bool:
    """Whether this request uses a token, and nothing else: a cookie does not make up for an invalid token."""
    authorization = request.authorization
    return request.path.startswith(API) and authorization is not None and authorization.type == "bearer"


async def load_token_owner() -> Actor | None:
    """Return the owner of the token, or None if the token is not valid."""
    token = (request.authorization.token if request.authorization else None) or ""
    if not token.startswith(PREFIX) or len(token) > MAX_TOKEN:
        await _record_refusal(token)
        return None
    now = utc_now()
    row = await db().fetch_one(USABLE_TOKEN, {"token_hash": hash_token(token), "now": now})
    if row is None:
        await _record_refusal(token)
        return None
    if row.used_at is None or not now - TOUCH_INTERVAL <= row.used_at <= now + TOUCH_INTERVAL:
        db().write_soon(ApiToken.touch, row.token_id)
    limit = None if row.table_ids is None else frozenset(row.table_ids)
    return actor_from(row, token_id=row.token_id, scopes=Scope(row.scope).included, table_ids=limit)


async def _record_refusal(token: str) -> None:
    """With the person whose token it was, if it ever was one, and its first characters, which its page shows too."""
    if not may_record_refusal(Event.TOKEN_REFUSED):
        return
    owner = select(User).join(ApiToken, ApiToken.user_id == User.id).where(ApiToken.token_hash == hash_token(token))
    async with db().reading() as session:
        user = await session.scalar(owner)
    # What is no token of ours may be a password that somebody typed in its place.
    record_refusal(Event.TOKEN_REFUSED, user, **({"token": token[:START_LENGTH]} if token.startswith(PREFIX) else {}))


def unauthorized() -> Unauthorized:
    """The refusal for strangers to the API."""
    return TokenRefused() if has_token() else NotSignedIn()
