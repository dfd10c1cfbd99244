"""The person behind a token."""

from typing import Any

from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import response
from webapp.api.schemas import Me
from webapp.extensions import db
from webapp.models import User
from webapp.web.bearer import unauthorized
from webapp.web.rate_limit.requests import reads
from webapp.web.session import current_user


@bp.get("/v1/me")
@tag(["You"])
@reads
@response(Me)
async def me_show() -> Any:
    """Show who is asking

    The person a token belongs to, and the token's scopes.
    """
    actor = current_user()
    async with db().reading() as session:
        user = await session.get(User, actor.id)
    if user is None:  # removed a moment ago
        raise unauthorized()
    return Me.of(user, actor)
