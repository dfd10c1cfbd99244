"""Queries in threads: off the event loop, within their time, gone when their reader is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.rowstore.conftest import Store
from tests.rowstore.stored import Column, Table
from webapp.db.readers import Readers
from webapp.rowstore.query import QueryTimeout
from webapp.rowstore.sqlite.connection import Read, run
from webapp.rowstore.sqlite.pages import count_rows, fetch_row, fetch_rows, row_position
from webapp.rowstore.sqlite.statement import Sql

COLUMNS = [Column(1, "name"), Column(2, "price", "integer")]
ENDLESS = Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")


@pytest.fixture
def table(store: Store) -> Table:
    return store(COLUMNS, [(f"row {number}", str(number)) for number in range(1, 301)])


@pytest.fixture
async def readers(table: Table) -> AsyncIterator[Readers]:
    """One connection, so that anything left open by a statement would be noticed."""
    made = Readers(f"sqlite+aiosqlite:///{table.path}", 1)
    yield made
    await made.close()


async def test_a_page_a_count_and_a_row_are_read_in_a_thread(table: Table, readers: Readers) -> None:
    query = table.query(("sort", "-2"))
    first = await fetch_rows(readers, table, query, size=2)
    second = await fetch_rows(readers, table, query, after=first.after, size=2)
    assert first.rows == [(300, ("row 300", "300")), (299, ("row 299", "299"))]
    assert [found[0] for found in second.rows] == [298, 297]
    assert (await fetch_rows(readers, table, query, before=second.before, size=2)).rows == first.rows
    assert str(await count_rows(readers, table, table.query(("q", "row 1")), 100)) == "100+"
    assert await row_position(readers, table, query, 300) == 1
    found = await fetch_row(readers, table, query, 299)
    assert found is not None
    assert (found.cells, found.previous, found.next) == (("row 299", "299"), 300, 298)


async def test_what_takes_too_long_is_stopped_and_the_connection_still_works(table: Table, readers: Readers) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(QueryTimeout, match="took too long"):
            await run(readers, 0.05, lambda read: read(ENDLESS))
        assert await run(readers, 5, lambda read: read(Sql("SELECT 1"))[0][0]) == 1


async def test_a_reader_who_goes_away_frees_the_connection(table: Table, readers: Readers) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(read: Read) -> None:
        loop.call_soon_threadsafe(begun.set)
        read(ENDLESS)

    asking = asyncio.create_task(run(readers, 60, ask))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        assert await run(readers, 5, lambda read: read(Sql("SELECT 1"))[0][0]) == 1


async def test_all_that_is_read_together_is_of_one_moment(table: Table, readers: Readers) -> None:
    """A page and the row before it come from one snapshot, whoever writes in between."""

    def both(read: Read) -> list[int]:
        before = read(Sql("SELECT count(*) FROM t1"))[0][0]
        table.connection.execute("DELETE FROM t1 WHERE rowid = 7")
        return [before, read(Sql("SELECT count(*) FROM t1"))[0][0]]

    assert await run(readers, 5, both) == [300, 300]
    assert await run(readers, 5, lambda read: read(Sql("SELECT count(*) FROM t1"))[0][0]) == 299
