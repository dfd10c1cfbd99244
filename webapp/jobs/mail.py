"""Sending mails from the outbox (webapp/models/mail.py) by SMTP.

A mail may be sent twice if the process dies between sending it and recording that; its Message-ID is the same.
"""

import asyncio
import logging
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from email_validator import validate_email

from settings import Settings, is_loopback
from webapp.db.errors import DatabaseTrouble
from webapp.db.keys import sealer
from webapp.jobs.context import JobContext
from webapp.models import Mail, utc_now
from webapp.models.mail import MAX_TRIES, RETRY_AFTER, Letter, record_attempt

RECORD_EVERY = 10.0  # seconds between attempts to record an attempt, while the disk is full
TIMEOUT = 30  # seconds a mail server may take per step

logger = logging.getLogger(__name__)


async def send_mail(context: JobContext, mail_id: str) -> None:
    """Retry for just over an hour; then it stays in the outbox with the reason."""
    async with context.lock(f"mail:{mail_id}"):  # a concurrent second run finds it sent
        for _ in range(MAX_TRIES):
            if (pause := await _attempt(context, mail_id)) is None:
                return
            await asyncio.sleep(pause)


async def _attempt(context: JobContext, mail_id: str) -> float | None:
    """Seconds until the next attempt; None if there is none."""
    import aiosmtplib

    async with context.database.reading() as session:
        mail = await session.get(Mail, mail_id)
    letter = mail.letter(sealer(context.settings)) if mail else None
    if letter is None:
        return None
    reason, is_final = None, False
    try:
        async with context.mail_slots:
            await aiosmtplib.send(
                email_message(context.settings, mail_id, letter),
                timeout=TIMEOUT,
                **connection_options(context.settings),
            )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        logger.warning("A mail could not be handed over: %s", type(error).__name__)
        details = " ".join(str(error).split())[:200] or type(error).__name__
        reason, is_final = f"The mail server did not take it: {details}", _is_final(error)
    tries = await _record(context, mail_id, reason, is_final=is_final)
    return RETRY_AFTER[tries - 1] if reason is not None and 0 < tries <= len(RETRY_AFTER) else None


async def _record(context: JobContext, mail_id: str, reason: str | None, *, is_final: bool) -> int:
    """Return how many attempts there were. Ends only when that is recorded: a mail that was handed over and is not
    known to be would be sent again.
    """
    while True:
        try:
            return await context.database.write(record_attempt, mail_id, reason, is_final=is_final)
        except DatabaseTrouble as trouble:
            logger.warning("The attempt to send mail %s could not be saved: %s", mail_id, trouble)
            await asyncio.sleep(RECORD_EVERY)


def _is_final(error: Exception) -> bool:
    """Whether retrying is pointless: 5xx (RFC 5321, 4.2.1), except for what an administrator can fix."""
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= 500 for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return False
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 500


def email_message(settings: Settings, mail_id: str, letter: Letter) -> EmailMessage:
    """Text first, then HTML, because readers display the last part they understand."""
    mail = EmailMessage()
    mail["From"] = settings.mail_from
    mail["To"] = _ascii_address(letter.recipient)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(utc_now())
    domain = parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{mail_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses out-of-office replies
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    return mail


def connection_options(settings: Settings) -> dict[str, Any]:
    """How to connect to the mail server. Beyond this machine only with TLS and a verified name."""
    url = urlsplit(settings.smtp_url.get_secret_value())
    is_tls, host = url.scheme == "smtps", url.hostname or ""
    return {
        "hostname": host,
        "port": url.port or (465 if is_tls else 587),
        "username": unquote(url.username) if url.username else None,
        "password": unquote(url.password) if url.password else None,
        "use_tls": is_tls,
        "start_tls": not (is_tls or is_loopback(host)),
        "tls_context": ssl.create_default_context(),
    }


def _ascii_address(address: str) -> str:
    """An internationalised domain in ASCII: `bücher.example` becomes `xn--bcher-kva.example`."""
    checked = validate_email(address, check_deliverability=False, globally_deliverable=False, test_environment=True)
    return checked.ascii_email or address
