"""A server without a mail server confirms no addresses: no link is made for it, and people are told what to do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.conftest import Client, make_settings
from tests.helpers import GRACE, sign_up
from tests.http.account.conftest import page
from tests.http.auth.test_confirmed_addresses import accept, copy_invitation
from tests.mails import letters
from webapp import create_app
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose
from webapp.web.application import Application


@pytest.fixture
async def mailless(data_dir: Path) -> AsyncIterator[Application]:
    made = create_app(make_settings(data_dir, environment="production", registration="open"))
    made.test_client_class = Client
    async with made.test_app():
        yield made


@pytest.fixture
async def owner(mailless: Application) -> QuartClient:
    client = mailless.test_client()
    await sign_up(client)
    return client


async def subjects(app: Application) -> list[str]:
    return [letter.subject for letter in await letters(app)]


async def verification_links(app: Application) -> int:
    async with db.of(app).reading() as session:
        found = await session.scalars(select(OneTimeToken).where(OneTimeToken.purpose == Purpose.VERIFY))
        return len(found.all())


async def test_no_verification_mail_is_queued_and_the_pages_say_what_to_do(
    mailless: Application, owner: QuartClient
) -> None:
    grace = mailless.test_client()
    await sign_up(grace, GRACE)

    await grace.post("/verifications")

    assert "Confirm your address" not in await subjects(mailless)
    assert await verification_links(mailless) == 0
    assert "If the address is not yours, change it on the page of your account" in await page(grace, "/dashboard")
    assert "it cannot confirm addresses" in await page(grace, "/account")


async def test_an_invitation_passed_on_by_hand_queues_no_verification_mail(
    mailless: Application, owner: QuartClient
) -> None:
    await accept(mailless, await copy_invitation(mailless, owner, "kim@example.org"))

    assert "Confirm your address" not in await subjects(mailless)
