"""Passwords left to owners: everybody else comes through the provider, and the pages say so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quart.testing import QuartClient

from tests.conftest import Client, make_settings
from tests.helpers import GRACE, PASSWORD, is_signed_in, sign_in, sign_up
from tests.mails import letters
from tests.people import ADA, EVE, settle, window
from tests.provider import FakeProvider, oidc_settings, sign_in_through
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import ApiToken, Role, Scope
from webapp.models.accounts import invitation
from webapp.models.accounts.people import OPERATOR, add_person
from webapp.web.application import Application
from webapp.web.mailer import mailer


@pytest.fixture
async def app(data_dir: Path, provider: FakeProvider) -> AsyncIterator[Application]:
    given = oidc_settings(provider.issuer, password_sign_in="owners", registration="open")
    made = create_app(make_settings(data_dir, **given))
    made.test_client_class = Client
    async with made.test_app():
        await sign_up(made.test_client())
        yield made


async def text(client: QuartClient, path: str) -> str:
    return str(await (await client.get(path)).get_data(as_text=True))


async def test_owners_sign_in_with_theirs(app: Application) -> None:
    client = app.test_client()

    await sign_in(client, ADA)

    assert await is_signed_in(client)


async def test_others_are_told_once_the_password_is_right_and_no_earlier(app: Application) -> None:
    await settle(app, EVE.email, Role.ADMINISTRATOR)
    client = app.test_client()

    wrong = await client.post("/login", form={"email": EVE.email, "password": "wrong horse battery"})
    right = await client.post("/login", form={"email": EVE.email, "password": PASSWORD})

    assert "Wrong e-mail address or password" in await wrong.get_data(as_text=True)
    assert "Only owners sign in with a password here. Sign in with Example ID." in await right.get_data(as_text=True)
    assert (wrong.status_code, right.status_code) == (422, 422)
    assert not await is_signed_in(client)


async def test_others_come_through_the_provider(app: Application, provider: FakeProvider) -> None:
    await settle(app, EVE.email, Role.MEMBER)
    client = app.test_client()

    await sign_in_through(provider, client)

    assert await is_signed_in(client)
    page = await text(client, "/account/password")
    assert "Only owners sign in with a password here" in page
    assert "<input" not in page.partition("<main")[2].partition("</main>")[0]
    refused = await client.post("/account/password", form={"current": PASSWORD, "password": "x", "confirmation": "x"})
    assert "Only owners" in await refused.get_data(as_text=True)


async def test_the_pages_of_the_door_say_so(app: Application) -> None:
    client = app.test_client()
    async with app.test_request_context("/"):
        await db().write(invitation.invite, OPERATOR, mailer, ["eve@example.org"], Role.MEMBER)
    [letter] = await letters(app)
    assert "Accept it and sign in with Example ID:" in letter.text
    path = "/" + letter.link.split("/", 3)[3]

    login, invited = await text(client, "/login"), await text(client, path)
    assert login.index("Sign in with Example ID") < login.index("an owner") < login.index('name="password"')
    assert "your account is made then" in login
    assert "Only owners sign in with a password here" in await text(client, "/reset")
    assert "Join with Example ID" in invited
    assert 'name="password"' not in invited
    registration = await client.get("/register")
    assert registration.status_code == 403
    assert "your account is made when you sign in with Example ID" in await registration.get_data(as_text=True)


async def test_an_invitation_with_a_password_is_not_accepted(app: Application) -> None:
    async with app.test_request_context("/"):
        await db().write(invitation.invite, OPERATOR, mailer, ["eve@example.org"], Role.MEMBER)
    [letter] = await letters(app)
    path = "/" + letter.link.split("/", 3)[3]
    client = app.test_client()

    await client.post(path, form={"name": "Eve", "password": PASSWORD, "confirmation": PASSWORD})

    assert not await is_signed_in(client)


async def test_only_owners_get_a_link_for_a_new_password(app: Application) -> None:
    await settle(app, EVE.email, Role.MEMBER)
    client = app.test_client()

    for email in (EVE.email, ADA.email):
        await client.post("/reset", form={"email": email})
    await db.of(app).wait_for_writes()

    assert await letters(app, EVE.email) == []
    assert [one.subject for one in await letters(app, ADA.email)] == ["Choose a new password"]


async def test_whose_account_was_created_is_told_to_sign_in_with_the_provider(app: Application) -> None:
    async with app.test_request_context("/"):
        for email, role in ((EVE.email, Role.MEMBER), (GRACE.email, Role.OWNER)):
            await db().write(add_person, OPERATOR, email=email, role=role, mailer=mailer)

    [member], [owner] = await letters(app, EVE.email), await letters(app, GRACE.email)

    assert "Sign in with Example ID:" in member.text
    assert "assword" not in member.text
    assert f"\n\n{member.link}\n\nIf you expected no account" in member.text
    assert member.link.endswith("/login")
    assert "Choose a password to sign in:" in owner.text
    assert "/reset/" in owner.link


@pytest.mark.parametrize(
    ("role", "advice", "place"),
    [
        (Role.MEMBER, "sign in with Example ID, sign out all other devices", "/account/devices"),
        (Role.OWNER, "choose a new password at once", "/reset"),
    ],
)
async def test_a_notice_advises_what_the_server_takes(app: Application, role: Role, advice: str, place: str) -> None:
    eve = await settle(app, EVE.email, role)

    async with app.test_request_context("/"):
        await db().write(mailer.send, "passkey_removed", eve.email, user_id=eve.id, name="phone")
    [notice] = await letters(app, EVE.email)

    assert advice in notice.text
    assert notice.link.endswith(place)
    assert notice.text.endswith(f":\n\n{notice.link}\n")


async def test_administrators_send_no_link_to_a_password_that_is_not_taken(app: Application) -> None:
    eve, ada = await settle(app, EVE.email, Role.MEMBER), app.test_client()
    await sign_in(ada)
    page = f"/admin/people/{eve.id}"

    assert "reset link" not in await text(ada, page)
    refused = await ada.post(f"{page}/reset")

    assert refused.status_code == 422
    assert "signs in without a password here" in await refused.get_data(as_text=True)
    assert await letters(app, EVE.email) == []


async def test_tokens_go_on(app: Application) -> None:
    eve = await settle(app, EVE.email, Role.MEMBER)

    async def issue(work: UnitOfWork) -> str:
        return (await ApiToken.issue(work, eve.id, name="t", scope=Scope.READ, expires_at=None))[1]

    token = await db.of(app).write(issue)
    client = app.test_client(use_cookies=False)

    answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200


async def test_a_password_confirms_nobody_but_owners(app: Application, provider: FakeProvider) -> None:
    await settle(app, EVE.email, Role.MEMBER)
    eve = app.test_client()
    provider.claims["auth_time"] = 1
    await sign_in_through(provider, eve)

    page = await text(eve, "/login/confirm")
    answer = await eve.post("/login/confirm", form={"password": PASSWORD})

    assert "Confirm with Example ID" in page
    assert 'name="password"' not in page
    assert "A password is not enough here" in await answer.get_data(as_text=True)
    assert 'name="password"' in await text(await window(app, ADA), "/login/confirm")
