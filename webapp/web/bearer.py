"""API tokens: a program sends `Authorization: Bearer rowcast_...` and acts as the token's owner, within its scope.

Tokens are valid only below /api/, where no page shows private data. RFC 6750 defines the refusals.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from quart import request
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from webapp.extensions import db
from webapp.models import Actor, ApiToken, Scope, utc_now
from webapp.models.accounts.api_token import PREFIX, USABLE_TOKEN
from webapp.models.accounts.user import actor_from
from webapp.models.base import hash_token

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
    description = "Show a token as 'Authorization: Bearer rowcast_...'. You make one on the page of your account."


class ScopeTooSmall(_Challenge, Forbidden):
    """The person may do this, but the token may not."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This takes a token with the scope '{scope}'.")
        self.parameters = {"error": "insufficient_scope", "scope": scope.value}


def has_token() -> bool:
    """Whether this request uses a token, and nothing else: a cookie does not make up for an invalid token."""
    authorization = request.authorization
    return request.path.startswith(API) and authorization is not None and authorization.type == "bearer"


async def load_token_owner() -> Actor | None:
    """Return the owner of the token, or None if the token is not valid."""
    token = (request.authorization.token if request.authorization else None) or ""
    if not token.startswith(PREFIX) or len(token) > MAX_TOKEN:
        return None
    now = utc_now()
    row = await db().fetch_one(USABLE_TOKEN, {"token_hash": hash_token(token), "now": now})
    if row is None:
        return None
    if row.used_at is None or row.used_at < now - TOUCH_INTERVAL:
        db().write_soon(ApiToken.touch, row.token_id)
    return actor_from(row, token_id=row.token_id, scopes=Scope(row.scope).included)


def unauthorized() -> Unauthorized:
    """The refusal for strangers to the API."""
    return TokenRefused() if has_token() else NotSignedIn()
