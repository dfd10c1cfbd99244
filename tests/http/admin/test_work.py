"""Background jobs, mails and settings: problems are explained, retries work, and no secret is shown."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from quart.testing import QuartClient
from sqlalchemy import select, update

from settings import Settings
from tests.conftest import make_settings
from tests.http.admin.conftest import page, statements, text, words_in
from tests.http.admin.test_people import Team, events
from tests.import_states import add_import
from tests.servers import PATIENCE
from webapp.admin.settings import current_settings
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, sealer
from webapp.models import Event, Import, ImportState, Mail, OneTimeToken, Purpose, Role, Table, utc_now
from webapp.models.base import hash_token
from webapp.models.mail import MAX_TRIES, Letter, post_mail
from webapp.web.application import Application

CORPUS = Path(__file__).parents[2] / "corpus"


async def post(
    app: Application,
    recipient: str,
    user_id: int | None = None,
    origin: str = "http://localhost",
    path: str | None = None,
    **more: object,
) -> str:
    """A link with a secret works until its token is used or too old."""
    link = origin + (path or f"/reset/secret-of-{recipient}")
    letter = Letter(recipient, "Choose a new password", "text", "html", link)

    async def write(work: UnitOfWork) -> str:
        mail = await post_mail(work, letter, sealer(), user_id)
        for name, value in more.items():
            setattr(mail, name, value)
        if "secret" in link:
            token = hash_token(re.split("[/=]", link)[-1])
            until = utc_now() + timedelta(hours=1)
            work.session.add(OneTimeToken(purpose=Purpose.RESET, token_hash=token, user_id=user_id, expires_at=until))
        return mail.id

    async with app.app_context():
        return await db().write(write)


async def test_lists_of_imports_read_only_the_number_of_rows_from_their_inspections(
    app: Application, administrator: QuartClient, owner: QuartClient, settings: Settings
) -> None:
    """An inspection may have megabytes, and both pages reload themselves every two seconds."""
    add_import(settings.data_dir, CORPUS / "ragged.csv", "ready")
    add_import(settings.data_dir, CORPUS / "ragged.csv", "loading")
    with statements(app) as seen:
        dashboard = words_in(await page(owner, "/dashboard"))
        work = words_in(await page(administrator, "/admin/jobs"))

    assert "Ready to import, 2 rows" in dashboard
    assert "0 of 2 rows" in dashboard
    assert "0 of 2 rows in" in work
    one_value = r"JSON_EXTRACT\(imports\.inspection,[^)]*\)|imports\.inspection ->> %\(inspection_\d\)s"
    read = [re.sub(one_value, "", statement) for statement in seen]
    assert any("imports" in statement for statement in read)
    assert [statement for statement in read if "inspection" in statement] == []


async def test_the_imports_of_everybody_are_listed_with_their_state(
    app: Application, administrator: QuartClient, settings: Settings
) -> None:
    add_import(settings.data_dir, CORPUS / "ragged.csv", "ready")
    add_import(settings.data_dir, CORPUS / "bomb.xlsx", "failed", failure="It unpacks to more than it may.")
    said = words_in(await page(administrator, "/admin/jobs"))

    assert "No jobs are running." in said
    assert "bomb.xlsx of ada@example.org , 306 kB" in said
    assert "It unpacks to more than it may." in said
    assert "The file is not kept: it has to be uploaded again." in said
    assert "review ragged.csv" in said


async def test_a_failed_import_whose_file_still_exists_can_be_retried(
    app: Application, administrator: QuartClient, settings: Settings
) -> None:
    path = add_import(settings.data_dir, CORPUS / "ragged.csv", "ready")
    import_id = path.rpartition("/")[2]
    folder = settings.imports_dir / import_id
    folder.mkdir(parents=True, exist_ok=True)

    async def fail(work: UnitOfWork) -> None:
        found = await work.session.get_one(Import, import_id)
        found.state, found.failure = ImportState.FAILED, "The disk is full."

    async with app.app_context():
        await db().write(fail)
    retry = f"/admin/jobs/imports/{import_id}/retry"
    assert retry not in await page(administrator, "/admin/jobs")
    assert (await administrator.post(retry)).status_code == 422
    (folder / "original").write_bytes((CORPUS / "ragged.csv").read_bytes())

    assert retry in await page(administrator, "/admin/jobs")
    assert (await administrator.post(retry)).status_code == 303
    async with app.app_context():
        found = await app.extensions["rowcast.jobs"].wait_for_pass(import_id, PATIENCE)
    assert found.state == ImportState.READY
    assert (await administrator.post(retry)).status_code == 422
    assert (await administrator.post("/admin/jobs/imports/nothing/retry")).status_code == 404
    assert [event.details for event in await events(app, Event.JOB_RETRIED)] == [{"file": "ragged.csv"}]


async def test_no_session_is_open_while_the_page_looks_for_files(
    app: Application, administrator: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_import(settings.data_dir, CORPUS / "ragged.csv", "ready")

    async def fail(work: UnitOfWork) -> None:
        await work.session.execute(update(Import).values(state=ImportState.FAILED))

    await db.of(app).write(fail)
    in_use: list[int] = []
    is_file = Path.is_file

    def look(path: Path) -> bool:
        if path.name == "original":
            in_use.append(db.of(app).reader.pool.checkedout())  # type: ignore[attr-defined]
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", look)
    for _ in range(3):  # the schedule may be reading at the same time, but not each time
        await page(administrator, "/admin/jobs")

    assert min(in_use) == 0
    assert len(in_use) == 3


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ImportState.INSPECTING, "still being read"),
        (ImportState.READY, "waiting for your decision"),
        (ImportState.DONE, "already done"),
    ],
)
async def test_only_a_failed_import_can_be_retried(
    app: Application, administrator: QuartClient, settings: Settings, state: ImportState, words: str
) -> None:
    path = add_import(settings.data_dir, CORPUS / "ragged.csv", "ready")

    async def move(work: UnitOfWork) -> None:
        await work.session.execute(update(Import).values(state=state))

    await db.of(app).write(move)
    answer = await administrator.post(f"/admin/jobs/imports/{path.rpartition('/')[2]}/retry")

    assert (answer.status_code, words in await text(answer)) == (422, True)


async def test_a_search_index_being_built_is_listed_without_the_tables_title(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    async def build(work: UnitOfWork) -> None:
        work.session.add(
            Table(owner_id=team[Role.MEMBER].id, title="Salaries", search_index="building", row_count=300_000)
        )

    async with app.app_context():
        await db().write(build)
    html = await page(administrator, "/admin/jobs")

    assert "Search index of table 1 of eve@example.org 300,000 rows" in words_in(html)
    assert "Salaries" not in html
    assert 'hx-trigger="every 2s"' in html


async def test_no_page_shows_the_link_of_a_mail_and_revealing_it_is_audited(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    mail_id = await post(app, "eve@example.org", team[Role.MEMBER].id)
    listed = await page(administrator, "/admin/mails")
    assert "secret-of" not in listed
    assert (await administrator.get(f"/admin/mails/{mail_id}/link")).status_code == 405

    answer = await administrator.post(f"/admin/mails/{mail_id}/link")
    assert "http://localhost/reset/secret-of-eve@example.org" in await text(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    (event,) = await events(app, Event.LINK_COPIED)
    assert (event.actor, event.subject) == ("bob@example.org", "eve@example.org")
    assert "secret" not in str(event.details)


async def test_a_copied_link_no_longer_verifies_the_address(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    """So it removes no second factor (tests/http/auth/test_resets.py)."""
    await administrator.post(f"/admin/people/{team[Role.MEMBER].id}/reset")
    async with db.of(app).reading() as session:
        mail_id = await session.scalar(select(Mail.id))
        (before,) = await session.scalars(select(OneTimeToken))

    await administrator.post(f"/admin/mails/{mail_id}/link")

    async with db.of(app).reading() as session:
        (after,) = await session.scalars(select(OneTimeToken))
    assert (before.is_by_hand, after.is_by_hand) == (False, True)


async def test_a_link_leads_to_the_host_of_the_reader(app: Application, administrator: QuartClient, team: Team) -> None:
    mail_id = await post(app, "eve@example.org", team[Role.MEMBER].id, origin="http://evil.example")

    shown = await text(await administrator.post(f"/admin/mails/{mail_id}/link"))

    assert "http://localhost/reset/secret-of-eve@example.org" in shown
    assert "evil" not in shown


async def test_the_link_of_an_email_change_keeps_its_query(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    mail_id = await post(
        app, "eve@new.example", team[Role.MEMBER].id, path="/account/email/confirmation?token=secret-of-eve"
    )

    shown = await text(await administrator.post(f"/admin/mails/{mail_id}/link"))

    assert "http://localhost/account/email/confirmation?token=secret-of-eve<" in shown
    async with db.of(app).reading() as session:
        assert [token.is_by_hand for token in await session.scalars(select(OneTimeToken))] == [True]


async def test_a_notice_has_no_link_to_copy(app: Application, administrator: QuartClient, team: Team) -> None:
    notice = await post(app, "eve@example.org", team[Role.MEMBER].id, path="/reset")
    asked = await post(app, "eve@example.org", team[Role.MEMBER].id)

    assert re.findall(r"/admin/mails/(\w+)/link", await page(administrator, "/admin/mails")) == [asked]
    assert notice != asked


async def test_ones_own_links_and_those_of_higher_roles_stay_hidden(
    app: Application, administrator: QuartClient, owner: QuartClient, team: Team
) -> None:
    above = await post(app, "ada@example.org", team[Role.OWNER].id)
    own = await post(app, "bob@example.org", team[Role.ADMINISTRATOR].id)
    stranger = await post(app, "new@example.org")  # an invitation that is no longer pending
    html = await page(administrator, "/admin/mails")

    for mail_id in (above, own, stranger):
        assert f"{mail_id}/link" not in html
        assert (await administrator.post(f"/admin/mails/{mail_id}/link")).status_code == 403
    assert (await owner.post(f"/admin/mails/{above}/link")).status_code == 403  # the owner's own
    assert (await owner.post(f"/admin/mails/{own}/link")).status_code == 200
    assert (await administrator.post("/admin/mails/none/link")).status_code == 404
    assert len(await events(app, Event.LINK_COPIED)) == 1


async def test_the_list_of_mails_takes_the_same_number_of_queries_for_any_length(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    async def asked() -> int:
        with statements(app) as seen:
            html = await page(administrator, "/admin/mails")
        shown.append(html.count('id="mail-'))
        return sum("one_time_tokens" in statement or "FROM mails" in statement for statement in seen)

    async def add(name: str) -> None:
        await post(app, f"{name}@example.org", team[Role.MEMBER].id)
        await post(app, f"invited-{name}@example.org")
        await post(app, f"sent-{name}@example.org", sealed=None, sent_at=utc_now())

    shown: list[int] = []
    await add("a")
    few = await asked()
    for number in range(10):
        await add(f"b{number}")

    assert await asked() == few
    assert shown == [2, 22]


@pytest.mark.parametrize("end", ["used_at", "expires_at"])
async def test_a_used_or_expired_link_is_not_offered(
    app: Application, administrator: QuartClient, team: Team, end: str
) -> None:
    mail_id = await post(app, "eve@example.org", team[Role.MEMBER].id)

    async def write(work: UnitOfWork) -> None:
        await work.session.execute(update(OneTimeToken).values({end: utc_now()}))

    await db.of(app).write(write)

    assert "Copy the link" not in await page(administrator, "/admin/mails")
    assert (await administrator.post(f"/admin/mails/{mail_id}/link")).status_code == 422
    assert await events(app, Event.LINK_COPIED) == []


async def test_a_sent_mail_has_no_link(app: Application, administrator: QuartClient, team: Team) -> None:
    mail_id = await post(app, "eve@example.org", team[Role.MEMBER].id, sealed=None)

    assert (await administrator.post(f"/admin/mails/{mail_id}/link")).status_code == 422
    assert await events(app, Event.LINK_COPIED) == []


async def test_a_mail_that_was_given_up_can_be_retried(
    app: Application, administrator: QuartClient, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, str]] = []  # also by the schedule, which looks for mails when a server starts
    monkeypatch.setattr(app.extensions["rowcast.queue"], "enqueue", lambda *what: started.append(what))
    given_up = await post(app, "eve@example.org", team[Role.MEMBER].id, tries=MAX_TRIES, failure="Refused.")
    tried = await post(app, "gus@example.org", team[Role.GUEST].id, tries=1, failure="Busy.")
    assert (await administrator.post(f"/admin/mails/{given_up}/retry")).status_code == 422  # no mail server

    async with app.app_context():
        settings = config().model_copy(update={"smtp_url": make_smtp()})
    monkeypatch.setitem(app.extensions, "rowcast.settings", settings)
    html = await page(administrator, "/admin/mails")
    assert "Refused. It will not be tried again." in words_in(html)
    assert "Busy. It will be tried again; 1 attempt so far." in words_in(html)
    assert re.findall(r"/admin/mails/(\w+)/retry", html) == [given_up]
    assert (await administrator.post(f"/admin/mails/{given_up}/retry")).status_code == 303
    assert (await administrator.post(f"/admin/mails/{tried}/retry")).status_code == 422
    sent = await post(app, "new@example.org", sealed=None, tries=1)
    assert "This mail was sent" in await text(await administrator.post(f"/admin/mails/{sent}/retry"))

    assert ("send_mail", given_up) in started
    async with app.app_context(), db().reading() as session:
        tries = {mail.id: mail.tries for mail in await session.scalars(select(Mail))}
    assert tries == {given_up: 0, tried: 1, sent: 1}
    assert len(await events(app, Event.JOB_RETRIED)) == 1


def make_smtp() -> object:
    return type("Secret", (), {"get_secret_value": lambda self: "smtp://localhost:1"})()


async def test_the_settings_page_shows_values_and_no_secrets(administrator: QuartClient, settings: Settings) -> None:
    html = await page(administrator, "/admin/settings")

    assert settings.secret_key.get_secret_value() not in html
    said = words_in(html)
    assert "ROWCAST_SESSION_FRESH 600 10 minutes Seconds after signing in" in said
    assert "ROWCAST_ENVIRONMENT testing set production, development" in said
    assert "SQLite" in said
    assert "Database schema" in said
    assert not re.search(r"ROWCAST_\w+_TIMEOUT \d+\.0 ", said)


def test_every_setting_is_described_and_every_secret_is_hidden(tmp_path: Path) -> None:
    secrets = {
        "secret_key": "s" * 40,
        "secret_key_fallbacks": "t" * 40,
        "smtp_url": "smtp://me:pass@localhost",
        "rate_limit_url": "redis://:pass@localhost",
        "database_url": "postgresql+psycopg://me:pass@localhost/rowcast",
        "oidc_client_secret": "u" * 40,
    }
    shown = {
        one.name.removeprefix("ROWCAST_").lower(): one for one in current_settings(make_settings(tmp_path, **secrets))
    }

    assert list(shown) == list(Settings.model_fields)
    assert all(one.description for one in shown.values())
    assert {name for name, one in shown.items() if one.is_secret} == secrets.keys()
    assert {shown[name].value for name in secrets} == {"set", "1 set"}
