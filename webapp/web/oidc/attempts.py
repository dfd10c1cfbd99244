"""A sign-in through the provider, from the press of a button until the browser comes back.

A random token in a cookie binds it to the browser, and what the provider is shown is derived from it. The database
has the token's hash; it is used up by the first answer.
"""

import hmac
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from quart import Quart, url_for
from werkzeug.sansio.response import Response

from webapp.extensions import Extension, config, db
from webapp.models import Actor, OneTimeToken, Purpose, TokenUnusable
from webapp.models.accounts.one_time_token import LIFETIMES
from webapp.web.cookies import Cookie
from webapp.web.hosts import own_origin
from webapp.web.oidc.failures import AnswerRefused, NoProvider
from webapp.web.oidc.proof import Proof

if TYPE_CHECKING:
    from webapp.web.oidc.provider import Provider

Kind = Literal["sign-in", "confirm", "link"]

# Not Strict: the browser comes back from another site.
COOKIE = Cookie("rowcast-single-sign-on", int(LIFETIMES[Purpose.PROVIDER].total_seconds()), samesite="Lax")
CALLBACK = "auth.single_sign_on_callback"
# Somebody who confirms who they are must do something for it, not just be signed in there.
PROOF_NOW = {"prompt": "login", "max_age": "0"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What it is for."""

    kind: Kind
    target: str | None = None  # the page to go to afterwards
    is_remembered: bool = False
    is_strong: bool = False  # a code of the second factor was shown before
    session_id: int | None = None  # of whoever is signed in and confirms or links
    began_at: datetime | None = field(default=None, compare=False)


async def begin(attempt: Attempt, actor: Actor | None = None) -> tuple[str, str]:
    """Where to send the browser, and the token for its cookie. Raises `NoProvider` and `Unreachable`."""
    if not config().has_single_sign_on:
        raise NoProvider
    data = {name: value for name, value in asdict(attempt).items() if name != "began_at"}
    user_id = actor.id if actor else None
    token = await db().write(OneTimeToken.issue, Purpose.PROVIDER, user_id=user_id, data=data, ends_earlier=False)
    more = PROOF_NOW if attempt.kind == "confirm" else {}
    return await provider().authorization_url(_proof(token), **more), token


def remember(response: Response, token: str) -> None:
    COOKIE.set(response, token)


def forget(response: Response) -> None:
    COOKIE.delete(response)


async def resume(state: str) -> tuple[Attempt, Proof]:
    """The sign-in that this browser has begun, used up. Raises `AnswerRefused`.

    An answer to another browser's leaves ours alone: somebody may have sent it to end this one, or to sign us in as
    themselves.
    """
    token = COOKIE.get()
    proof = _proof(token)
    if not token or not hmac.compare_digest(state.encode(), proof.state.encode()):
        raise AnswerRefused("not begun in this browser: state")
    try:
        row = await db().write(OneTimeToken.redeem, Purpose.PROVIDER, token)
    except TokenUnusable as error:
        raise AnswerRefused("used already, or too old") from error
    return Attempt(**row.data, began_at=row.created_at), proof


def _proof(token: str) -> Proof:
    return Proof.of(token, own_origin() + url_for(CALLBACK))


def _provider(app: Quart) -> "Provider":
    """Imported with the first sign-in: what speaks HTTP and verifies tokens takes 15 MB."""
    from webapp.web.oidc.provider import Provider

    return Provider(config.of(app))


provider: Extension["Provider"] = Extension("oidc_provider", _provider)
