"""A form for signing up or in that is submitted twice is answered clearly each time and takes effect once."""

from collections.abc import Awaitable, Callable

import pytest
from quart.testing import QuartClient

from tests.authenticator import Authenticator
from tests.events import names
from tests.helpers import ADA, GRACE, PASSWORD, sign_in, sign_up, sign_up_form
from tests.http.account.test_passkeys import add, options
from tests.http.auth.conftest import add_second_factor, code
from tests.http.auth.test_invitations import invite
from tests.mails import newest_link
from tests.submits import Submit, submit_at_once, submit_in_turn
from webapp.web.application import Application

NEW = {"password": "another phrase of mine", "confirmation": "another phrase of mine"}

Prepare = Callable[[Application], Awaitable[Submit]]


async def ada(app: Application) -> QuartClient:
    client = app.test_client()
    await sign_in(client)
    return client


async def register(app: Application) -> Submit:
    return app.test_client(), "/register", sign_up_form(app, GRACE)


async def accept_invitation(app: Application) -> Submit:
    return app.test_client(), await invite(app), {"name": "Grace", **NEW}


async def log_in(app: Application) -> Submit:
    return app.test_client(), "/login", {"email": ADA.email, "password": PASSWORD}


async def log_in_with_code(app: Application) -> Submit:
    await add_second_factor(app)
    client = app.test_client()
    await client.post("/login", form={"email": ADA.email, "password": PASSWORD})
    return client, "/login/code", {"code": code()}


async def log_in_with_recovery_code(app: Application) -> Submit:
    client, path, _ = await log_in_with_code(app)
    return client, path, {"code": (await add_second_factor(app))[0]}


async def log_in_with_passkey(app: Application) -> Submit:
    device, client = Authenticator(), app.test_client()
    await add(await ada(app), device)
    return client, "/login/passkey", {"credential": device.get(await options(client))}


async def confirm(app: Application) -> Submit:
    return await ada(app), "/login/confirm", {"password": PASSWORD}


async def confirm_with_passkey(app: Application) -> Submit:
    device, client = Authenticator(), await ada(app)
    await add(client, device)
    return client, "/login/confirm/passkey", {"credential": device.get(await options(client))}


async def log_out(app: Application) -> Submit:
    return await ada(app), "/logout", {}


async def log_out_everywhere(app: Application) -> Submit:
    return await ada(app), "/logout/everywhere", {}


async def request_reset(app: Application) -> Submit:
    return app.test_client(), "/reset", {"email": ADA.email}


async def choose_password(app: Application) -> Submit:
    await app.test_client().post("/reset", form={"email": ADA.email})
    return app.test_client(), await newest_link(app), NEW


async def verify(app: Application) -> Submit:
    client = app.test_client()
    await sign_up(client, GRACE)
    return client, await newest_link(app), {}


async def resend_verification(app: Application) -> Submit:
    client, _, _ = await verify(app)
    return client, "/verifications", {}


# What is submitted; the event it records and how often; the status codes in turn, and at once (the smaller first).
@pytest.mark.parametrize(
    ("prepare", "event", "times", "in_turn", "at_once"),
    [
        (register, "account.registered", 2, [303, 303], [303, 422]),  # Ada was the first
        (accept_invitation, "account.registered", 2, [303, 410], [303, 410]),
        (log_in, "session.refused", 0, [303, 303], [303, 303]),
        (log_in_with_code, "session.started", 2, [303, 303], [303, 422]),
        (log_in_with_recovery_code, "recovery_code.used", 1, [303, 303], [303, 422]),
        (log_in_with_passkey, "session.started", 3, [303, 303], [303, 303]),
        (confirm, "session.refused", 0, [303, 303], [303, 303]),
        (confirm_with_passkey, "session.confirmed", 2, [303, 303], [303, 303]),  # adding it confirms, too
        (log_out, "session.ended", 1, [303, 303], [303, 303]),
        (log_out_everywhere, "session.all_ended", 1, [303, 303], [303, 303]),
        (request_reset, "password.reset_asked", 2, [303, 303], [303, 303]),
        (choose_password, "password.reset", 1, [303, 410], [303, 410]),
        (verify, "account.verified", 1, [303, 410], [303, 410]),
        (resend_verification, "account.verified", 0, [303, 303], [303, 303]),
    ],
)
@pytest.mark.parametrize("is_at_once", [False, True], ids=["in turn", "at once"])
async def test_a_form_submitted_twice_takes_effect_once(
    open_app: Application,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Prepare,
    event: str,
    times: int,
    in_turn: list[int],
    at_once: list[int],
    is_at_once: bool,
) -> None:
    submit = await prepare(open_app)

    statuses = await (submit_at_once(submit, monkeypatch) if is_at_once else submit_in_turn(submit))

    assert statuses == (at_once if is_at_once else in_turn)
    assert (await names(open_app)).count(event) == times


@pytest.mark.parametrize("is_at_once", [False, True], ids=["in turn", "at once"])
async def test_the_first_person_signing_up_twice_becomes_one_owner(
    app: Application, monkeypatch: pytest.MonkeyPatch, is_at_once: bool
) -> None:
    submit = app.test_client(), "/register", sign_up_form(app)

    statuses = await (submit_at_once(submit, monkeypatch) if is_at_once else submit_in_turn(submit))

    assert statuses == ([303, 403] if is_at_once else [303, 303])
    assert (await names(app)).count("account.registered") == 1
