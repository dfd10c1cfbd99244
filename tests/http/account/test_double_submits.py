"""A form of the account pages that is submitted twice is answered clearly each time and takes effect once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from quart.testing import QuartClient

from tests.authenticator import Authenticator
from tests.events import names
from tests.helpers import PASSWORD
from tests.http.account.conftest import text_of
from tests.http.account.test_emails import NEW, ask, link_to
from tests.http.account.test_passkeys import add, options
from tests.http.account.test_second_factor import begin, current_code, form_of_new_codes, turn_on
from tests.http.account.test_tokens import GIVEN, create_token
from tests.people import EVE, window
from tests.submits import Submit, submit_at_once, submit_in_turn
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditSource, User
from webapp.models.accounts.account import delete_account
from webapp.web.application import Application
from webapp.web.mailer import mailer
from webapp.web.user_data import delete_user_data

Prepare = Callable[[Application, QuartClient], Awaitable[Submit]]


def plain(path: str, **form: str) -> Prepare:
    async def prepare(app: Application, eve: QuartClient) -> Submit:
        return eve, path, form

    prepare.__name__ = path
    return prepare


async def resend_verification(app: Application, eve: QuartClient) -> Submit:
    async def forget(work: UnitOfWork) -> None:
        (await work.session.get_one(User, 2)).verified_at = None

    await db.of(app).write(forget)
    return eve, "/verifications", {}


async def end_device(app: Application, eve: QuartClient) -> Submit:
    await window(app, EVE)
    return eve, "/account/devices/3/end", {}  # after Ada's and Eve's first


async def confirm_email(app: Application, eve: QuartClient) -> Submit:
    await ask(eve)
    return eve, "/account/email/confirmation", {"token": (await link_to(app)).partition("token=")[2]}


async def add_passkey(app: Application, eve: QuartClient) -> Submit:
    credential = Authenticator().create(await options(eve, "/account/passkeys/options"))
    return eve, "/account/passkeys/new", {"name": "Phone", "credential": credential}


async def rename_passkey(app: Application, eve: QuartClient) -> Submit:
    await add(eve, Authenticator())
    return eve, "/account/passkeys/1", {"name": "Old phone"}


async def remove_passkey(app: Application, eve: QuartClient) -> Submit:
    await add(eve, Authenticator())
    return eve, "/account/passkeys/1/removal", {}


async def turn_on_second_factor(app: Application, eve: QuartClient) -> Submit:
    secret, sealed = await begin(eve)
    return eve, "/account/second-factor/new", {"sealed": sealed, "code": current_code(secret)}


async def turn_off_second_factor(app: Application, eve: QuartClient) -> Submit:
    secret, _ = await turn_on(eve)
    return eve, "/account/second-factor/removal", {"code": current_code(secret, 1)}


async def renew_recovery_codes(app: Application, eve: QuartClient) -> Submit:
    await turn_on(eve)
    return eve, "/account/second-factor/recovery-codes", await form_of_new_codes(eve)


async def revoke_token(app: Application, eve: QuartClient) -> Submit:
    await create_token(eve)
    return eve, "/account/tokens/1/revocation", {}


PROFILE = plain("/account", name="Eva", time_zone="UTC", number_style="comma")
PASSWORDS = {"current": PASSWORD, "password": "another phrase of mine", "confirmation": "another phrase of mine"}


# What is submitted; the event it records and how often; the status codes in turn, and at once (the smaller first).
@pytest.mark.parametrize(
    ("prepare", "event", "times", "in_turn", "at_once"),
    [
        (PROFILE, "account.profile_changed", 1, [303, 303], [303, 303]),
        (plain("/account/password", **PASSWORDS), "password.changed", 1, [303, 422], [303, 303]),
        (plain("/account/email", email=NEW), "account.email_change_asked", 2, [303, 303], [303, 303]),
        (plain("/account/email/withdrawal"), "account.email_changed", 0, [303, 303], [303, 303]),
        (confirm_email, "account.email_changed", 1, [303, 410], [303, 410]),
        (end_device, "session.ended", 1, [303, 404], [303, 404]),
        (plain("/account/devices/others/end"), "session.all_ended", 0, [303, 303], [303, 303]),
        (add_passkey, "passkey.added", 1, [303, 422], [303, 422]),
        (rename_passkey, "passkey.added", 1, [303, 303], [303, 303]),
        (remove_passkey, "passkey.removed", 1, [303, 404], [303, 404]),
        (turn_on_second_factor, "second_factor.added", 1, [200, 303], [200, 422]),
        (turn_off_second_factor, "second_factor.removed", 1, [303, 303], [303, 422]),
        (renew_recovery_codes, "recovery_code.renewed", 1, [200, 303], [200, 303]),
        (plain("/account/tokens/new", **GIVEN), "token.made", 1, [200, 422], [200, 422]),
        (revoke_token, "token.revoked", 1, [303, 404], [303, 404]),
        (plain("/account/export"), "account.exported", 2, [200, 200], [200, 200]),
        (plain("/account/deletion", email=EVE.email), "account.deleted", 1, [303, 303], [303, 303]),
    ],
)
@pytest.mark.parametrize("is_at_once", [False, True], ids=["in turn", "at once"])
async def test_a_form_submitted_twice_takes_effect_once(
    app: Application,
    eve: QuartClient,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Prepare,
    event: str,
    times: int | None,
    in_turn: list[int],
    at_once: list[int],
    is_at_once: bool,
) -> None:
    submit = await prepare(app, eve)

    statuses = await (submit_at_once(submit, monkeypatch) if is_at_once else submit_in_turn(submit))

    assert statuses == (at_once if is_at_once else in_turn)
    assert times in (None, (await names(app)).count(event))


@pytest.mark.parametrize(
    "prepare",
    [
        PROFILE,
        plain("/account/password", **PASSWORDS),
        plain("/account/email", email=NEW),
        confirm_email,
        end_device,
        add_passkey,
        plain("/account/passkeys/options"),
        remove_passkey,
        turn_on_second_factor,
        turn_off_second_factor,
        renew_recovery_codes,
        plain("/account/tokens/new", **GIVEN),
        revoke_token,
        resend_verification,
        plain("/login/confirm", password=PASSWORD),
        plain("/logout"),
        plain("/logout/everywhere"),
    ],
)
async def test_a_form_of_an_account_that_was_just_deleted_is_answered_clearly(
    app: Application, eve: QuartClient, monkeypatch: pytest.MonkeyPatch, prepare: Prepare
) -> None:
    client, path, form = await prepare(app, eve)
    write, source = Database.write, AuditSource(2, EVE.email)

    async def write_late(self: Database, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await write(self, delete_account, source, mailer, 2, delete_user_data)
        return await write(self, verb, *args, **kwargs)

    monkeypatch.setattr(Database, "write", write_late)
    answer = await client.post(path, form=form)

    assert answer.status_code in (303, 404, 410, 422), await text_of(answer)
    async with db.of(app).reading() as session:
        assert await session.get(User, 2) is None
