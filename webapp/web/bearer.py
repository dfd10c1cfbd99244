"""API tokens: a program shows `Authorization: Bearer rowcast_...` and is that token's person, within its scope.

They count below /api/ only, where no page shows anything of anybody. RFC 6750 says how a refusal looks.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from quart import request
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from webapp.extensions import db
from webapp.models import Actor, ApiToken, Scope, utc_now
from webapp.models.api_token import PREFIX, USABLE
from webapp.models.session import digest

API = "/api/"
TOUCH_EVERY = timedelta(minutes=5)  # "last used" is written at most this often
MAX_TOKEN = 200  # characters; ours have 51


class _Challenge(HTTPException):
    """A refusal that says how to do better. Its parameters are quoted, as RFC 6750 has them and werkzeug has not."""

    parameters: Mapping[str, str] = MappingProxyType({})

    def get_headers(self, *args: Any) -> list[tuple[str, str]]:
        said = {"realm": "Rowcast", **self.parameters}
        challenge = ", ".join(f'{name}="{value}"' for name, value in said.items())
        return [*super().get_headers(*args), ("WWW-Authenticate", f"Bearer {challenge}")]


class TokenRefused(_Challenge, Unauthorized):
    """Which of the reasons it is, is told to nobody: a stranger may be trying."""

    description = "This token does not work: it is mistyped, revoked or expired, or its person may not sign in."
    parameters = MappingProxyType({"error": "invalid_token"})


class NotSignedIn(_Challenge, Unauthorized):
    description = "Show a token as 'Authorization: Bearer rowcast_...'. You make one on the page of your account."


class ScopeTooSmall(_Challenge, Forbidden):
    """The person may do this, the token may not."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This takes a token with the scope '{scope}'.")
        self.parameters = {"error": "insufficient_scope", "scope": scope.value}


def is_shown() -> bool:
    """Whether this request counts on a token, and on nothing else: a bad one is not made up for by a cookie."""
    given = request.authorization
    return request.path.startswith(API) and given is not None and given.type == "bearer"


async def load_holder() -> Actor | None:
    """The person of the token that is shown; None for one that does not work."""
    token = (request.authorization.token if request.authorization else None) or ""
    if not token.startswith(PREFIX) or len(token) > MAX_TOKEN:
        return None
    now = utc_now()
    row = await db().fetch_one(USABLE, {"token_hash": digest(token), "now": now})
    if row is None:
        return None
    if row.used_at is None or row.used_at < now - TOUCH_EVERY:
        db().write_soon(ApiToken.touch, row.token_id)
    return Actor(
        id=row.id,
        email=row.email,
        name=row.name,
        role=row.role,
        is_verified=row.verified_at is not None,
        token_id=row.token_id,
        scopes=Scope(row.scope).included,
        time_zone=row.time_zone,
        number_style=row.number_style,
    )


def refusal() -> Unauthorized:
    """What a stranger to the API is told."""
    return TokenRefused() if is_shown() else NotSignedIn()
