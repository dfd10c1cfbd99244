"""Signing in and out, and how long a session lasts."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import select, text

from settings import Settings
from tests.conftest import SECRET_KEY, Client, make_settings
from tests.database import connect, contents
from tests.events import events
from tests.helpers import ADA, GRACE, PASSWORD, Person, is_signed_in, sign_in, sign_out, sign_up, sign_up_form
from tests.http.auth.conftest import add_second_factor
from tests.postbox import postbox
from tests.servers import wait_for
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, hasher
from webapp.hashing import Hasher
from webapp.models import Event, Session, User
from webapp.models.accounts.audit import COMMAND_LINE
from webapp.models.accounts.password import set_password
from webapp.web import pending_request
from webapp.web.application import Application

COOKIE = "rowcast-sign-in"
DAY = 86400


def cookie(answer: Any) -> Any:
    """The sign-in cookie of an answer, or None."""
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        jar.load(header)
    return next((morsel for name, morsel in jar.items() if name.endswith(COOKIE)), None)


def rows(settings: Settings, columns: str = "*") -> list[Any]:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return connection.execute(f"SELECT {columns} FROM sessions ORDER BY id").fetchall()


async def change(app: Application, **values: Any) -> None:
    """Change all sessions, as time or an administrator would."""

    async def write(work: UnitOfWork) -> None:
        for column, value in values.items():
            await work.session.execute(text(f"UPDATE sessions SET {column} = :value"), {"value": value})

    await db.of(app).wait_for_writes()
    await db.of(app).write(write)


def ago(**units: float) -> str:
    return (datetime.now(UTC) - timedelta(**units)).strftime("%Y-%m-%d %H:%M:%S.%f")


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


async def test_signing_in_leads_to_the_dashboard_and_signing_out_to_the_sign_in_page(ada: QuartClient) -> None:
    await sign_out(ada)
    assert not await is_signed_in(ada)

    answer = await sign_in(ada)

    assert answer.headers["Location"] == "/dashboard"
    assert await is_signed_in(ada)


async def test_an_address_signs_in_in_any_spelling(ada: QuartClient) -> None:
    await sign_out(ada)

    await sign_in(ada, Person(" ADA@Example.ORG"))

    assert await is_signed_in(ada)


async def test_a_wrong_password_and_an_unknown_address_get_the_same_response(
    app: Application, ada: QuartClient
) -> None:
    pages = []
    for email, password in ((ADA.email, "something else"), ("nobody@example.org", PASSWORD)):
        answer = await app.test_client().post("/login", form={"email": email, "password": password})
        assert answer.status_code == 422
        assert cookie(answer) is None
        page = await answer.get_data(as_text=True)
        pages.append([line for line in page.replace(email, "X").splitlines() if "request" not in line.lower()])

    assert "Wrong e-mail address or password" in "".join(pages[0])
    assert pages[0] == pages[1]


async def test_an_unknown_address_takes_as_much_hashing_as_a_known_one(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    matches = type(hasher.of(app))._matches
    monkeypatch.setattr(
        "webapp.hashing.Hasher._matches",
        lambda self, hashed, password: verified.append(hashed) or matches(self, hashed, password),
    )

    for email in (ADA.email, "nobody@example.org"):
        await app.test_client().post("/login", form={"email": email, "password": "something else"})

    assert len(verified) == 2
    assert verified[0].split("$")[:4] == verified[1].split("$")[:4]  # the same costs


async def test_a_deactivated_person_cannot_sign_in_and_is_signed_out(
    app: Application, ada: QuartClient, settings: Settings
) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection, connection:
        connection.execute("UPDATE users SET is_active = false")

    answer = await app.test_client().post("/login", form={"email": ADA.email, "password": PASSWORD})

    assert answer.status_code == 422
    assert not await is_signed_in(ada)


async def test_after_ten_wrong_passwords_that_network_address_must_wait_and_others_need_not(
    app: Application, ada: QuartClient
) -> None:
    client = app.test_client()

    answers = [await client.post("/login", form={"email": ADA.email, "password": f"guess {n}"}) for n in range(11)]
    right = await client.post("/login", form={"email": ADA.email, "password": PASSWORD})
    elsewhere = await client.post(
        "/login", form={"email": ADA.email, "password": PASSWORD}, scope_base={"client": ("192.0.2.7", 1)}
    )

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 600
    assert right.status_code == 429  # also the right one: otherwise the answer would tell
    assert elsewhere.status_code == 303  # a stranger's guesses keep nobody out of their own account


async def test_a_successful_sign_in_resets_the_count_of_wrong_passwords(app: Application, ada: QuartClient) -> None:
    client = app.test_client()
    for _ in range(2):
        for n in range(9):
            await client.post("/login", form={"email": ADA.email, "password": f"guess {n}"})
        await sign_in(client)
        await sign_out(client)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"email": "", "password": "x"}, "Type your e-mail address."),
        ({"email": "ada@example.org", "password": ""}, "Type your password."),
        ({"email": "ada", "password": "x"}, "must have an @-sign"),
        ({"email": "ada@example.org", "password": "x" * 1001}, "too long"),
        ({"email": "ada@example.org", "password": "nul\0"}, "cannot be kept"),
    ],
)
async def test_an_invalid_field_is_refused_beside_the_field(
    ada: QuartClient, app: Application, form: dict[str, str], words: str
) -> None:
    answer = await app.test_client().post("/login", form=form)

    assert answer.status_code == 422
    assert words in await answer.get_data(as_text=True)


async def test_signing_in_leads_to_the_requested_page(ada: QuartClient) -> None:
    await sign_out(ada)
    asked = await ada.get("/tables/17?q=%C3%98rsted&sort=-3")
    assert asked.status_code == 303
    login = asked.headers["Location"]

    page = await (await ada.get(login)).get_data(as_text=True)
    answer = await ada.post(login, form={"email": ADA.email, "password": PASSWORD})

    assert f'action="{login}"'.replace("&", "&amp;") in page
    assert answer.headers["Location"] == "/tables/17?q=%C3%98rsted&sort=-3"


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_signing_in_never_redirects_to_another_site(ada: QuartClient, target: str) -> None:
    await sign_out(ada)

    answer = await ada.post("/login", query_string={"next": target}, form={"email": ADA.email, "password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


async def test_the_cookie_ends_with_the_browser_session_unless_remembered(ada: QuartClient) -> None:
    await sign_out(ada)
    short = cookie(await sign_in(ada))
    await sign_out(ada)
    long = cookie(await sign_in(ada, remember=True))

    assert short["max-age"] == ""
    assert int(long["max-age"]) == 30 * DAY
    for morsel in (short, long):
        assert (morsel.key, morsel["path"], morsel["httponly"], morsel["samesite"]) == (COOKIE, "/", True, "Lax")
        assert (morsel["secure"], morsel["domain"]) == ("", "")


async def test_behind_tls_the_session_cookie_has_the_host_prefix(data_dir: Path) -> None:
    app = create_app(make_settings(data_dir, public_origin="https://rows.example.org"))
    app.test_client_class = Client
    tls: dict[str, Any] = {"headers": {"Host": "rows.example.org"}, "scheme": "https"}

    async with app.test_app():
        morsel = cookie(await app.test_client().post("/register", form=sign_up_form(app), **tls))

    assert (morsel.key, morsel["secure"], morsel["path"], morsel["domain"]) == (f"__Host-{COOKIE}", True, "/", "")


async def test_the_database_stores_no_session_token(ada: QuartClient, settings: Settings) -> None:
    held = contents(settings.data_dir)
    token = next(iter(ada.cookie_jar)).value.split(".")[0].strip('"')  # type: ignore[union-attr]

    assert PASSWORD.encode() not in held
    assert len(token) > 40
    assert token.encode() not in held
    (hashed,) = rows(settings, "token_hash")[0]
    assert len(hashed) == 64


async def test_signing_out_ends_a_copied_cookie_and_no_other_device(
    app: Application, ada: QuartClient, settings: Settings
) -> None:
    stolen, other = app.test_client(), app.test_client()
    stolen.cookie_jar = ada.cookie_jar.__class__()  # type: ignore[union-attr]
    for one in ada.cookie_jar or ():
        stolen.cookie_jar.set_cookie(one)
    await sign_in(other)
    assert await is_signed_in(stolen)

    answer = await ada.post("/logout")

    assert cookie(answer)["max-age"] == "0"
    assert not await is_signed_in(stolen)
    assert await is_signed_in(other)
    assert [revoked is not None for (revoked,) in rows(settings, "revoked_at")] == [True, False]


async def test_signing_out_requires_a_post(ada: QuartClient) -> None:
    assert (await ada.get("/logout")).status_code == 405
    assert await is_signed_in(ada)


async def test_signing_out_twice_is_not_an_error(ada: QuartClient) -> None:
    await sign_out(ada)
    await sign_out(ada)


async def test_every_sign_in_gets_a_new_token(app: Application, ada: QuartClient, settings: Settings) -> None:
    """A cookie planted before signing in is worth nothing afterwards."""
    other = app.test_client()
    first = cookie(await sign_in(other)).value
    await sign_out(other)
    second = cookie(await sign_in(other)).value

    assert first != second
    assert len({hashed for (hashed,) in rows(settings, "token_hash")}) == 3


async def test_an_idle_session_ends_and_a_remembered_one_later(app: Application, ada: QuartClient) -> None:
    await change(app, seen_at=ago(days=13))
    assert await is_signed_in(ada)
    await change(app, seen_at=ago(days=15))
    assert not await is_signed_in(ada)

    await change(app, remembered=True, seen_at=ago(days=29))
    assert await is_signed_in(ada)
    await change(app, seen_at=ago(days=31))
    assert not await is_signed_in(ada)


async def test_no_session_outlives_the_maximum_lifetime(app: Application, ada: QuartClient) -> None:
    await change(app, created_at=ago(days=89))
    assert await is_signed_in(ada)
    await change(app, created_at=ago(days=91))
    assert not await is_signed_in(ada)


async def test_a_changed_address_or_browser_keeps_the_session_and_is_recorded(
    ada: QuartClient, settings: Settings, app: Application
) -> None:
    await change(app, seen_at=ago(minutes=6))

    answer = await ada.get(
        "/", headers={"User-Agent": "Another/1.0 " + "x" * 500}, scope_base={"client": ("192.0.2.7", 4711)}
    )

    assert answer.status_code == 303
    await db.of(app).wait_for_writes()
    assert rows(settings, "address") == [("192.0.2.7",)]
    (agent,) = rows(settings, "agent")[0]
    assert agent.startswith("Another/1.0 xxx")
    assert len(agent) == 200


async def test_the_last_activity_is_written_once_in_five_minutes(
    app: Application, ada: QuartClient, settings: Settings
) -> None:
    await change(app, seen_at=(four := ago(minutes=4)))
    answer = await ada.get("/")
    assert cookie(answer) is None
    assert rows(settings, "seen_at") == [(four,)]

    await change(app, seen_at=(six := ago(minutes=6)), remembered=True)
    answer = await ada.get("/")

    assert int(cookie(answer)["max-age"]) == 30 * DAY  # the cookie's own age starts again
    await db.of(app).wait_for_writes()
    assert rows(settings, "seen_at") != [(six,)]


async def test_a_response_that_renews_the_cookie_is_not_cacheable(app: Application, ada: QuartClient) -> None:
    @app.get("/kept")
    async def kept() -> tuple[str, dict[str, str]]:
        return "style", {"Cache-Control": "public, max-age=31536000, immutable"}

    before = await ada.get("/kept")
    await change(app, seen_at=ago(minutes=6))
    renewing = await ada.get("/kept")

    assert (cookie(before), before.headers["Cache-Control"]) == (None, "public, max-age=31536000, immutable")
    assert (cookie(renewing) is None, renewing.headers["Cache-Control"]) == (False, "no-store")


async def test_a_session_is_fresh_for_ten_minutes(app: Application, ada: QuartClient) -> None:
    from webapp.web.session import current_user

    seen: list[bool] = []

    @app.after_request
    async def note(response: Any) -> Any:
        seen.append(current_user().is_fresh)
        return response

    await ada.get("/")
    await change(app, authenticated_at=ago(minutes=11))
    await ada.get("/")

    assert seen == [True, False]


async def test_the_session_is_looked_up_once_a_request_and_only_where_it_matters(
    ada: QuartClient, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.db.database import Database

    asked: list[str] = []
    fetch_one = Database.fetch_one

    async def counted(self: Database, statement: Any, *more: Any) -> Any:
        asked.append(str(statement))
        return await fetch_one(self, statement, *more)

    monkeypatch.setattr(Database, "fetch_one", counted)

    async def sessions_asked_by(path: str) -> int:
        asked.clear()
        await ada.get(path)
        return sum("FROM sessions" in statement for statement in asked)

    assert await sessions_asked_by("/nowhere") == 1
    assert await sessions_asked_by("/") == 1
    for path in ("/up", "/ready", "/api/health", "/static/favicon.svg"):
        assert await sessions_asked_by(path) == 0, path


class TestRotatingTheKey:
    OLD, NEWER, NEW = SECRET_KEY, "n" * 40, "k" * 40

    async def value(self, ada: QuartClient) -> str:
        return str(next(one.value for one in ada.cookie_jar or () if one.name == COOKIE))

    async def door(self, data_dir: Path, cookie: str, key: str, *fallbacks: str) -> Any:
        """The welcome page's response: 303 to the dashboard for signed-in people, 200 for strangers."""
        app = create_app(make_settings(data_dir, secret_key=key, secret_key_fallbacks=fallbacks))
        async with app.test_app():
            return await app.test_client().get("/", headers={"Cookie": f"{COOKIE}={cookie}"})

    async def test_a_rotation_signs_nobody_out_while_the_old_key_is_a_fallback(
        self, ada: QuartClient, data_dir: Path
    ) -> None:
        signed_with_old = await self.value(ada)

        assert (await self.door(data_dir, signed_with_old, self.NEW, self.OLD)).status_code == 303
        assert (await self.door(data_dir, signed_with_old, self.NEW, self.NEWER, self.OLD)).status_code == 303
        assert (await self.door(data_dir, signed_with_old, self.NEW, self.OLD, self.NEWER)).status_code == 303

    async def test_a_cookie_signed_with_a_retired_key_is_refused(self, ada: QuartClient, data_dir: Path) -> None:
        signed_with_old = await self.value(ada)

        assert (await self.door(data_dir, signed_with_old, self.NEW)).status_code == 200
        assert (await self.door(data_dir, signed_with_old, self.NEW, self.NEWER)).status_code == 200

    async def test_an_active_session_gets_a_cookie_signed_with_the_newest_key(
        self, app: Application, ada: QuartClient, data_dir: Path
    ) -> None:
        signed_with_old = await self.value(ada)
        await change(app, seen_at=ago(minutes=6))

        moved = cookie(await self.door(data_dir, signed_with_old, self.NEW, self.OLD)).value

        assert (await self.door(data_dir, moved, self.NEW)).status_code == 303

    async def test_a_forged_or_malformed_cookie_is_ignored(self, ada: QuartClient, data_dir: Path) -> None:
        signed = await self.value(ada)

        for broken in ("", "x", signed[:-3], f"x{signed}", "Im51bGwi.AAAA.BBBB", "%00", signed + "," + signed):
            assert (await self.door(data_dir, broken, self.OLD)).status_code == 200, broken


class TestSigningOutEverywhere:
    async def test_signing_out_everywhere_ends_all_devices_of_that_person_only(self, open_app: Application) -> None:
        here, there, grace = (open_app.test_client() for _ in range(3))
        await sign_in(here)
        await sign_in(there)
        await sign_up(grace, GRACE)

        answer = await here.post("/logout/everywhere")

        assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
        assert cookie(answer)["max-age"] == "0"
        assert [await is_signed_in(client) for client in (here, there, grace)] == [False, False, True]
        (event,) = await events(open_app, "session.all_ended")
        assert (event.actor, event.details) == (ADA.email, {"sessions_ended": 3})

    async def test_signing_out_everywhere_requires_a_post_and_a_session(
        self, app: Application, ada: QuartClient
    ) -> None:
        assert (await ada.get("/logout/everywhere")).status_code == 405
        assert (await app.test_client().post("/logout/everywhere")).headers["Location"].startswith("/login")
        assert await is_signed_in(ada)


async def test_signing_in_and_out_is_audited(app: Application, ada: QuartClient) -> None:
    await sign_out(ada)
    await ada.post(
        "/login",
        form={"email": ADA.email, "password": PASSWORD, "remember": "y"},
        headers={"User-Agent": "Lynx/2.9"},
        scope_base={"client": ("192.0.2.7", 1)},
    )

    started = (await events(app, "session.started"))[-1]
    ended = (await events(app, "session.ended"))[-1]
    assert (started.actor, started.subject, started.address, started.agent) == (
        *(ADA.email, ADA.email),
        *("192.0.2.7", "Lynx/2.9"),
    )
    assert started.details == {"method": "password", "remembered": True}
    assert ended.actor == ADA.email


async def test_two_tabs_share_a_session_and_its_end(app: Application, ada: QuartClient) -> None:
    """A tab left open: its next request sends the whole window to the sign-in page."""
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": "http://localhost/dashboard"}
    await sign_out(ada)

    answer = await ada.get("/dashboard", headers=fragment)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/dashboard")
    assert await answer.get_data(as_text=True) == ""
    assert (await ada.post("/logout")).status_code == 303


async def test_private_pages_are_not_cached_by_the_browser(app: Application, ada: QuartClient) -> None:
    """Back after signing out asks again, and is sent to the door."""
    for path in ("/dashboard", "/login/confirm"):
        assert (await ada.get(path)).headers["Cache-Control"] == "no-store", path

    await sign_out(ada)

    assert (await ada.get("/dashboard")).status_code == 303


async def test_a_sign_in_from_a_new_device_is_announced_by_mail(data_dir: Path) -> None:
    with postbox() as box:
        app = create_app(make_settings(data_dir, smtp_url=box.url))
        app.test_client_class = Client
        async with app.test_app():
            ada = app.test_client()
            await sign_up(ada)
            await sign_out(ada)
            await sign_in(ada)  # the device that signed up
            await sign_in(app.test_client())
            await asyncio.to_thread(wait_for, lambda: box.mails)

    assert [mail["Subject"] for mail in box.mails] == ["A sign-in from a new device"]


async def test_an_account_without_a_password_accepts_no_password(app: Application, ada: QuartClient) -> None:
    """People whom an administrator added and who have not chosen a password yet."""

    async def forget(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE users SET password_hash = ''"))

    await db.of(app).write(forget)

    for password in ("nobody's password", PASSWORD, "x"):
        answer = await app.test_client().post("/login", form={"email": ADA.email, "password": password})
        assert answer.status_code == 422


async def test_a_password_is_normalised_before_hashing(app: Application) -> None:
    composed, decomposed = "schöne Grüße an alle", "scho\u0308ne Gru\u0308ße an alle"
    await sign_up(app.test_client(), Person(ADA.email, composed))

    await sign_in(app.test_client(), Person(ADA.email, decomposed))


@pytest.mark.parametrize("has_second_factor", [False, True])
@pytest.mark.parametrize("change", ["password_hash = 'another'", "is_active = false"])
async def test_a_sign_in_in_progress_fails_once_the_password_has_changed(
    app: Application, ada: QuartClient, change: str, has_second_factor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verifying takes a while, and meanwhile the password is changed, or the person locked out."""
    if has_second_factor:
        await add_second_factor(app)
    await sign_out(ada)
    verify = Hasher.verify

    async def verify_and_be_late(self: Hasher, password_hash: str | None, password: str) -> bool:
        is_right = await verify(self, password_hash, password)

        async def overtake(work: UnitOfWork) -> None:
            await work.session.execute(text(f"UPDATE users SET {change}"))

        await db.of(app).write(overtake)
        return is_right

    monkeypatch.setattr(Hasher, "verify", verify_and_be_late)
    answer = await ada.post("/login", form={"email": ADA.email, "password": PASSWORD})

    assert answer.status_code == 422
    assert "sign in again" in await answer.get_data(as_text=True)
    assert not await is_signed_in(ada)


async def test_an_outdated_hash_is_renewed_and_never_restores_an_old_password(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kept() -> str:
        async with db.of(app).reading() as session:
            return str((await session.execute(text("SELECT password_hash FROM users"))).scalar_one())

    await sign_out(ada)
    before = await kept()
    monkeypatch.setattr(Hasher, "is_outdated", lambda self, password_hash: True)

    await sign_in(ada)
    assert (await kept()) != before

    now = await kept()
    assert not await db.of(app).write(User.rehash, 1, before, "the old password's")
    assert await kept() == now


@pytest.mark.parametrize("new_password", [None, "a violet stapler sings"], ids=["the same", "another"])
async def test_of_two_sign_ins_renewing_a_hash_at_once_both_succeed_unless_the_password_changed(
    app: Application, ada: QuartClient, new_password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one finds that the first was faster, or that the password has changed."""
    await sign_out(ada)
    hashed, is_first = Hasher.hash, True

    async def be_overtaken(self: Hasher, password: str) -> str:
        nonlocal is_first
        if is_first:
            is_first = False
            if new_password is None:
                await sign_in(app.test_client())
            else:
                other = await hashed(self, new_password)
                await db.of(app).write(set_password, COMMAND_LINE, 1, other, Event.PASSWORD_CHANGED)
        return await hashed(self, password)

    async with db.of(app).reading() as session:
        before = (await session.get_one(User, 1)).password_hash
    monkeypatch.setattr(Hasher, "is_outdated", lambda self, password_hash: password_hash == before)
    monkeypatch.setattr(Hasher, "hash", be_overtaken)

    answer = await ada.post("/login", form={"email": ADA.email, "password": PASSWORD})

    assert (answer.status_code, await is_signed_in(ada)) == ((303, True) if new_password is None else (422, False))


async def test_a_short_idle_time_signs_out_nobody_who_is_active(data_dir: Path) -> None:
    """The last activity is written at least every tenth of it: every six seconds, of a minute."""
    app = create_app(make_settings(data_dir, session_idle=60, session_remember=60))
    app.test_client_class = Client
    async with app.test_app():
        client = app.test_client()
        await sign_up(client)
        for _ in range(2):
            await change(app, seen_at=ago(seconds=50))
            assert await is_signed_in(client)
            await db.of(app).wait_for_writes()
            async with db.of(app).reading() as session:
                (seen_at,) = await session.scalars(select(Session.seen_at))
            assert seen_at > datetime.now(UTC) - timedelta(seconds=40)


@pytest.mark.parametrize("value", [1, True, ["token"], {"a": 1}, None, ""])
async def test_a_well_signed_cookie_that_holds_no_token_is_a_stranger(app: Application, value: object) -> None:
    async with app.app_context():
        signed = app.extensions["rowcast.auth"].dump_token(value)  # type: ignore[arg-type]
    client = app.test_client()
    client.set_cookie("localhost", "rowcast-sign-in", signed)

    assert (await client.get("/dashboard")).headers["Location"].startswith("/login")
    assert (await client.post("/account", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403


@pytest.mark.parametrize("value", [1, ["a"], [1, 2], [1, "/x", 3], {"a": 1}, "ab"])
async def test_a_well_signed_note_of_another_shape_resumes_nothing(
    app: Application, ada: QuartClient, value: object
) -> None:
    async with app.app_context():
        signed = pending_request.SIGNER.dump(value)

    answer = await ada.post(f"/login/confirm?then={signed}", form={"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


async def test_a_person_has_at_most_200_sign_ins_and_the_one_unseen_for_longest_ends(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.models.accounts.session.MAX_SESSIONS", 2)
    second, third = app.test_client(), app.test_client()
    await sign_in(second)

    await sign_in(third)

    assert [await is_signed_in(client) for client in (ada, second, third)] == [False, True, True]
