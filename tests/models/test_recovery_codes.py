"""Recovery codes: ten of them, each valid once, and only for the person they were created for."""

import asyncio

import pytest
from sqlalchemy import text

from webapp.db.database import Database
from webapp.models import RecoveryCode, User


async def person(database: Database, email: str) -> int:
    return (await database.write(User.register, email=email, password_hash="x", is_open=True)).id


@pytest.fixture
async def ada(database: Database) -> int:
    return await person(database, "ada@example.org")


async def test_each_of_ten_codes_is_valid_once_in_any_spelling(database: Database, ada: int) -> None:
    codes = await database.write(RecoveryCode.replace, ada)
    assert len(set(codes)) == 10

    assert await database.write(RecoveryCode.redeem, ada, f" {codes[0].upper()} ")
    assert not await database.write(RecoveryCode.redeem, ada, codes[0])
    assert await database.write(RecoveryCode.redeem, ada, codes[1].replace("-", ""))


async def test_a_code_is_valid_for_its_owner_only(database: Database, ada: int) -> None:
    codes = await database.write(RecoveryCode.replace, ada)
    grace = await person(database, "grace@example.org")

    assert not await database.write(RecoveryCode.redeem, grace, codes[0])
    assert not await database.write(RecoveryCode.redeem, ada, "")


async def test_a_new_set_replaces_the_old_one(database: Database, ada: int) -> None:
    old = await database.write(RecoveryCode.replace, ada)
    new = await database.write(RecoveryCode.replace, ada)

    assert not await database.write(RecoveryCode.redeem, ada, old[3])
    assert await database.write(RecoveryCode.redeem, ada, new[3])


async def test_of_many_concurrent_uses_of_a_code_one_succeeds(database: Database, ada: int) -> None:
    code = (await database.write(RecoveryCode.replace, ada))[0]

    answers = await asyncio.gather(*(database.write(RecoveryCode.redeem, ada, code) for _ in range(8)))

    assert sorted(answers) == [False] * 7 + [True]


async def test_the_database_stores_no_code(database: Database, ada: int) -> None:
    codes = await database.write(RecoveryCode.replace, ada)

    async with database.reading() as session:
        kept = str((await session.execute(text("SELECT * FROM recovery_codes"))).all())
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
