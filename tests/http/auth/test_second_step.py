"""Signing in with a second factor: the password alone opens nothing, and a code is valid once."""

import asyncio
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from tests.conftest import Client, make_settings
from tests.events import events, names
from tests.helpers import ADA, PASSWORD, is_signed_in, sign_out, sign_up, sign_up_form
from tests.http.auth.conftest import add_second_factor, code
from tests.mails import letters, newest_link
from webapp import create_app
from webapp.auth.rate_limits import RateLimits
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import AuditSource, User
from webapp.models.accounts.second_factor import verify_code
from webapp.web.application import Application

STEP = "rowcast-second-step"
FORM = {"email": ADA.email, "password": PASSWORD}


@pytest.fixture
async def codes(app: Application, ada: QuartClient) -> list[str]:
    """Ada has a second factor and is signed out; these are her recovery codes."""
    await sign_out(ada)
    return await add_second_factor(app)


def cookies(answer: Any) -> SimpleCookie:
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        jar.load(header)
    return jar


async def show(client: QuartClient, typed: str, path: str = "/login/code") -> Any:
    return await client.post(path, form={"code": typed})


async def test_a_password_and_then_a_code_sign_in(app: Application, codes: list[str]) -> None:
    client = app.test_client()

    first = await client.post("/login?next=/tables/7", form=FORM | {"remember": "y"})
    assert (first.status_code, first.headers["Location"]) == (303, "/login/code?next=/tables/7")
    page = await (await client.get("/login/code")).get_data(as_text=True)
    second = await show(client, code(), first.headers["Location"])

    assert "authenticator" in page
    assert (second.status_code, second.headers["Location"]) == (303, "/tables/7")
    assert await is_signed_in(client)
    assert int(cookies(second)["rowcast-sign-in"]["max-age"]) == 30 * 86400  # remembered over both steps
    assert cookies(second)[STEP]["max-age"] == "0"
    (started,) = [one for one in await events(app, "session.started") if one.details["method"] != "password"]
    assert started.details == {"method": "password and code", "remembered": True}


async def test_a_password_alone_opens_nothing(app: Application, codes: list[str]) -> None:
    client = app.test_client()

    answer = await client.post("/login", form=FORM)

    assert "rowcast-sign-in" not in cookies(answer)
    step = cookies(answer)[STEP]
    assert (step["httponly"], step["samesite"], step["path"], step["max-age"]) == (True, "Lax", "/", "600")
    assert not await is_signed_in(client)
    for path in ("/dashboard", "/login/confirm", "/tables/1"):
        assert (await client.get(path)).headers["Location"].startswith("/login?next=")
    assert (await names(app)).count("session.started") == 1  # when she signed up


async def test_the_second_step_requires_the_first(app: Application, codes: list[str]) -> None:
    client = app.test_client()
    client.set_cookie("localhost", STEP, "x" * 43)

    for answer in (await client.get("/login/code?next=/tables/7"), await show(client, code())):
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login")
    assert not await is_signed_in(client)


async def test_a_wrong_password_does_not_reveal_the_second_factor(app: Application, codes: list[str]) -> None:
    answer = await app.test_client().post("/login", form=FORM | {"password": "something else"})

    assert answer.status_code == 422
    assert STEP not in cookies(answer)


async def test_a_code_is_valid_once(app: Application, codes: list[str]) -> None:
    first, second = app.test_client(), app.test_client()
    for client in (first, second):
        await client.post("/login", form=FORM)
    shown = code()

    assert (await show(first, shown)).status_code == 303
    again = await show(second, shown)

    assert again.status_code == 422
    assert "was used already" in await again.get_data(as_text=True)
    assert (await show(second, code(1))).status_code == 303  # a clock may be half a minute ahead


async def test_a_first_step_is_valid_for_one_sign_in(app: Application, codes: list[str]) -> None:
    client, copied = app.test_client(), app.test_client()
    step = cookies(await client.post("/login", form=FORM))[STEP].value
    assert (await show(client, codes[0])).status_code == 303
    copied.set_cookie("localhost", STEP, step)

    assert (await show(copied, codes[1])).headers["Location"].startswith("/login")
    assert not await is_signed_in(copied)


async def test_of_many_concurrent_uses_of_a_code_one_signs_in(app: Application, codes: list[str]) -> None:
    async with app.app_context():
        shown = code()

        async def verify(work: UnitOfWork) -> bool:
            return await verify_code(work, AuditSource(1, ADA.email), sealer(), 1, shown)

        answers = await asyncio.gather(*(db().write(verify) for _ in range(10)))
    assert sorted(answers) == [False] * 9 + [True]


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
async def test_a_code_of_another_time_is_refused(app: Application, codes: list[str], steps: int) -> None:
    client = app.test_client()
    await client.post("/login", form=FORM)

    assert (await show(client, code(steps))).status_code == 422


async def test_a_recovery_code_replaces_a_code_once_and_its_owner_is_notified(
    app: Application, codes: list[str]
) -> None:
    first, second = app.test_client(), app.test_client()
    for client in (first, second):
        await client.post("/login", form=FORM)

    assert (await show(first, codes[0].upper().replace("-", " "))).status_code == 303
    assert (await show(second, codes[0])).status_code == 422
    assert (await show(second, codes[1])).status_code == 303

    assert "used up" in await (await first.get("/nowhere")).get_data(as_text=True)
    assert (await names(app)).count("recovery_code.used") == 2
    assert [letter.subject for letter in await letters(app, ADA.email)] == ["A recovery code was used"] * 2


async def test_guesses_at_codes_are_limited_across_sign_ins(app: Application, codes: list[str]) -> None:
    answers = []
    for n in range(11):
        client = app.test_client()
        await client.post("/login", form=FORM, scope_base={"client": (f"192.0.2.{n}", 1)})
        answers.append(await show(client, f"{n:06}"))

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    right = await show(client, code())
    assert right.status_code == 429
    assert all(one.details["step"] == "code" for one in await events(app, "session.refused"))


async def test_a_new_password_ends_a_sign_in_in_progress(app: Application, codes: list[str]) -> None:
    from webapp.models import Event
    from webapp.models.accounts.password import set_password

    client = app.test_client()
    await client.post("/login", form=FORM)
    await db.of(app).write(set_password, AuditSource(1, ADA.email), 1, "hash", Event.PASSWORD_CHANGED)

    assert (await show(client, code())).headers["Location"].startswith("/login")
    assert not await is_signed_in(client)


async def test_a_person_deactivated_between_the_steps_cannot_sign_in(app: Application, codes: list[str]) -> None:
    client = app.test_client()
    await client.post("/login", form=FORM)

    async def deactivate(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE users SET is_active = false"))

    await db.of(app).write(deactivate)

    assert (await show(client, code())).headers["Location"].startswith("/login")


async def test_with_a_lost_encryption_key_recovery_codes_still_work(app: Application, codes: list[str]) -> None:
    async def spoil(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE users SET totp_secret = 'gAAAAABsealed'"))

    await db.of(app).write(spoil)
    client = app.test_client()
    await client.post("/login", form=FORM)

    assert (await show(client, code())).status_code == 422
    assert (await show(client, codes[0])).status_code == 303


async def test_behind_tls_the_cookie_of_the_second_step_has_the_host_prefix(data_dir: Path) -> None:
    app = create_app(make_settings(data_dir, public_origin="https://rows.example.org"))
    app.test_client_class = Client
    scope = {"headers": {"Host": "rows.example.org"}, "scope_base": {"scheme": "https"}}
    async with app.test_app():
        made = await app.test_client().post("/register", form=sign_up_form(app), **scope)
        assert made.status_code == 303, await made.get_data(as_text=True)
        assert cookies(made)["__Host-rowcast-device"]["secure"]
        await add_second_factor(app)

        answer = await app.test_client().post("/login", form=FORM, **scope)

    step = cookies(answer)["__Host-rowcast-second-step"]
    assert (step["secure"], step["httponly"], step["path"], step["domain"]) == (True, True, "/", "")


async def test_registration_does_not_bypass_the_second_step(app: Application, codes: list[str]) -> None:
    with pytest.raises(AssertionError):
        await sign_up(app.test_client())


async def test_a_reset_grants_no_further_guesses_at_codes(app: Application, codes: list[str]) -> None:
    """Otherwise access to the mails would create one known device after another."""
    client = app.test_client()
    await client.post("/reset", form={"email": ADA.email})
    await db.of(app).wait_for_writes()
    path = await newest_link(app)

    answer = await client.post(
        path, form={"password": "another phrase of mine", "confirmation": "another phrase of mine"}
    )

    assert answer.status_code == 303
    assert "rowcast-device" not in {morsel.key for morsel in cookies(answer).values() if morsel.value}


async def test_a_device_has_a_daily_limit_of_codes_and_so_has_the_account(app: Application, codes: list[str]) -> None:
    async with app.test_request_context("/login/code"), db.of(app).reading() as session:
        tries = RateLimits().code_tries(await User.find(session, 1))

    assert [(throttle.limit, throttle.window) for throttle, _ in tries] == [(10, 600), (60, 86400), (200, 86400)]
