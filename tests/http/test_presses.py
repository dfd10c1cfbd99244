"""Every route that changes something does it once when it is pressed eight times at once, and is answered clearly, also
while what it is about, or the person, is being deleted: never with an internal error, and nothing stays behind.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from quart.datastructures import FileStorage

from settings import Settings
from tests.conftest import Client, make_settings
from tests.database import connect
from tests.helpers import sign_up
from tests.http.web.test_idempotency import FIELD as KEYS
from tests.made import Made, ensure_consistent, made, more_than, rows_of
from tests.presses import PRESSES, Press, open_scene
from tests.servers import wait_for
from webapp import create_app
from webapp.db.database import Database
from webapp.extensions import db
from webapp.models import User
from webapp.web.application import Application
from webapp.web.csrf import SAFE_METHODS

AT_ONCE = 8
CLEAR = (200, 201, 204, 303, 401, 403, 404, 409, 410, 412, 422, 429)
PURGING = "SELECT 1 FROM tables WHERE state = 'purging' UNION SELECT 1 FROM change_sets WHERE is_purging"
LOADING = "SELECT 1 FROM imports WHERE state IN ('loading', 'updating')"
UNREACHABLE = "smtp://127.0.0.1:1"
ROUTES = pytest.mark.parametrize("endpoint", sorted(PRESSES))


# Their forms carry a key, which leads a repeat to what the first one made.
KEYED = {
    "account.email",
    "account.tokens_new",
    "admin.invitations_create",
    "admin.person_reset",
    "auth.invitation",
    "auth.register",
    "shared.rows_create",
    "shared.rows_duplicate",
    "forms.answer",
    "forms.create",
    "tables.create",
    "tables.updates_create",
    "tables.links_create",
    "tables.rows_create",
    "tables.rows_duplicate",
    "tables.samples_create",
    "tables.webhooks_again",
    "tables.webhooks_create",
    "tables.webhooks_replay",
    "tables.webhooks_rotate",
    "tables.webhooks_test",
}
# The first of them renews the sign-in: who comes after that is asked to sign in, which some of eight may.
RENEWED = {"auth.confirm", "account.second_factor_replacement"}
# What eight presses without a key make more than one does, by table, because each asks for it anew.
RECORDED = {"audit_events": 7}
REPLACED = {"one_time_tokens": 7}  # links and challenges of which the last one works
MAILS = {"one_time_tokens": 2, "mails": 2}  # an address gets three within ten minutes
REPEATED = {
    "api.deliveries_repeat": {"webhook_deliveries": 7},
    "api.forms_create": {"forms": 7} | RECORDED,
    "api.forms_renew": RECORDED,
    "api.imports_create": {"imports": 7},
    "api.imports_create_into": {"imports": 7, "import_updates": 7},
    "api.links_create": {"audit_events": 7, "links": 7},
    "api.rows_create": {"change_sets": 7, "changes": 7},
    "api.tables_create": {"tables": 7, "columns": 7},
    "api.webhooks_create": {"webhooks": 7} | RECORDED,
    "api.webhooks_replay": RECORDED,
    "api.webhooks_rotate": RECORDED,
    "api.webhooks_test": {"webhook_deliveries": 7},
    "account.email": {"one_time_tokens": 4, "mails": 8, "audit_events": 4},  # five changes are allowed an hour
    "account.export_create": RECORDED,  # a download
    "account.passkeys_options": REPLACED,
    "account.second_factor_replacement": RECORDED,  # each shows both factors, and confirms the sign-in
    "admin.invitations_create": REPLACED | RECORDED,
    "admin.mails_link": RECORDED,  # whoever reads a link, each time
    "admin.person_reset": REPLACED | RECORDED | {"mails": 7},
    "auth.confirm": RECORDED,
    "auth.login": {"sessions": 7} | RECORDED,  # none of them has the cookie of another yet
    "auth.passkey_options": REPLACED,
    "auth.reset": MAILS | {"audit_events": 2},
    "auth.verify_resend": MAILS,
    "forms.answer": {"change_sets": 7, "changes": 7},
    "forms.create": {"forms": 7} | RECORDED,
    "forms.renew": RECORDED,
    "tables.create": {"imports": 7},
    "tables.webhooks_again": {"webhook_deliveries": 7},
    "tables.webhooks_create": {"webhooks": 7} | RECORDED,
    "tables.webhooks_replay": RECORDED,
    "tables.webhooks_rotate": RECORDED,
    "tables.webhooks_test": {"webhook_deliveries": 7},
    "shared.rows_create": {"change_sets": 7, "changes": 7},
    "shared.rows_duplicate": {"change_sets": 7, "changes": 7},
    "tables.links_create": {"links": 7} | RECORDED,
    "tables.rows_create": {"change_sets": 7, "changes": 7},
    "tables.rows_duplicate": {"change_sets": 7, "changes": 7},
    "tables.updates_create": {"imports": 7, "import_updates": 7},
    "tables.samples_create": {"imports": 7, "tables": 7, "columns": 7 * 16, "change_sets": 7},
}


@pytest.fixture
def settings(data_dir: Path, endpoint: str | None) -> Settings:
    """Without a mail server, which only the route that sends a mail again asks for."""
    return make_settings(data_dir, registration="open", smtp_url=UNREACHABLE if endpoint == "admin.mails_retry" else "")


@pytest.fixture
def endpoint() -> None:
    """Tests of one route are parametrised with it."""


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Application]:
    """Somebody owns the server, so that everybody else can go."""
    made = create_app(settings)
    made.test_client_class = Client
    async with made.test_app():
        await sign_up(made.test_client())
        yield made


def test_every_unsafe_route_has_a_press(app: Application) -> None:
    unsafe = {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) - SAFE_METHODS}

    assert set(PRESSES) == unsafe, "add what a new route is sent to tests/presses.py"


async def send(endpoint: str, press: Press, client: Any) -> int:
    more: dict[str, Any] = {"json": press.json} if press.json else {"form": press.form}
    if press.data:
        more = {"data": press.data}
    if endpoint in ("tables.create", "tables.updates_create"):
        more["files"] = {"nothing": FileStorage(BytesIO(b""), "")}
    answer = await (press.client or client).open(press.path, method=press.method, headers=press.headers, **more)
    await answer.get_data()
    return int(answer.status_code)


async def with_key(press: Press, client: Any) -> Press:
    """The press with the key that its form has on its page."""
    html = await (await (press.client or client).get(press.page)).get_data(as_text=True)
    key = dict(KEYS.findall(html))[press.path]
    return replace(press, form={**press.form, "idempotency_key": key})


async def ensure_nothing_left(app: Application, settings: Settings) -> None:
    """No row of what does not exist, and no folder without an import, once the tasks that remove files or load rows
    have run.
    """
    await db.of(app).wait_for_writes()
    ensure_consistent(settings.data_dir)

    def is_clean() -> bool:
        with closing(connect(settings.data_dir / "rowcast.db")) as connection:
            known = {import_id for (import_id,) in connection.execute("SELECT id FROM imports")}
            if connection.execute(PURGING).fetchone() or connection.execute(LOADING).fetchone():
                return False
        folder = settings.imports_dir
        return not folder.is_dir() or {path.name for path in folder.iterdir()} <= known

    await asyncio.to_thread(wait_for, is_clean)


async def press_at_once(
    app: Application, settings: Settings, endpoint: str, number: int, times: int, key: bool
) -> Made:
    """What pressing it in a new scene makes."""
    scene = await open_scene(app, settings, number)
    press = await PRESSES[endpoint](scene)
    if key:
        press = await with_key(press, scene.client)
    await db.of(app).wait_for_writes()
    before = rows_of(settings.data_dir)

    statuses = await asyncio.gather(*(send(endpoint, press, scene.client) for _ in range(times)))

    assert set(statuses) <= set(CLEAR), statuses
    assert min(statuses) < 400, statuses
    await ensure_nothing_left(app, settings)
    return made(before, rows_of(settings.data_dir))


@ROUTES
async def test_a_route_pressed_eight_times_at_once_makes_one_thing_and_answers_each_clearly(
    app: Application, settings: Settings, endpoint: str
) -> None:
    once = await press_at_once(app, settings, endpoint, 0, 1, key=False)
    often = await press_at_once(app, settings, endpoint, 1, AT_ONCE, key=False)

    more, most = more_than(once, often), REPEATED.get(endpoint, {})
    if endpoint in RENEWED:
        assert all(count <= most.get(table, 0) for table, count in more.items()), more
    else:
        assert more == most


@pytest.mark.parametrize("endpoint", sorted(KEYED))
async def test_a_form_with_a_key_pressed_eight_times_at_once_makes_one_thing(
    app: Application, settings: Settings, endpoint: str
) -> None:
    once = await press_at_once(app, settings, endpoint, 0, 1, key=True)
    often = await press_at_once(app, settings, endpoint, 1, AT_ONCE, key=True)

    assert more_than(once, often) == {}


class Interruption:
    """Runs `call` before the n-th use of the database, counted from when it is armed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.call: Callable[[], Awaitable[Any]] | None = None
        self.left = 0
        for name in ("write", "read"):
            monkeypatch.setattr(Database, name, self._interrupted(getattr(Database, name)))
        reading = Database.reading

        def interrupted_reading(database: Database) -> Any:
            return _Reading(self, reading(database))

        monkeypatch.setattr(Database, "reading", interrupted_reading)

    def arm(self, number: int, call: Callable[[], Awaitable[Any]]) -> None:
        self.left, self.call, self.is_over = number, call, asyncio.Event()

    async def step(self) -> None:
        self.left -= 1
        if self.left == 0 and self.call is not None:
            call, self.call = self.call, None
            await call()
            self.is_over.set()

    def _interrupted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def interrupted(database: Database, *args: Any, **kwargs: Any) -> Any:
            await self.step()
            return await method(database, *args, **kwargs)

        return interrupted


class _Reading:
    def __init__(self, interruption: Interruption, reading: Any) -> None:
        self.interruption, self.reading = interruption, reading

    async def __aenter__(self) -> Any:
        await self.interruption.step()
        return await self.reading.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        return await self.reading.__aexit__(*error)


@pytest.mark.parametrize("whose", ["person", "subject"])
@ROUTES
async def test_a_request_during_which_its_person_or_subject_is_deleted_is_answered_clearly(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch, endpoint: str, whose: str
) -> None:
    """Deleted before each of its uses of the database in turn."""
    interruption = Interruption(monkeypatch)
    for number in count(1):
        scene = await open_scene(app, settings, number)
        await db.of(app).wait_for_writes()  # a press may be prepared in the file itself, and hold up the loop meanwhile
        press = await PRESSES[endpoint](scene)
        user = scene.user
        gone = lambda scene=scene, user=user: scene.remove(user)  # noqa: E731
        if whose == "subject":
            gone = press.gone or scene.end_proofs
        interruption.arm(number, gone)

        status = await send(endpoint, press, scene.client)

        if interruption.call is not None:  # all uses have been interrupted
            interruption.call = None
            break
        async with asyncio.timeout(10):  # it may have interrupted what the request left to a task of its own
            await interruption.is_over.wait()
        assert status in CLEAR, (number, status)
        async with db.of(app).reading() as session:
            assert whose == "subject" or await session.get(User, scene.user.id) is None
        await ensure_nothing_left(app, settings)
