"""Mail to people: rendered from templates, put into the outbox in the unit of work it belongs to."""

from typing import Any

import structlog
from markupsafe import Markup

from webapp.data.uow import UnitOfWork
from webapp.extensions import config, jobs, sealer
from webapp.jobs import mail
from webapp.jobs.mail import Letter
from webapp.web import templating
from webapp.web.hosts import own_origin

log = structlog.get_logger("rowcast.mail")


def letter(template: str, recipient: str, subject: str, path: str = "", **context: Any) -> Letter:
    """Render `mail/<template>.txt`; `path` is where its link points on this server.

    The HTML part is made of the same paragraphs, so that both parts say the same.
    """
    origin = own_origin()
    link = f"{origin}{path}" if path else ""
    given = {"link": link, "subject": subject, "origin": origin, "recipient": recipient, **_in_one_line(context)}
    text = _plain(templating.render(f"mail/{template}.txt", **given))
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n")]
    return Letter(
        recipient=recipient,
        subject=subject,
        text=text,
        html=str(templating.render("mail/letter.html", paragraphs=paragraphs, **given)),
        link=link,
    )


async def post(work: UnitOfWork, letter: Letter, user_id: int | None = None) -> None:
    """Put it into the outbox; it is sent once the unit of work is committed. Call it inside a verb of a request.

    Without a mail server it stays there: an administrator passes the link on, and in development the log shows it.
    """
    written = await mail.post(work, letter, sealer(), user_id)
    settings, running = config(), jobs()
    if settings.smtp_url.get_secret_value():
        work.after_commit(lambda: running.start("send_mail", written.id))
    elif settings.is_development:
        work.after_commit(lambda: log.info("a mail was not sent", to=letter.recipient, link=letter.link))


def _in_one_line(context: dict[str, Any]) -> dict[str, Any]:
    """Keep names that people choose from looking like a paragraph of ours."""
    return {name: " ".join(value.split()) if isinstance(value, str) else value for name, value in context.items()}


def _plain(rendered: Markup) -> str:
    """Text templates are escaped like all others, so that no exception has to be remembered; this undoes it."""
    return rendered.unescape().strip() + "\n"
