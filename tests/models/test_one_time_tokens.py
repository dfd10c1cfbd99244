"""A token is valid once, for one purpose, for a limited time, and of several concurrent uses one wins."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import OneTimeToken, Purpose, TokenUnusable, User, utc_now
from webapp.models.accounts.one_time_token import LIFETIMES


async def issue(database: Database, purpose: Purpose = Purpose.RESET, **more: Any) -> str:
    return await database.write(OneTimeToken.issue, purpose, **more)


async def redeem(database: Database, token: str, purpose: Purpose = Purpose.RESET) -> OneTimeToken:
    return await database.write(OneTimeToken.redeem, purpose, token)


async def age(database: Database, by: timedelta) -> None:
    """As if all of them had been created that long ago."""

    async def shift(work: UnitOfWork) -> None:
        for token in await work.session.scalars(OneTimeToken.__table__.select().with_only_columns(OneTimeToken.id)):
            when = (await work.session.get_one(OneTimeToken, token)).expires_at
            await work.session.execute(
                update(OneTimeToken).where(OneTimeToken.id == token).values(expires_at=when - by)
            )

    await database.write(shift)


@pytest.fixture
async def ada(database: Database) -> int:
    user = await database.write(User.register, email="ada@example.org", password_hash="x", is_open=False)
    return user.id


async def test_a_token_is_valid_once_and_returns_its_data(database: Database, ada: int) -> None:
    token = await issue(database, user_id=ada, email="ada@example.org", data={"role": "member"})

    found = await redeem(database, token)

    assert (found.user_id, found.email, found.data) == (ada, "ada@example.org", {"role": "member"})
    with pytest.raises(TokenUnusable):
        await redeem(database, token)


async def test_a_token_is_valid_for_its_purpose_only(database: Database, ada: int) -> None:
    token = await issue(database, Purpose.VERIFY, user_id=ada)

    with pytest.raises(TokenUnusable):
        await redeem(database, token, Purpose.RESET)
    assert (await redeem(database, token, Purpose.VERIFY)).user_id == ada


@pytest.mark.parametrize("purpose", Purpose)
async def test_a_token_expires(database: Database, ada: int, purpose: Purpose) -> None:
    token = await issue(database, purpose, user_id=ada)

    await age(database, LIFETIMES[purpose])

    with pytest.raises(TokenUnusable):
        await redeem(database, token, purpose)


async def test_of_many_concurrent_uses_exactly_one_succeeds(database: Database, ada: int) -> None:
    token = await issue(database, user_id=ada)

    answers = await asyncio.gather(*(redeem(database, token) for _ in range(10)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["OneTimeToken"] + ["TokenUnusable"] * 9


async def test_a_new_token_ends_earlier_ones_for_the_same_purpose(database: Database, ada: int) -> None:
    first, other = await issue(database, user_id=ada), await issue(database, Purpose.VERIFY, user_id=ada)
    second = await issue(database, user_id=ada)

    with pytest.raises(TokenUnusable):
        await redeem(database, first)
    assert await redeem(database, second)
    assert await redeem(database, other, Purpose.VERIFY)


async def test_looking_a_token_up_does_not_use_it_up(database: Database, ada: int) -> None:
    token = await issue(database, user_id=ada)

    async with database.reading() as session:
        for _ in range(2):
            assert (await session.scalar(OneTimeToken.usable(Purpose.RESET, token))) is not None
        assert (await session.scalar(OneTimeToken.usable(Purpose.VERIFY, token))) is None


async def test_the_database_stores_no_token(database: Database, ada: int) -> None:
    token = await issue(database, user_id=ada)
    async with database.reading() as session:
        kept = (await session.execute(text("SELECT * FROM one_time_tokens"))).one()
    assert token not in str(kept)


async def test_a_withdrawn_token_does_not_work(database: Database, ada: int) -> None:
    token = await issue(database, user_id=ada)

    await database.write(OneTimeToken.withdraw, ada, Purpose.RESET)

    with pytest.raises(TokenUnusable):
        await redeem(database, token)
    assert LIFETIMES.keys() == set(Purpose)
    assert utc_now().tzinfo is not None
