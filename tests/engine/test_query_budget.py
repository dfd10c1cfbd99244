"""Queries on a session: off the event loop, within their time, gone when their reader is."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from tests.engine.conftest import Store
from tests.engine.stored import Column, Table
from webapp.data.sqlite import create_engines
from webapp.engine.query import QueryTimeout, count_rows, fetch_row, fetch_rows, row_position
from webapp.engine.sqlite import run, time_budget
from webapp.engine.statement import Sql

COLUMNS = [Column(1, "name"), Column(2, "price", "integer")]
ENDLESS = Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")


@pytest.fixture
def table(store: Store) -> Table:
    return store(COLUMNS, [(f"row {number}", str(number)) for number in range(1, 301)])


@pytest.fixture
async def reader(table: Table) -> AsyncIterator[AsyncEngine]:
    writer, reader = create_engines(f"sqlite+aiosqlite:///{table.path}", 1)
    yield reader
    await reader.dispose()
    await writer.dispose()


async def test_a_page_a_count_and_a_row_are_read_on_a_session(table: Table, reader: AsyncEngine) -> None:
    query = table.query(("sort", "-2"))
    async with AsyncSession(reader) as session:
        first = await fetch_rows(session, table, query, size=2)
        second = await fetch_rows(session, table, query, after=first.after, size=2)
        assert first.rows == [(300, ("row 300", "300")), (299, ("row 299", "299"))]
        assert [found[0] for found in second.rows] == [298, 297]
        assert (await fetch_rows(session, table, query, before=second.before, size=2)).rows == first.rows
        assert str(await count_rows(session, table, table.query(("q", "row 1")), 100)) == "100+"
        assert await row_position(session, table, query, 300) == 1
        found = await fetch_row(session, table, query, 299)
        assert found is not None
        assert (found.cells, found.previous, found.next) == (("row 299", "299"), 300, 298)


async def test_what_takes_too_long_is_stopped_and_the_connection_still_works(table: Table, reader: AsyncEngine) -> None:
    async with AsyncSession(reader) as session:
        with pytest.raises(QueryTimeout, match="took too long"):
            await run(session, 0.05, lambda read: read(ENDLESS))
        assert await run(session, 5, lambda read: read(Sql("SELECT 1"))[0][0]) == 1


async def test_a_reader_who_goes_away_frees_the_connection(table: Table, reader: AsyncEngine) -> None:
    async def ask() -> None:
        async with AsyncSession(reader) as session:
            await run(session, 60, lambda read: read(ENDLESS))

    asking = asyncio.create_task(ask())
    await asyncio.wait([asking], timeout=0.2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5), AsyncSession(reader) as session:
        assert await run(session, 5, lambda read: read(Sql("SELECT 1"))[0][0]) == 1


def test_a_plain_connection_has_a_budget_too(table: Table) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTimeout), time_budget(table.connection, 0.05):
        table.connection.execute(ENDLESS.text).fetchall()
    assert time.monotonic() - began < 5
    assert table.connection.execute("SELECT count(*) FROM t1").fetchone() == (300,)
