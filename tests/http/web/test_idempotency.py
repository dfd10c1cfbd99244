"""A form that creates something, sent again with the key its page gave it, leads to what it created the first time."""

import re
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from quart.datastructures import FileStorage
from quart.testing import QuartClient
from sqlalchemy import func, select, update

from settings import Settings
from tests.conftest import Client, make_settings
from tests.database import connect
from tests.helpers import PASSWORD, delete_what_is_old, sign_up
from tests.people import EVE, settle, window
from tests.submits import submit_at_once
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.models import IdempotencyKey, OneTimeToken, Purpose, Role, utc_now
from webapp.models.idempotency import MAX_AGE, MAX_KEYS, AlreadyDone, Outcome, RequestKey, once
from webapp.web.application import Application

FIELD = re.compile(
    r'<form[^>]* action="([^"]*)"[^>]*>(?:(?!</form>).)*?name="idempotency_key" value="([^"]+)"', re.DOTALL
)


@dataclass(frozen=True)
class Creating:
    """A form that creates something."""

    page: str  # that shows it
    form: dict[str, str]
    action: str = ""  # if it is not the page's own URL
    counted: str = ""  # the statement that counts what it creates
    leads_to: str = ""  # where a repeat leads
    is_multipart: bool = False

    @property
    def url(self) -> str:
        return self.action or self.page


PASTE = Creating(
    "/dashboard",
    {"text": "planet\tmoons\nMars\t2\n"},
    "/tables",
    "SELECT count(*) FROM imports",
    "/tables/imports/",
    is_multipart=True,
)
SAMPLE = Creating("/dashboard", {}, "/tables/samples", "SELECT count(*) FROM imports", "/tables/imports/")
TOKEN = Creating(
    "/account/tokens/new",
    {"name": "nightly", "scope": "read", "lifetime": "90"},
    "",
    "SELECT count(*) FROM api_tokens",
    "/account/tokens",
)
INVITATION = Creating(
    "/admin/people/invitations/new",
    {"emails": "eve@example.org", "role": "member"},
    "/admin/people/invitations",
    "SELECT count(*) FROM one_time_tokens WHERE purpose = 'invite'",
    "/admin/people/invitations",
)
FORMS = pytest.mark.parametrize("creating", [PASTE, SAMPLE, TOKEN, INVITATION], ids=lambda form: form.url)


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


async def keys_on(client: QuartClient, page: str) -> dict[str, str]:
    """The key in each form of the page, by the form's action."""
    html = await (await client.get(page)).get_data(as_text=True)
    return dict(FIELD.findall(html))


async def send(client: QuartClient, creating: Creating, key: str, **more: str) -> Any:
    form = {"idempotency_key": key, **creating.form, **more}
    if not creating.is_multipart:
        return await client.post(creating.url, form=form)
    return await client.post(creating.url, form=form, files={"nothing": FileStorage(BytesIO(b""), "")})


def count(settings: Settings, creating: Creating) -> int:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return int(connection.execute(creating.counted).fetchone()[0])


@FORMS
async def test_a_form_sent_again_leads_to_what_it_created_and_creates_nothing_more(
    ada: QuartClient, settings: Settings, creating: Creating
) -> None:
    key = (await keys_on(ada, creating.page))[creating.url]
    first = await send(ada, creating, key)
    assert first.status_code in (200, 303), await first.get_data(as_text=True)

    second = await send(ada, creating, key)

    assert second.status_code == 303
    assert second.headers["Location"].startswith(creating.leads_to)
    assert count(settings, creating) == 1
    folder = settings.imports_dir
    assert not folder.is_dir() or len(list(folder.iterdir())) == (1 if creating in (PASTE, SAMPLE) else 0)


@pytest.mark.parametrize("creating", [TOKEN, INVITATION], ids=lambda form: form.url)
async def test_of_a_form_sent_twice_at_once_one_creates_and_the_other_leads_there(
    ada: QuartClient, settings: Settings, creating: Creating, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (await keys_on(ada, creating.page))[creating.url]
    form = {"idempotency_key": key, **creating.form}

    statuses = await submit_at_once((ada, creating.url, form), monkeypatch)

    assert statuses == [200 if creating is TOKEN else 303, 303]
    assert count(settings, creating) == 1


@pytest.mark.parametrize("creating", [PASTE, SAMPLE], ids=lambda form: form.url)
async def test_the_import_that_filled_the_queue_sent_again_leads_to_the_first(
    settings: Settings, creating: Creating
) -> None:
    app = create_app(make_settings(settings.data_dir, imports_waiting=1))
    app.test_client_class = Client
    async with app.test_app():
        ada = app.test_client()
        await sign_up(ada)
        await send(ada, creating, "the-first")
        with closing(connect(settings.data_dir / "rowcast.db")) as connection:
            connection.execute("UPDATE imports SET state = 'loading'")

        again, another = await send(ada, creating, "the-first"), await send(ada, creating, "another")

        assert (again.status_code, another.status_code) == (303, 429)
        assert again.headers["Location"].startswith(creating.leads_to)
        assert count(settings, creating) == 1


async def test_every_page_gives_its_form_another_key(ada: QuartClient) -> None:
    assert await keys_on(ada, TOKEN.page) != await keys_on(ada, TOKEN.page)


async def test_a_page_filled_in_anew_is_no_repeat(ada: QuartClient, settings: Settings) -> None:
    key = (await keys_on(ada, TOKEN.page))[TOKEN.url]
    await send(ada, TOKEN, key)

    other = await send(ada, TOKEN, key, name="another")

    assert other.status_code == 200
    assert count(settings, TOKEN) == 2


async def test_a_form_that_was_refused_can_be_sent_again(ada: QuartClient, settings: Settings) -> None:
    key = (await keys_on(ada, TOKEN.page))[TOKEN.url]
    refused = await send(ada, TOKEN, key, lifetime="date")
    assert refused.status_code == 422

    assert (await send(ada, TOKEN, key)).status_code == 200
    assert count(settings, TOKEN) == 1


async def test_an_upload_whose_import_was_cancelled_can_be_sent_again(ada: QuartClient, settings: Settings) -> None:
    key = (await keys_on(ada, PASTE.page))[PASTE.url]
    first = (await send(ada, PASTE, key)).headers["Location"]
    await jobs.of(ada.app).wait_for_pass(first.rpartition("/")[2])
    assert (await ada.post(f"{first}/cancellation")).status_code == 303

    second = (await send(ada, PASTE, key)).headers["Location"]

    assert second != first
    assert count(settings, PASTE) == 2


async def test_a_key_of_somebody_else_finds_nothing(ada: QuartClient, app: Application) -> None:
    await settle(app, EVE.email)
    eve = await window(app, EVE)
    key = (await keys_on(ada, TOKEN.page))[TOKEN.url]
    assert (await send(ada, TOKEN, key)).status_code == 200

    assert (await send(eve, TOKEN, key)).status_code == 200


@pytest.mark.parametrize("use_cookies", [False, True], ids=["the answer was lost", "going back"])
async def test_the_second_registration_or_acceptance_leads_to_signing_in(settings: Settings, use_cookies: bool) -> None:
    """The answer to the first may have been lost, and with it the cookie."""
    app = create_app(make_settings(settings.data_dir, registration="open"))
    app.test_client_class = Client
    async with app.test_app():
        await sign_up(app.test_client())
        async with app.app_context():
            invite = {"email": "eve@example.org", "data": {"role": Role.MEMBER}}
            token = await db().write(OneTimeToken.issue, Purpose.INVITE, **invite)
        passwords = {"password": PASSWORD, "confirmation": PASSWORD}
        for path, form in (
            ("/register", {"email": "grace@example.org", **passwords}),
            (f"/invitations/{token}", {"name": "Eve", **passwords}),
        ):
            browser = app.test_client(use_cookies=use_cookies)
            form["idempotency_key"] = (await keys_on(browser, path))[path]
            assert (await browser.post(path, form=form)).headers["Location"] == "/dashboard"

            answer = await browser.post(path, form=form)

            assert answer.status_code == 303
            assert answer.headers["Location"] in ({"/login", "/dashboard"} if use_cookies else {"/login"})
            assert "rowcast-sign-in" not in str(answer.headers.getlist("Set-Cookie"))


Write = Callable[..., Awaitable[Any]]


async def _nothing(work: UnitOfWork) -> None:
    pass


def _key(text: str, owner: int | None = None) -> RequestKey:
    return RequestKey(owner, "here", text, "same")


async def test_keys_are_kept_for_a_day_and_a_limited_number_of_each_person(app: Application, ada: QuartClient) -> None:
    write: Write = db.of(app).write

    async def fill(work: UnitOfWork) -> None:
        for number in range(MAX_KEYS):
            at = utc_now() - timedelta(minutes=10, seconds=-number / 1000)
            more = {"fingerprint": "", "url": "", "message": "", "subject": "", "created_at": at, "owner_id": 1}
            work.session.add(IdempotencyKey(hash=str(number), **more))

    async def age(work: UnitOfWork) -> None:
        await work.session.execute(update(IdempotencyKey).values(created_at=utc_now() - MAX_AGE))

    async def kept() -> int:
        async with db.of(app).reading() as session:
            return await session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0

    await write(fill)
    await write(once, _key("one", 1), lambda _: Outcome(), _nothing)
    assert await kept() == MAX_KEYS
    with pytest.raises(AlreadyDone):
        await write(once, _key("one", 1), lambda _: Outcome(), _nothing)

    await write(age)
    await write(once, _key("one"), lambda _: Outcome(), _nothing)
    await write(once, _key("one", 1), lambda _: Outcome(), _nothing)  # the key of yesterday counts as new
    await delete_what_is_old(app)
    assert await kept() == 2
