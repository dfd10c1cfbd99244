"""Unsent mails, for developers: in development, and nowhere else, anybody may read them."""

from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.auth import bp
from webapp.extensions import config, db, sealer
from webapp.models import Mail
from webapp.models.errors import NotFound
from webapp.web.access import public
from webapp.web.fragments import render

MAX_SHOWN = 50


@bp.get("/outbox")
@public
async def outbox_index() -> ResponseReturnValue:
    _only_in_development()
    async with db().reading() as session:
        newest = select(Mail).where(Mail.sealed.is_not(None)).order_by(Mail.created_at.desc()).limit(MAX_SHOWN)
        mails = (await session.scalars(newest)).all()
    return await render("auth/outbox/index.html", mails=mails)


@bp.get("/outbox/<mail_id>")
@public
async def outbox_show(mail_id: str) -> ResponseReturnValue:
    _only_in_development()
    async with db().reading() as session:
        mail = await session.get(Mail, mail_id)
    letter = mail.letter(sealer()) if mail else None
    if mail is None or letter is None:
        raise NotFound("mail")
    return await render("auth/outbox/show.html", mail=mail, letter=letter)


def _only_in_development() -> None:
    """Elsewhere the address does not exist."""
    if not config().is_development:
        raise NotFound
