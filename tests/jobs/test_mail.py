"""Mails reach a real mail server, even if it refuses or is down for a while, or this process is killed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from sqlalchemy import text, update

from settings import Settings
from tests.conftest import Client, make_settings
from tests.database import connect, contents
from tests.helpers import ADA, PASSWORD, sign_up
from tests.postbox import Postbox, free_port, parts, postbox
from tests.servers import Server, wait_for
from webapp import create_app
from webapp.db.errors import StorageFull
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs, sealer
from webapp.jobs import mail
from webapp.jobs.mail import connection_options, email_message, send_mail
from webapp.jobs.schedule import Schedule
from webapp.models import Mail, utc_now
from webapp.models.mail import MAX_TRIES, Letter, erase_expired_mails, post_mail, record_attempt
from webapp.web.application import Application

LETTER = Letter("grace@example.org", "Gruß & more", "Hello,\n\nschön.\n", "<p>Hello,</p><p>schön.</p>", "https://x/y")


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as mail_server:
        yield mail_server


@pytest.fixture
def settings(data_dir: Path, box: Postbox) -> Settings:
    return make_settings(data_dir, smtp_url=box.url, mail_from="Rows <rows@example.org>")


@pytest.fixture
async def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Application]:
    """The application; mails that were not sent when it started are left to the test, which is not always slower."""

    async def leave(schedule: Schedule) -> None:
        pass

    monkeypatch.setattr(Schedule, "_resume_mails", leave)
    made = create_app(settings)
    made.test_client_class = Client
    async with made.test_app():
        yield made


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "RETRY_AFTER", (0, 0, 0, 0, 0))


async def write_down(app: Application, letter: Letter = LETTER) -> str:
    """In the outbox; nothing sends it yet."""

    async def verb(work: UnitOfWork) -> str:
        return (await post_mail(work, letter, sealer.of(app))).id

    return await db.of(app).write(verb)


async def found(app: Application, mail_id: str) -> Mail:
    async with db.of(app).reading() as session:
        stored = await session.get(Mail, mail_id)
    assert stored is not None
    return stored


async def test_a_mail_sent_by_a_page_arrives(settings: Settings, box: Postbox) -> None:
    app = create_app(settings)
    app.test_client_class = Client
    async with app.test_app():
        ada = app.test_client()
        await sign_up(ada)
        await app.test_client().post("/reset", form={"email": ADA.email})
        await asyncio.to_thread(wait_for, lambda: box.mails)

    (arrived,) = box.mails
    assert box.recipients == [ADA.email]
    assert (arrived["From"], arrived["To"]) == ("Rows <rows@example.org>", ADA.email)
    assert arrived["Auto-Submitted"] == "auto-generated"
    both = parts(arrived)
    link = next(word for word in both["text/plain"].split() if word.startswith("http://localhost/reset/"))
    assert f'<a href="{link}">' in both["text/html"]


async def test_a_sent_mail_is_erased_from_the_outbox(app: Application, box: Postbox) -> None:
    mail_id = await write_down(app)
    assert (await found(app, mail_id)).letter(sealer.of(app)) == LETTER

    await send_mail(jobs.of(app), mail_id)
    await send_mail(jobs.of(app), mail_id)  # a second run has nothing to do

    stored = await found(app, mail_id)
    assert (stored.sealed, stored.failure, stored.tries) == (None, None, 1)
    assert stored.sent_at is not None
    assert len(box.mails) == 1
    assert box.mails[0]["Subject"] == "Gruß & more"
    assert box.mails[0]["Message-ID"] == f"<{mail_id}@example.org>"
    assert parts(box.mails[0])["text/plain"].replace("\r\n", "\n") == LETTER.text


async def test_a_waiting_mail_is_encrypted(app: Application, settings: Settings) -> None:
    await write_down(app)

    held = contents(settings.data_dir)
    assert b"https://x/y" not in held
    assert "schön".encode() not in held


@pytest.mark.usefixtures("_no_pauses")
async def test_a_temporary_refusal_is_retried(app: Application, box: Postbox) -> None:
    box.refusals = ["451 Greylisted, try again", "451 Greylisted, try again"]
    mail_id = await write_down(app)

    await send_mail(jobs.of(app), mail_id)

    stored = await found(app, mail_id)
    assert (stored.tries, stored.failure, stored.sealed) == (3, None, None)
    assert len(box.mails) == 1


@pytest.mark.usefixtures("_no_pauses")
async def test_a_permanent_refusal_is_not_retried(app: Application, box: Postbox) -> None:
    box.refusals = ["550 No such person here"]
    mail_id = await write_down(app)

    await send_mail(jobs.of(app), mail_id)

    stored = await found(app, mail_id)
    assert stored.tries == MAX_TRIES
    assert "No such person here" in (stored.failure or "")
    assert stored.sealed is not None  # an administrator can still pass the link on
    assert (box.mails, box.asked) == ([], 1)


@pytest.mark.usefixtures("_no_pauses")
async def test_a_refused_password_is_retried_because_an_administrator_can_correct_it(
    app: Application, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, refused = aiosmtplib.send, [aiosmtplib.SMTPAuthenticationError(535, "Bad credentials")] * 2

    async def send_at_last(*args: Any, **kwargs: Any) -> Any:
        if refused:
            raise refused.pop()
        return await send(*args, **kwargs)

    monkeypatch.setattr(aiosmtplib, "send", send_at_last)
    mail_id = await write_down(app)

    await send_mail(jobs.of(app), mail_id)

    stored = await found(app, mail_id)
    assert (stored.tries, stored.failure, stored.sealed) == (3, None, None)
    assert len(box.mails) == 1


@pytest.mark.usefixtures("_no_pauses")
async def test_a_mail_is_given_up_with_the_reason_if_the_server_stays_unavailable(data_dir: Path) -> None:
    app = create_app(make_settings(data_dir, smtp_url=f"smtp://127.0.0.1:{free_port()}"))
    async with app.test_app():
        mail_id = await write_down(app)
        await send_mail(jobs.of(app), mail_id)
        stored = await found(app, mail_id)

    assert stored.tries == MAX_TRIES
    assert (stored.failure or "").startswith("The mail server did not take it:")
    assert stored.sealed is not None


@pytest.mark.usefixtures("_no_pauses")
async def test_a_mail_task_started_twice_sends_one_mail(app: Application, box: Postbox) -> None:
    mail_id = await write_down(app)

    await asyncio.gather(*(send_mail(jobs.of(app), mail_id) for _ in range(3)))

    assert len(box.mails) == 1


async def test_a_mail_whose_sending_cannot_be_recorded_is_not_sent_again(
    app: Application, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_id, failures = await write_down(app), [StorageFull(), StorageFull()]

    async def record(*args: Any, **more: Any) -> int:
        if failures:
            raise failures.pop()
        return await record_attempt(*args, **more)

    monkeypatch.setattr(mail, "record_attempt", record)
    monkeypatch.setattr(mail, "RECORD_EVERY", 0.01)
    await send_mail(jobs.of(app), mail_id)

    assert len(box.mails) == 1
    assert (await found(app, mail_id)).sealed is None


async def test_a_mail_that_is_deleted_or_cannot_be_decrypted_ends_its_task(app: Application, box: Postbox) -> None:
    mail_id = await write_down(app)

    async def spoil(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE mails SET sealed = 'gAAAAAB'"))

    await db.of(app).write(spoil)
    await send_mail(jobs.of(app), mail_id)
    await send_mail(jobs.of(app), "0" * 32)

    assert box.asked == 0


async def test_a_restarted_server_sends_what_the_last_one_could_not(settings: Settings, box: Postbox) -> None:
    silent = create_app(settings)
    async with silent.test_app():
        await db.of(silent).wait_for_writes()
        mail_id = await write_down(silent)  # the process ends before anything sends it

    following = create_app(settings)
    async with following.test_app():
        await asyncio.to_thread(wait_for, lambda: box.mails)
        await asyncio.to_thread(wait_for, lambda: not _is_waiting(settings, mail_id))

    assert len(box.mails) == 1


def _is_waiting(settings: Settings, mail_id: str) -> bool:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        (sent_at,) = connection.execute("SELECT sent_at FROM mails WHERE id = ?", (mail_id,)).fetchone()
    return sent_at is None


def test_a_killed_server_does_not_lose_a_mail(server: Callable[..., Server], data_dir: Path) -> None:
    port = free_port()  # nothing listens there yet
    address = f"smtp://127.0.0.1:{port}"
    first = server(smtp_url=address, public_origin="")
    form = f"email={ADA.email}&password={PASSWORD.replace(' ', '+')}&confirmation={PASSWORD.replace(' ', '+')}"
    kind = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin"}
    assert first.ask("POST", "/register", form.encode(), **kind).status == 303
    assert first.ask("POST", "/reset", f"email={ADA.email}".encode(), **kind).status == 303
    wait_for(lambda: _tries(data_dir) > 0)
    first.process.kill()
    first.process.wait()

    with postbox(port) as box:
        server(smtp_url=address, public_origin="")
        wait_for(lambda: box.mails)

    assert box.recipients == [ADA.email]


def _tries(data_dir: Path) -> int:
    with closing(connect(data_dir / "rowcast.db")) as connection:
        return int(connection.execute("SELECT coalesce(max(tries), 0) FROM mails").fetchone()[0])


async def test_an_unsent_mail_is_erased_after_thirty_days(app: Application) -> None:
    old, fresh = await write_down(app), await write_down(app)

    async def age(work: UnitOfWork) -> None:
        for mail_id, days in ((old, 31), (fresh, 29)):
            then = utc_now() - timedelta(days=days)
            await work.session.execute(update(Mail).where(Mail.id == mail_id).values(created_at=then))

    await db.of(app).write(age)
    await db.of(app).write(erase_expired_mails)

    assert (await found(app, old)).sealed is None
    assert "30 days" in ((await found(app, old)).failure or "")
    assert (await found(app, fresh)).letter(sealer.of(app)) == LETTER


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org:587", {"port": 587, "use_tls": False, "start_tls": True}),
        ("smtp://mail.example.org", {"port": 587, "use_tls": False, "start_tls": True}),
        ("smtps://mail.example.org", {"port": 465, "use_tls": True, "start_tls": False}),
        ("smtp://192.0.2.7:25", {"port": 25, "use_tls": False, "start_tls": True}),
        ("smtp://localhost:25", {"port": 25, "use_tls": False, "start_tls": False}),
        ("smtp://127.0.0.1:25", {"port": 25, "use_tls": False, "start_tls": False}),
        ("smtp://[::1]:25", {"port": 25, "use_tls": False, "start_tls": False}),
    ],
)
def test_mail_beyond_this_machine_requires_tls(data_dir: Path, url: str, expected: dict[str, Any]) -> None:
    options = connection_options(make_settings(data_dir, smtp_url=url, public_origin="https://rows.example.org"))

    assert {name: options[name] for name in expected} == expected
    context = options["tls_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_mail_server_without_tls_gets_no_mail(
    app: Application, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "is_loopback", lambda host: False)
    monkeypatch.setattr(mail, "RETRY_AFTER", ())
    mail_id = await write_down(app)

    await send_mail(jobs.of(app), mail_id)

    assert box.mails == []
    assert "STARTTLS" in ((await found(app, mail_id)).failure or "")


def test_the_user_name_and_password_in_the_smtp_url_are_percent_decoded(data_dir: Path) -> None:
    url = "smtp://rows%40example.org:p%3A%2F%40ss@mail.example.org"
    options = connection_options(make_settings(data_dir, smtp_url=url, public_origin="https://rows.example.org"))

    assert (options["username"], options["password"]) == ("rows@example.org", "p:/@ss")


def test_an_internationalised_domain_is_sent_in_ascii(settings: Settings) -> None:
    letter = Letter("ada@bücher.example", "Hello", "Hello\n", "<p>Hello</p>")

    assert email_message(settings, "0" * 32, letter)["To"] == "ada@xn--bcher-kva.example"


async def test_the_log_of_a_refused_mail_contains_nothing_of_its_text(
    app: Application, box: Postbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.refusals = ["550 Refused"]
    mail_id = await write_down(app)

    await send_mail(jobs.of(app), mail_id)

    assert "could not be handed over" in caplog.text
    assert LETTER.link not in caplog.text
    assert LETTER.recipient not in caplog.text
