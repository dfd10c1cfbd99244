"""Connections of PostgreSQL that write: what they keep prepared, and what of theirs others come between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy import Connection, column, select, table

from settings import Settings
from webapp.db.database import Database
from webapp.db.statements import OFTEN
from webapp.db.unit_of_work import UnitOfWork

T = TypeVar("T")
ROW = select(column("n")).select_from(table("small"))


@pytest.fixture
async def small(postgresql_settings: Settings) -> AsyncIterator[Database]:
    """With a table `small` of two rows, of which the planner knows."""
    database = Database(postgresql_settings)
    await database.open()
    await database.write(_make_table)
    yield database
    await database.close()


async def _make_table(work: UnitOfWork) -> None:
    def make(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE small (id BIGINT PRIMARY KEY, n BIGINT)")
        connection.exec_driver_sql("INSERT INTO small VALUES (1, 0), (2, 0)")
        connection.exec_driver_sql("ANALYZE small")

    await work.run(make)


async def in_unit_of_work(work: UnitOfWork, function: Callable[[Connection], T]) -> T:
    return await work.run(function)


def prepared(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements ORDER BY 1").scalars())


async def test_who_changes_another_row_of_a_small_table_does_not_come_between(small: Database) -> None:
    both_have_read = asyncio.Barrier(2)
    begun: list[int] = []

    async def count(work: UnitOfWork, row: int) -> None:
        begun.append(row)
        await work.run(lambda connection: connection.execute(ROW.where(column("id") == row)).scalar_one())
        if len(begun) <= 2:
            await both_have_read.wait()
        await work.run(
            lambda connection: connection.exec_driver_sql("UPDATE small SET n = n + 1 WHERE id = %s", (row,))
        )

    await asyncio.gather(small.write(count, 1), small.write(count, 2))

    assert sorted(begun) == [1, 2]


async def test_statements_that_are_run_often_stay_prepared_and_no_others(small: Database) -> None:
    """Beyond the end of their transaction, of those who write and of those who read."""

    def run(connection: Connection) -> None:
        connection.execute(ROW.where(column("id") == 1).execution_options(**OFTEN))
        connection.execute(ROW.where(column("n") == 1))

    for ask in (small.read, partial(small.write, in_unit_of_work)):
        await ask(run)
        (only,) = await ask(prepared)
        assert "id = $1" in only
