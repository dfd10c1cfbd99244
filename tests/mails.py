"""Reads the outbox as an administrator or a developer does."""

from urllib.parse import urlsplit

from sqlalchemy import select

from webapp.extensions import db, sealer
from webapp.models import Mail
from webapp.models.mail import Letter
from webapp.web.application import Application


async def letters(app: Application, recipient: str | None = None) -> list[Letter]:
    """The unsent ones, oldest first, after all pending writes."""
    await db.of(app).wait_for_writes()
    async with db.of(app).reading() as session:
        mails = (await session.scalars(select(Mail).order_by(Mail.created_at))).all()
    found = [letter for mail in mails if (letter := mail.letter(sealer.of(app))) is not None]
    return [letter for letter in found if recipient in (None, letter.recipient)]


async def newest_link(app: Application, recipient: str | None = None) -> str:
    """The path of its link."""
    return urlsplit((await letters(app, recipient))[-1].link).path
