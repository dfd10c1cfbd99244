"""Mailed links: opening one uses nothing up, and an invalid one leads to a page that says so."""

from quart import Response

from webapp.auth import bp
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose, TokenUnusable
from webapp.web.fragments import render


async def find_link(purpose: Purpose, token: str) -> OneTimeToken:
    """Return the token if it is still valid. Raises `TokenUnusable`; using it checks again under the write lock."""
    async with db().reading() as session:
        found = await session.scalar(OneTimeToken.usable(purpose, token))
    if found is None:
        raise TokenUnusable
    return found


@bp.errorhandler(TokenUnusable)
async def answer_unusable(error: TokenUnusable) -> Response:
    """410 for every reason alike: used, expired, withdrawn, mistyped, invented."""
    return await render("auth/unusable.html", status=410, text=str(error))
