"""An invitation is accepted with a name and a password, once, by whoever holds its link."""

import asyncio
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from settings import Settings
from tests.conftest import make_settings
from tests.events import events
from tests.helpers import ADA, GRACE, PASSWORD, is_signed_in, sign_in
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose, User
from webapp.web.application import Application

FORM = {"name": "Grace  Hopper", "password": PASSWORD, "confirmation": PASSWORD}


async def invite(app: Application, email: str = GRACE.email, role: str = "administrator") -> str:
    data = {"role": role, "inviter": ADA.email}
    token = await db.of(app).write(OneTimeToken.issue, Purpose.INVITE, email=email, data=data)
    return f"/invitations/{token}"


async def people(app: Application) -> list[Any]:
    async with db.of(app).reading() as session:
        return list(await session.execute(text("SELECT email, name, role, verified_at IS NOT NULL FROM users")))


async def test_accepting_creates_the_account_and_signs_in(app: Application, ada: QuartClient) -> None:
    client, path = app.test_client(), await invite(app)

    page = await (await client.get(path)).get_data(as_text=True)
    answer = await client.post(path, form=FORM)

    assert f"{ADA.email} invites you" in page
    assert GRACE.email in page
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert await is_signed_in(client)
    assert (await people(app))[1:] == [(GRACE.email, "Grace Hopper", "administrator", 1)]
    registered = (await events(app, "account.registered"))[-1]
    assert registered.details == {"role": "administrator", "inviter": ADA.email}
    assert (await events(app, "session.started"))[-1].details["method"] == "invitation"


@pytest.mark.parametrize("registration", ["open", "invitation", "closed"])
class TestInEveryMode:
    @pytest.fixture
    def settings(self, data_dir: Any, registration: str) -> Settings:
        return make_settings(data_dir, registration=registration)

    async def test_an_invitation_can_be_accepted_in_every_registration_mode(
        self, app: Application, ada: QuartClient
    ) -> None:
        assert (await app.test_client().post(await invite(app), form=FORM)).status_code == 303


async def test_without_a_name_the_address_gives_it(app: Application, ada: QuartClient) -> None:
    await app.test_client().post(await invite(app, role="guest"), form=FORM | {"name": " "})

    assert (await people(app))[1:] == [(GRACE.email, "grace", "guest", 1)]


async def test_the_form_cannot_change_address_or_role(app: Application, ada: QuartClient) -> None:
    more = {"email": "eve@example.org", "role": "owner", "is_active": "1", "verified_at": "x", "id": "1"}
    await app.test_client().post(await invite(app, role="guest"), form=FORM | more)

    assert (await people(app))[1:] == [(GRACE.email, "Grace Hopper", "guest", 1)]


async def test_an_invitation_is_valid_once_also_for_concurrent_requests(app: Application, ada: QuartClient) -> None:
    path = await invite(app)
    assert (await app.test_client().get(path)).status_code == 200

    answers = await asyncio.gather(*(app.test_client().post(path, form=FORM) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410, 410]
    assert (await app.test_client().get(path)).status_code == 410
    assert len(await people(app)) == 2


async def test_a_refused_password_does_not_use_up_the_invitation(app: Application, ada: QuartClient) -> None:
    path = await invite(app)

    for change, words in (
        ({"password": "short", "confirmation": "short"}, "at least 10 characters"),
        ({"password": "grace@example.org", "confirmation": "grace@example.org"}, "a name, an address"),
        ({"password": "Grace Hopper 1", "confirmation": "Grace Hopper 1"}, "a name, an address"),
        ({"confirmation": "different"}, "passwords differ"),
        ({"name": "n" * 201}, "at most 200 characters"),
        ({"name": "nul\0"}, "cannot be kept"),
    ):
        answer = await app.test_client().post(path, form=FORM | change)
        assert answer.status_code == 422
        assert words in await answer.get_data(as_text=True)

    assert (await app.test_client().post(path, form=FORM)).status_code == 303


async def test_an_address_that_has_got_an_account_since_is_refused(app: Application, ada: QuartClient) -> None:
    path = await invite(app, email=ADA.email)

    answer = await app.test_client().post(path, form=FORM)

    assert answer.status_code == 422
    assert "already an account" in await answer.get_data(as_text=True)
    await sign_in(app.test_client())
    assert len(await people(app)) == 1


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.INVITE])
async def test_a_token_of_another_purpose_is_refused(app: Application, ada: QuartClient, purpose: Purpose) -> None:
    token = await db.of(app).write(OneTimeToken.issue, purpose, user_id=1, email=GRACE.email)

    assert (await app.test_client().post(f"/invitations/{token}", form=FORM)).status_code == 410
    assert len(await people(app)) == 1


async def test_an_expired_invitation_is_refused(app: Application, ada: QuartClient) -> None:
    path = await invite(app)

    async def expire(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE one_time_tokens SET expires_at = '2026-01-01 00:00:00.000000'"))

    await db.of(app).write(expire)

    assert (await app.test_client().get(path)).status_code == 410
    assert (await app.test_client().post(path, form=FORM)).status_code == 410


async def test_an_invalid_link_causes_no_hashing(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("hashed")

    monkeypatch.setattr("webapp.hashing.Hasher.hash", never)

    for place in ("invitations", "reset"):
        assert (await app.test_client().post(f"/{place}/{'x' * 43}", form=FORM)).status_code == 410


async def test_accepting_while_signed_in_as_somebody_else_signs_in_the_new_person(
    app: Application, ada: QuartClient
) -> None:
    await ada.post(await invite(app), form=FORM)

    async with db.of(app).reading() as session:
        grace = (await session.execute(User.active_by_email(GRACE.email))).scalar_one()
        alive = await session.execute(text("SELECT user_id FROM sessions WHERE revoked_at IS NULL"))
        assert alive.scalars().all() == [grace.id]


async def test_a_name_loses_what_could_command_a_terminal_or_reorder_text(app: Application, ada: QuartClient) -> None:
    name = "Gra\x1b]0;owned\x07ce\u202e \x9b31m\nHopper"

    await app.test_client().post(await invite(app), form=FORM | {"name": name})

    assert (await people(app))[1][1] == "Gra]0;ownedce 31m Hopper"


async def test_a_name_of_invisible_characters_is_no_name(app: Application, ada: QuartClient) -> None:
    await app.test_client().post(await invite(app), form=FORM | {"name": "\u200b\u202e"})

    assert (await people(app))[1][1] == "grace"
