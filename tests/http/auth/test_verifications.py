"""An address is confirmed once, by its owner, with a mailed link; opening the link changes nothing."""

import asyncio
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from tests.events import names
from tests.helpers import ADA, GRACE, Person, sign_in, sign_up
from tests.mails import letters, newest_link
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose
from webapp.models.accounts.account import verify_email
from webapp.models.accounts.audit import COMMAND_LINE
from webapp.models.accounts.one_time_token import TokenUnusable
from webapp.web.application import Application

BANNER = "Confirm that grace@example.org is your address"


@pytest.fixture
async def grace(open_app: Application) -> QuartClient:
    client = open_app.test_client()
    await sign_up(client, GRACE)
    return client


async def page(client: QuartClient, path: str = "/dashboard") -> str:
    return str(await (await client.get(path)).get_data(as_text=True))


async def sign_in_elsewhere(app: Application, person: Person = GRACE) -> QuartClient:
    """The same person in another browser."""
    client = app.test_client()
    await sign_in(client, person)
    return client


async def is_verified(app: Application) -> bool:
    async with db.of(app).reading() as session:
        found = await session.execute(text("SELECT verified_at IS NOT NULL FROM users WHERE id = 2"))
        return bool(found.scalar_one())


async def change(app: Application, statement: str) -> None:
    async def write(work: UnitOfWork) -> None:
        await work.session.execute(text(statement))

    await db.of(app).write(write)


async def test_a_new_person_is_reminded_until_the_address_is_verified(
    open_app: Application, grace: QuartClient
) -> None:
    (letter,) = await letters(open_app)
    assert (letter.recipient, letter.subject) == (GRACE.email, "Confirm your address")
    assert BANNER in await page(grace)
    path = await newest_link(open_app)

    elsewhere = await sign_in_elsewhere(open_app)  # on whichever device the mail is read
    shown = await page(elsewhere, path)
    answer = await elsewhere.post(path)

    assert GRACE.email in shown
    assert BANNER not in shown  # the page asks that itself
    assert answer.status_code == 303
    assert await is_verified(open_app)
    assert f"Your address {GRACE.email} is confirmed." in await page(elsewhere, path)  # opened once more
    assert BANNER not in await page(grace)
    assert (await names(open_app)).count("account.verified") == 1


async def test_opening_the_link_changes_nothing(open_app: Application, grace: QuartClient) -> None:
    path = await newest_link(open_app)

    for client in (grace, open_app.test_client()):
        for _ in range(3):
            assert (await client.get(path)).status_code in (200, 303)
            await client.head(path)

    assert not await is_verified(open_app)


async def test_a_stranger_with_the_link_is_sent_to_sign_in_and_back(open_app: Application, grace: QuartClient) -> None:
    """Somebody signed up with the address of another: their click must not make it the other's."""
    path, client = await newest_link(open_app), open_app.test_client()

    looked = await client.get(path)
    said_yes = await client.post(path)

    assert (looked.status_code, looked.headers["Location"]) == (303, f"/login?next={path}")
    assert (said_yes.status_code, said_yes.headers["Location"]) == (303, "/login")
    assert not await is_verified(open_app)
    form = {"email": GRACE.email, "password": GRACE.password}
    assert (await client.post(looked.headers["Location"], form=form)).headers["Location"] == path
    assert (await client.post(path)).headers["Location"] == "/"
    assert await is_verified(open_app)


async def test_the_link_of_somebody_else_is_refused_and_not_used_up(open_app: Application, grace: QuartClient) -> None:
    path, ada = await newest_link(open_app), await sign_in_elsewhere(open_app, ADA)

    for answer in (await ada.get(path), await ada.post(path)):
        assert answer.status_code == 403
        said = str(await answer.get_data(as_text=True))
        assert f"for the account of <b>{GRACE.email}</b>, and you are signed in as <b>{ADA.email}</b>" in said
        assert "Yes, confirm it" not in said

    assert not await is_verified(open_app)
    assert (await grace.post(path)).headers["Location"] == "/"


async def test_a_deactivated_person_cannot_verify_an_address(open_app: Application, grace: QuartClient) -> None:
    path = await newest_link(open_app)
    await change(open_app, "UPDATE users SET is_active = false WHERE id = 2")

    assert (await grace.post(path)).headers["Location"].startswith("/login")
    assert not await is_verified(open_app)


async def test_of_many_concurrent_uses_of_a_link_exactly_one_succeeds(
    open_app: Application, grace: QuartClient
) -> None:
    path = await newest_link(open_app)

    answers = await asyncio.gather(*(grace.post(path) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410, 410]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE one_time_tokens SET expires_at = '2026-01-01 00:00:00.000000'",
        "UPDATE users SET email = 'grace@elsewhere.example' WHERE id = 2",
        "UPDATE one_time_tokens SET used_at = created_at",
        "UPDATE one_time_tokens SET purpose = 'reset'",
    ],
)
async def test_a_verification_link_works_for_no_other_purpose(
    open_app: Application, grace: QuartClient, statement: str
) -> None:
    path = await newest_link(open_app)
    await change(open_app, statement)

    answer = await grace.post(path)

    assert answer.status_code == 410
    assert not await is_verified(open_app)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.VERIFY])
async def test_a_token_of_another_purpose_verifies_nothing(
    open_app: Application, grace: QuartClient, purpose: Purpose
) -> None:
    token = await db.of(open_app).write(OneTimeToken.issue, purpose, user_id=2, email=GRACE.email)

    assert (await grace.post(f"/verifications/{token}")).status_code == 410
    assert not await is_verified(open_app)


async def test_another_mail_can_be_requested_and_ends_the_earlier_link(
    open_app: Application, grace: QuartClient
) -> None:
    first = await newest_link(open_app)

    answer = await grace.post("/verifications")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    second = await newest_link(open_app)
    assert (await grace.post(first)).status_code == 410
    assert (await grace.post(second)).headers["Location"] == "/"


async def test_requesting_another_mail_returns_to_the_same_page(grace: QuartClient) -> None:
    assert 'name="next" value="/account/tokens"' in await page(grace, "/account/tokens")

    answer = await grace.post("/verifications", form={"next": "/account/tokens"})
    away = await grace.post("/verifications", form={"next": "//evil.example"})

    assert [found.headers["Location"] for found in (answer, away)] == ["/account/tokens", "/dashboard"]


async def test_the_number_of_verification_mails_is_limited(open_app: Application, grace: QuartClient) -> None:
    for _ in range(5):
        await grace.post("/verifications")

    assert "already on their way" in await page(grace)
    assert len(await letters(open_app)) == 4


async def test_a_verified_person_gets_no_further_mail(app: Application, ada: QuartClient) -> None:
    await ada.post("/verifications")

    assert "confirmed already" in await page(ada)
    assert await letters(app) == []


async def test_a_stranger_cannot_request_a_mail(open_app: Application, grace: QuartClient) -> None:
    answer = await open_app.test_client().post("/verifications")

    assert answer.headers["Location"].startswith("/login")
    assert len(await letters(open_app)) == 1


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 5000, "%00", "..%2f..", "é" * 43, "a b"])
async def test_an_invented_token_gets_the_same_page_as_a_used_one(
    open_app: Application, grace: QuartClient, token: str
) -> None:
    for method in ("GET", "POST"):
        for place in ("verifications", "reset", "invitations"):
            answer: Any = await open_app.test_client().open(f"/{place}/{token}", method=method)
            assert answer.status_code in (303, 404, 405, 410), (place, token)
            assert answer.status_code != 303 or answer.headers["Location"].startswith("/login")


async def test_the_change_itself_refuses_a_link_of_somebody_else(open_app: Application, grace: QuartClient) -> None:
    token = (await newest_link(open_app)).rpartition("/")[2]
    ada = 1
    with pytest.raises(TokenUnusable):
        await db.of(open_app).write(verify_email, COMMAND_LINE, ada, token)
    assert not await is_verified(open_app)
    assert (await grace.post(f"/verifications/{token}")).status_code == 303
