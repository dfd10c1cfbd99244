"""Signing up: the first person owns the server; later people can sign up if registration is open."""

import asyncio
import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client, make_settings
from tests.database import connect
from tests.events import events
from tests.helpers import ADA, GRACE, PASSWORD, is_signed_in, sign_out, sign_up
from tests.mails import letters
from webapp import create_app
from webapp.auth.registrations import setup_key
from webapp.web.application import Application


def people(settings: Settings) -> list[tuple[str, str]]:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return connection.execute("SELECT email, role FROM users ORDER BY id").fetchall()


@pytest.fixture
def open_settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open")


@pytest.fixture
async def open_app(open_settings: Settings) -> Any:
    made = create_app(open_settings)
    made.test_client_class = Client
    async with made.test_app():
        yield made


async def test_the_first_person_becomes_the_owner_and_is_signed_in(client: QuartClient, settings: Settings) -> None:
    answer = await sign_up(client)

    assert answer.headers["Location"] == "/dashboard"
    assert await is_signed_in(client)
    assert people(settings) == [("ada@example.org", "owner")]
    assert "Welcome" in await (await client.get("/nowhere")).get_data(as_text=True)


async def test_without_any_account_the_sign_in_page_redirects_to_registration(client: QuartClient) -> None:
    answer = await client.get("/login")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/register")


async def test_registration_is_closed_after_the_owner_unless_the_settings_open_it(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    await sign_out(client)

    shown = await client.get("/register")
    tried = await client.post("/register", form={"email": GRACE.email, "password": PASSWORD, "confirmation": PASSWORD})

    assert (shown.status_code, tried.status_code) == (403, 403)
    assert "closed" in await shown.get_data(as_text=True)
    assert len(people(settings)) == 1


async def test_with_open_registration_later_people_are_members(open_app: Application, open_settings: Settings) -> None:
    await sign_up(open_app.test_client())
    grace = open_app.test_client()

    await sign_up(grace, GRACE)

    assert await is_signed_in(grace)
    assert people(open_settings) == [("ada@example.org", "owner"), ("grace@example.org", "member")]


async def test_two_concurrent_first_registrations_create_one_owner(app: Application, settings: Settings) -> None:
    form = {"password": PASSWORD, "confirmation": PASSWORD}

    answers = await asyncio.gather(
        *(app.test_client().post("/register", form={"email": who.email, **form}) for who in (ADA, GRACE))
    )

    assert sorted(answer.status_code for answer in answers) == [303, 403]
    assert [role for _, role in people(settings)] == ["owner"]


async def test_an_address_in_any_spelling_has_one_account(open_app: Application, open_settings: Settings) -> None:
    await sign_up(open_app.test_client())

    answer = await open_app.test_client().post(
        "/register", form={"email": " ADA@Example.ORG ", "password": PASSWORD, "confirmation": PASSWORD}
    )

    assert answer.status_code == 422
    assert "already an account" in await answer.get_data(as_text=True)
    assert len(people(open_settings)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"email": ""}, "Type your e-mail address."),
        ({"email": "ada"}, "must have an @-sign"),
        ({"email": "ada@exa mple.org"}, "invalid characters"),
        ({"email": "ada@example.org\0"}, "invalid characters"),
        ({"email": "a" * 300 + "@example.org"}, "too long"),
        ({"password": "ninechars", "confirmation": "ninechars"}, "at least 10 characters"),
        ({"password": "x" * 1001, "confirmation": "x" * 1001}, "at most 1000 characters"),
        ({"confirmation": "something else"}, "passwords differ"),
        ({"confirmation": ""}, "a second time"),
        ({"password": "nul\0nul\0nul\0", "confirmation": "nul\0nul\0nul\0"}, "cannot be kept"),
    ],
)
async def test_an_invalid_field_is_refused_beside_the_field(
    client: QuartClient, settings: Settings, change: dict[str, str], words: str
) -> None:
    form = {"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD} | change

    answer = await client.post("/register", form=form)

    page = await answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert 'aria-invalid="true"' in page
    assert PASSWORD not in page  # a password is never sent back
    assert people(settings) == []


async def test_an_overlong_password_is_refused_before_hashing(
    client: QuartClient, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("hashed")

    monkeypatch.setattr("webapp.hashing.Hasher.hash", never)
    long = "x" * 1_000_000

    answer = await client.post("/register", form={"email": ADA.email, "password": long, "confirmation": long})

    assert answer.status_code == 413


async def test_a_signed_in_person_is_redirected_from_registration(client: QuartClient) -> None:
    await sign_up(client)

    answer = await client.get("/register?next=/tables/1")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/tables/1")


async def test_a_form_sent_by_htmx_gets_the_same_responses(client: QuartClient) -> None:
    htmx = {"HX-Request": "true", "HX-Request-Type": "full"}
    form = {"email": ADA.email, "password": PASSWORD, "confirmation": "different"}

    refused = await client.post("/register", form=form, headers=htmx)
    made = await client.post("/register", form=form | {"confirmation": PASSWORD}, headers=htmx)

    assert refused.status_code == 422
    assert "passwords differ" in await refused.get_data(as_text=True)
    assert (made.status_code, made.headers["HX-Redirect"]) == (200, "/dashboard")


class TestOnAServerThatOthersCanReach:
    @pytest.fixture(params=["all interfaces", "a proxy in front"])
    def settings(self, data_dir: Path, request: pytest.FixtureRequest) -> Settings:
        if request.param == "all interfaces":
            return make_settings(data_dir, host="0.0.0.0", registration="open")  # noqa: S104
        return make_settings(data_dir, trusted_proxies=1, registration="open")

    async def test_the_owner_needs_the_set_up_key(self, client: QuartClient, settings: Settings) -> None:
        form = {"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD}

        without = await client.post("/register", form=form)
        wrong = await client.post("/register", form=form | {"setup_key": "AAAA-BBBB-CCCC-DDDD-EEEE"})
        assert (without.status_code, wrong.status_code, people(settings)) == (422, 422, [])
        assert "not the key" in await wrong.get_data(as_text=True)

        await sign_up(client, setup_key=setup_key(settings).lower().replace("-", " "))
        assert people(settings) == [("ada@example.org", "owner")]

    async def test_later_people_need_no_set_up_key(self, app: Application, settings: Settings) -> None:
        await sign_up(app.test_client(), setup_key=setup_key(settings))

        page = await (await app.test_client().get("/register")).get_data(as_text=True)
        await sign_up(app.test_client(), GRACE)

        assert "setup_key" not in page
        assert people(settings)[1] == ("grace@example.org", "member")

    async def test_guesses_at_the_set_up_key_are_limited(self, client: QuartClient) -> None:
        form = {"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD, "setup_key": "guess"}

        answers = [await client.post("/register", form=form) for _ in range(21)]

        assert [answer.status_code for answer in answers] == [422] * 20 + [429]
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 600

    async def test_the_set_up_key_is_logged_at_start_until_there_is_an_owner(
        self, settings: Settings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        app = create_app(settings)
        app.test_client_class = Client
        async with app.test_app():
            assert setup_key(settings) in caplog.text + "".join(capsys.readouterr())
            await sign_up(app.test_client(), setup_key=setup_key(settings))
        caplog.clear()

        async with create_app(settings).test_app():
            assert setup_key(settings) not in caplog.text + "".join(capsys.readouterr())


class TestTheAddressWhileItIsTyped:
    async def ask(self, app: Application, email: str, **more: Any) -> str:
        answer = await app.test_client().get("/register/email", query_string={"email": email}, **more)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        return str(await answer.get_data(as_text=True))

    async def test_the_check_shows_the_error_the_form_would_show(self, open_app: Application) -> None:
        await sign_up(open_app.test_client())

        assert "must have an @-sign" in await self.ask(open_app, "ada")
        assert "already an account" in await self.ask(open_app, " ADA@example.org ")
        assert "<span>" not in await self.ask(open_app, "new@example.org")

    async def test_the_check_reveals_no_account_where_registration_is_closed(self, client: QuartClient) -> None:
        await sign_up(client)
        app = client.app

        assert "must have an @-sign" in await self.ask(app, "ada")
        assert await self.ask(app, ADA.email) == await self.ask(app, "new@example.org")

    async def test_the_check_is_silent_beyond_its_rate_limit(self, open_app: Application) -> None:
        await sign_up(open_app.test_client())

        answers = [await self.ask(open_app, ADA.email) for _ in range(61)]

        assert ["already" in answer for answer in answers] == [True] * 60 + [False]

    async def test_markup_in_the_address_is_escaped(self, open_app: Application) -> None:
        assert "<script" not in await self.ask(open_app, "<script>alert(1)</script>@example.org")


class TestByInvitation:
    @pytest.fixture
    def settings(self, data_dir: Path) -> Settings:
        return make_settings(data_dir, registration="invitation")

    async def test_registration_by_invitation_only_is_explained(self, client: QuartClient, settings: Settings) -> None:
        await sign_up(client)
        await sign_out(client)

        shown = await client.get("/register")
        tried = await client.post(
            "/register", form={"email": GRACE.email, "password": PASSWORD, "confirmation": PASSWORD}
        )
        login = await (await client.get("/login")).get_data(as_text=True)

        assert (shown.status_code, tried.status_code) == (403, 403)
        assert "to invite you" in await shown.get_data(as_text=True)
        assert 'href="/register"' in login
        assert len(people(settings)) == 1


async def test_no_page_of_a_closed_server_links_to_registration(client: QuartClient) -> None:
    await sign_up(client)
    await sign_out(client)

    for path in ("/", "/login"):
        assert 'href="/register"' not in await (await client.get(path)).get_data(as_text=True)


async def test_signing_up_is_in_the_audit_log_and_sends_a_mail_to_all_but_the_owner(open_app: Application) -> None:
    await sign_up(open_app.test_client())
    await sign_up(open_app.test_client(), GRACE)

    registered = await events(open_app, "account.registered")
    assert [(one.actor, one.details) for one in registered] == [
        (ADA.email, {"role": "owner"}),
        (GRACE.email, {"role": "member"}),
    ]
    assert [(letter.recipient, letter.subject) for letter in await letters(open_app)] == [
        (GRACE.email, "Confirm your address")
    ]


async def test_a_refused_registration_sends_no_mail_and_is_not_audited(open_app: Application) -> None:
    await sign_up(open_app.test_client())
    form = {"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD}

    assert (await open_app.test_client().post("/register", form=form)).status_code == 422

    assert await letters(open_app) == []
    assert len(await events(open_app, "account.registered")) == 1
