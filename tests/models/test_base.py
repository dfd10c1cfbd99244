"""What all models share: instants are aware and in UTC, and None is stored as NULL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Import, User

NOON_IN_OSLO = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def person(created_at: datetime) -> User:
    return User(id=1, email="a@b.test", name="a", password_hash="x", created_at=created_at)


async def add(work: UnitOfWork, *things: object) -> None:
    work.session.add_all(things)


async def test_a_time_is_read_back_aware_and_in_utc(database: Database) -> None:
    await database.write(add, person(NOON_IN_OSLO))

    async with database.reading() as session:
        found = (await session.execute(select(User.created_at))).scalar_one()
        stored = (await session.execute(text("SELECT created_at FROM users"))).scalar_one()

    assert found == NOON_IN_OSLO
    assert found.tzinfo is UTC
    assert str(stored).startswith("2026-07-01 10:00:00")


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="not an instant"):
        await database.write(add, person(datetime(2026, 7, 1, 12)))


async def test_none_in_a_json_column_is_stored_as_null(database: Database) -> None:
    await database.write(add, person(NOON_IN_OSLO))
    await database.write(add, Import(id="f" * 32, user_id=1, filename="a", size=1, sha256="x", inspection=None))

    async with database.reading() as session:
        assert (await session.execute(text("SELECT inspection IS NULL FROM imports"))).scalar_one() == 1
