"""The links in mails: looking at one uses nothing up, and one that does not work any more says so on a page."""

from quart import Response

from webapp.auth import bp
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose, TokenUnusable
from webapp.web.fragments import render


async def find_link(purpose: Purpose, token: str) -> OneTimeToken:
    """The token, still good. Raises `TokenUnusable`; whoever uses it asks again under the write lock."""
    async with db().reading() as session:
        found = await session.scalar(OneTimeToken.usable(purpose, token))
    if found is None:
        raise TokenUnusable
    return found


@bp.errorhandler(TokenUnusable)
async def answer_unusable(error: TokenUnusable) -> Response:
    """Gone, whichever the reason: used, too old, withdrawn, mistyped, never made."""
    return await render("auth/unusable.html", status=410, text=str(error))
