"""Guesses at the codes of a second factor, by somebody who knows the password."""

import pytest
from quart.testing import QuartClient

from tests.authenticator import Authenticator
from tests.helpers import ADA, PASSWORD
from tests.http.account.test_passkeys import add
from tests.http.account.test_second_factor import turn_on
from tests.http.auth.conftest import add_second_factor, code
from tests.people import window
from webapp.auth.rate_limits import rate_limits
from webapp.web.application import Application


@pytest.fixture
async def collected(app: Application, ada: QuartClient) -> list[QuartClient]:
    """Browsers in which somebody who knows the password signed in before there was a second factor."""
    return [await window(app, ADA) for _ in range(4)]


async def guess(client: QuartClient, number: int, password: str = PASSWORD) -> int:
    """The status of the answer to a wrong code, from a network address of its own."""
    await client.post("/logout")
    await client.post(
        "/login", form={"email": ADA.email, "password": password}, scope_base={"client": (f"192.0.2.{number % 250}", 1)}
    )
    return int((await client.post("/login/code", form={"code": f"{number:06}"})).status_code)


async def test_devices_known_before_the_second_factor_grant_no_tries_of_their_own(
    app: Application, collected: list[QuartClient]
) -> None:
    await add_second_factor(app)

    answers = [await guess(client, 10 * n + k) for n, client in enumerate(collected) for k in range(4)]

    assert answers == [422] * 10 + [429] * 6


async def test_codes_at_a_confirmation_count_with_those_of_signing_in(
    app: Application, collected: list[QuartClient]
) -> None:
    await add_second_factor(app)
    client = collected[0]
    for n in range(10):
        assert (await client.post("/login/confirm", form={"password": PASSWORD, "code": f"{n:06}"})).status_code == 422

    assert (await client.post("/login/confirm", form={"password": PASSWORD, "code": code()})).status_code == 429
    assert await guess(app.test_client(), 1) == 429


async def test_codes_at_turning_the_factor_off_count_with_those_of_signing_in(
    app: Application, ada: QuartClient
) -> None:
    await add_second_factor(app)
    for n in range(10):
        assert (await ada.post("/account/second-factor/removal", form={"code": f"{n:06}"})).status_code == 422

    assert (await ada.post("/account/second-factor/removal", form={"code": code()})).status_code == 429
    assert await guess(app.test_client(), 1) == 429


async def test_an_account_takes_200_codes_a_day_however_many_devices_are_known(
    app: Application, ada: QuartClient
) -> None:
    await add_second_factor(app)
    async with app.app_context():
        for _ in range(199):
            assert await rate_limits().account_codes_a_day.try_hit("1")
    client = app.test_client()

    assert [await guess(client, n) for n in range(2)] == [422, 429]


@pytest.mark.parametrize("place", ["signing in", "confirming"])
async def test_a_right_code_does_not_count_as_a_guess(app: Application, ada: QuartClient, place: str) -> None:
    codes = await add_second_factor(app)
    async with app.app_context():
        for _ in range(59):
            assert await rate_limits().codes_a_day.try_hit("1")
    client = app.test_client()
    form = {"email": ADA.email, "password": PASSWORD}

    for right in codes[:3]:
        await client.post("/login", form=form)
        if place == "signing in":
            assert (await client.post("/login/code", form={"code": right})).status_code == 303
            client = app.test_client()  # one that has not signed in before
        else:
            assert (await ada.post("/login/confirm", form={"password": PASSWORD, "code": right})).status_code == 303

    assert await guess(app.test_client(), 1) == 422
    assert await guess(app.test_client(), 2) == 429


async def test_sign_ins_from_before_the_enrolment_must_show_a_code(
    app: Application, collected: list[QuartClient]
) -> None:
    await turn_on(collected[0])

    assert (await collected[0].get("/account/tokens/new")).status_code == 200
    answer = await collected[1].get("/account/tokens/new")
    assert answer.headers["Location"].startswith("/login/confirm")
    assert (await collected[1].post("/login/confirm", form={"password": PASSWORD})).status_code == 422


async def test_sign_ins_from_before_a_passkey_was_added_must_prove_themselves_again(
    app: Application, collected: list[QuartClient]
) -> None:
    await add(collected[0], Authenticator())

    assert (await collected[0].get("/account/tokens/new")).status_code == 200
    assert (await collected[1].get("/account/tokens/new")).headers["Location"].startswith("/login/confirm")


async def test_the_device_that_turned_the_factor_on_or_changed_the_password_stays_known(
    app: Application, ada: QuartClient
) -> None:
    await turn_on(ada)
    new = {"password": "a quite different sentence", "confirmation": "a quite different sentence"}
    assert (await ada.post("/account/password", form={"current": PASSWORD, **new})).status_code == 303
    for n in range(11):  # strangers with the password use up the tries of unknown devices
        await guess(app.test_client(), n, new["password"])

    assert await guess(ada, 1, new["password"]) == 422
