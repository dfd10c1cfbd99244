"""Sending mail: stored in the unit of work it belongs to, sent by a workflow that survives a crash.

A mail may be sent twice if the process dies between sending it and recording that; its Message-ID is the same.
"""

import asyncio
import json
import logging
import secrets
import ssl
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography.fernet import InvalidToken, MultiFernet
from email_validator import validate_email
from sqlalchemy import ColumnElement, and_, update

from settings import Settings
from webapp.data.keys import sealer
from webapp.data.uow import UnitOfWork
from webapp.jobs.context import JobContext
from webapp.models import Mail, utc_now

PAUSES = (5, 30, 120, 600, 3600)  # seconds between attempts
GIVEN_UP = len(PAUSES) + 1  # tries
TIMEOUT = 30  # seconds a mail server may take per step
KEPT = timedelta(days=30)  # no mailed link is valid longer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """The contents of a mail."""

    recipient: str
    subject: str
    text: str
    html: str
    link: str = ""  # the link, for an administrator to pass on


@dataclass(frozen=True, slots=True)
class Failure:
    words: str
    is_final: bool  # retrying would change nothing


async def post(work: UnitOfWork, letter: Letter, seal: MultiFernet, user_id: int | None = None) -> Mail:
    """Put the letter into the outbox; return its id, which is the workflow's subject."""
    mail = Mail(
        id=secrets.token_hex(16),
        user_id=user_id,
        recipient=letter.recipient,
        subject=letter.subject,
        sealed=seal.encrypt(json.dumps(asdict(letter)).encode()).decode(),
    )
    work.session.add(mail)
    return mail


def unseal(mail: Mail, seal: MultiFernet) -> Letter | None:
    """Decrypt the letter; None once it is sent, or if its key has been lost."""
    try:
        return Letter(**json.loads(seal.decrypt(mail.sealed))) if mail.sealed else None
    except InvalidToken:
        return None


async def send_mail(context: JobContext, mail_id: str) -> None:
    """Retry for just over an hour; then it stays in the outbox with the reason."""
    async with context.lock(f"mail:{mail_id}"):  # a concurrent second run finds it sent
        for _ in range(GIVEN_UP):
            if (pause := await _try(context, mail_id)) is None:
                return
            await asyncio.sleep(pause)


async def _try(context: JobContext, mail_id: str) -> float | None:
    """Seconds until the next attempt; None if there is none."""
    async with context.database.reading() as session:
        mail = await session.get(Mail, mail_id)
    letter = unseal(mail, sealer(context.settings)) if mail else None
    if letter is None:
        return None
    async with context.mail_slots:
        failure = await _hand_over(context.settings, mail_id, letter)
    tries = await context.database.write(_note, mail_id, failure)
    return PAUSES[tries - 1] if failure is not None and 0 < tries <= len(PAUSES) else None


async def _hand_over(settings: Settings, mail_id: str, letter: Letter) -> Failure | None:
    """None on success, or the reason of the failure."""
    import aiosmtplib

    try:
        await aiosmtplib.send(message(settings, mail_id, letter), timeout=TIMEOUT, **connection(settings))
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        logger.warning("A mail could not be handed over: %s", type(error).__name__)
        return Failure(f"The mail server did not take it: {_reason(error)}", _is_final(error))
    return None


def _is_final(error: Exception) -> bool:
    """Whether retrying is pointless: 5xx (RFC 5321, 4.2.1), except for what an administrator can fix."""
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= 500 for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return False
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 500


def message(settings: Settings, mail_id: str, letter: Letter) -> EmailMessage:
    """Text first, then HTML, because readers display the last part they understand."""
    made = EmailMessage()
    made["From"] = settings.mail_from
    made["To"] = _for_the_wire(letter.recipient)
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(utc_now())
    made["Message-ID"] = f"<{mail_id}@{_domain(settings)}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses out-of-office replies
    made.set_content(letter.text)
    made.add_alternative(letter.html, subtype="html")
    return made


def connection(settings: Settings) -> dict[str, Any]:
    """How to connect to the mail server. Beyond this machine only with TLS and a verified name."""
    url = urlsplit(settings.smtp_url.get_secret_value())
    direct, host = url.scheme == "smtps", url.hostname or ""
    return {
        "hostname": host,
        "port": url.port or (465 if direct else 587),
        "username": unquote(url.username) if url.username else None,
        "password": unquote(url.password) if url.password else None,
        "use_tls": direct,
        "start_tls": not (direct or _is_this_machine(host)),
        "tls_context": ssl.create_default_context(),
    }


def _for_the_wire(address: str) -> str:
    """An internationalised domain in ASCII: `bücher.example` becomes `xn--bcher-kva.example`."""
    checked = validate_email(address, check_deliverability=False, globally_deliverable=False, test_environment=True)
    return checked.ascii_email or address


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _domain(settings: Settings) -> str:
    return parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


async def _note(work: UnitOfWork, mail_id: str, failure: Failure | None) -> int:
    """Return the number of attempts so far; 0 if the mail is gone."""
    mail = await work.session.get(Mail, mail_id)
    if mail is None:
        return 0
    mail.tries = mail.tries + 1 if failure is None or not failure.is_final else GIVEN_UP
    mail.failure = failure.words if failure else None
    if failure is None:
        mail.sent_at, mail.sealed = utc_now(), None
    return mail.tries


async def forget_old(work: UnitOfWork) -> None:
    """Links in mails this old have expired: erase the text, keep the rest as a record."""
    await work.session.execute(update(Mail).where(is_old()).values(sealed=None, failure="It was not sent in 30 days."))


def is_old() -> ColumnElement[bool]:
    return and_(Mail.sealed.is_not(None), Mail.created_at < utc_now() - KEPT)
