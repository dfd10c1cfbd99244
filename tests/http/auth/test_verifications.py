"""An address is confirmed by a link that works once; mail scanners that open it change nothing."""

import asyncio
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from tests.events import names
from tests.helpers import GRACE, sign_up
from tests.mails import letters, newest_link
from webapp.data.uow import UnitOfWork
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose
from webapp.web.application import Application

BANNER = "Is grace@example.org your address?"


@pytest.fixture
async def grace(open_app: Application) -> QuartClient:
    client = open_app.test_client()
    await sign_up(client, GRACE)
    return client


async def page(client: QuartClient, path: str = "/dashboard") -> str:
    return str(await (await client.get(path)).get_data(as_text=True))


async def is_verified(app: Application) -> bool:
    async with db.of(app).reading() as session:
        found = await session.execute(text("SELECT verified_at IS NOT NULL FROM users WHERE id = 2"))
        return bool(found.scalar_one())


async def change(app: Application, statement: str) -> None:
    async def write(work: UnitOfWork) -> None:
        await work.session.execute(text(statement))

    await db.of(app).write(write)


async def test_who_signs_up_is_reminded_until_the_link_of_the_mail_is_used(
    open_app: Application, grace: QuartClient
) -> None:
    (letter,) = await letters(open_app)
    assert (letter.recipient, letter.subject) == (GRACE.email, "Confirm your address")
    assert BANNER in await page(grace)
    path = await newest_link(open_app)

    shown = await page(open_app.test_client(), path)  # on whichever device the mail is read
    answer = await open_app.test_client().post(path)

    assert GRACE.email in shown
    assert answer.status_code == 303
    assert await is_verified(open_app)
    assert BANNER not in await page(grace)
    assert (await names(open_app)).count("account.verified") == 1


async def test_looking_at_the_link_changes_nothing(open_app: Application, grace: QuartClient) -> None:
    path = await newest_link(open_app)

    for _ in range(3):
        assert (await open_app.test_client().get(path)).status_code == 200
        await open_app.test_client().head(path)

    assert not await is_verified(open_app)


async def test_of_many_who_use_it_at_once_exactly_one_wins(open_app: Application, grace: QuartClient) -> None:
    path = await newest_link(open_app)

    answers = await asyncio.gather(*(open_app.test_client().post(path) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410, 410]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE one_time_tokens SET expires_at = '2026-01-01 00:00:00.000000'",
        "UPDATE users SET email = 'grace@elsewhere.example' WHERE id = 2",
        "UPDATE users SET is_active = 0 WHERE id = 2",
        "UPDATE one_time_tokens SET used_at = created_at",
        "UPDATE one_time_tokens SET purpose = 'reset'",
    ],
)
async def test_it_does_not_work_for_what_it_was_not_made_for(
    open_app: Application, grace: QuartClient, statement: str
) -> None:
    path = await newest_link(open_app)
    await change(open_app, statement)

    answer = await open_app.test_client().post(path)

    assert answer.status_code == 410
    assert not await is_verified(open_app)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.VERIFY])
async def test_a_token_for_something_else_confirms_nothing(
    open_app: Application, grace: QuartClient, purpose: Purpose
) -> None:
    token = await db.of(open_app).write(OneTimeToken.issue, purpose, user_id=2, email=GRACE.email)

    assert (await open_app.test_client().post(f"/verifications/{token}")).status_code == 410
    assert not await is_verified(open_app)


async def test_another_mail_can_be_had_and_ends_the_link_before(open_app: Application, grace: QuartClient) -> None:
    first = await newest_link(open_app)

    answer = await grace.post("/verifications")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    second = await newest_link(open_app)
    assert (await open_app.test_client().post(first)).status_code == 410
    assert (await open_app.test_client().post(second)).status_code == 303


async def test_not_more_than_a_few_mails_in_a_row(open_app: Application, grace: QuartClient) -> None:
    for _ in range(5):
        await grace.post("/verifications")

    assert "on their way already" in await page(grace)
    assert len(await letters(open_app)) == 4


async def test_who_is_confirmed_needs_no_mail(app: Application, ada: QuartClient) -> None:
    await ada.post("/verifications")

    assert "confirmed already" in await page(ada)
    assert await letters(app) == []


async def test_a_stranger_gets_none(open_app: Application, grace: QuartClient) -> None:
    answer = await open_app.test_client().post("/verifications")

    assert answer.headers["Location"].startswith("/login")
    assert len(await letters(open_app)) == 1


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 5000, "%00", "..%2f..", "é" * 43, "a b"])
async def test_what_was_never_a_token_is_a_page_like_any_used_one(
    open_app: Application, grace: QuartClient, token: str
) -> None:
    for method in ("GET", "POST"):
        for place in ("verifications", "reset", "invitations"):
            answer: Any = await open_app.test_client().open(f"/{place}/{token}", method=method)
            assert answer.status_code in (303, 404, 405, 410), (place, token)
            assert answer.status_code != 303 or answer.headers["Location"].startswith("/login")
