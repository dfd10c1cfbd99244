"""Reads end in time, and when nobody waits for them any more; the connection works on."""

import asyncio
from typing import Any

import pytest

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sqlite.reader import SqliteRowReader

FIELDS = (column(1, "name"),)
ENDLESS = Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")


def answer(rows: SqliteRowReader) -> Any:
    return rows.connection.execute(Sql("SELECT 42"))[0][0]


async def test_a_read_that_takes_too_long_is_stopped(make: Make, open_store: Any) -> None:
    store = await open_store(make(FIELDS))
    async with asyncio.timeout(5):
        with pytest.raises(QueryTimeout, match="took too long"):
            await store.read(lambda rows: rows.connection.execute(ENDLESS), 0.05)
        assert await store.read(answer, 5) == 42


async def test_a_part_of_a_read_can_have_less_time(make: Make, open_store: Any) -> None:
    def read(rows: SqliteRowReader) -> Any:
        with pytest.raises(QueryTimeout), rows.connection.time_limit(0.05):
            rows.connection.execute(ENDLESS)
        return answer(rows)

    store = await open_store(make(FIELDS))
    async with asyncio.timeout(5):
        assert await store.read(read, 60) == 42


async def test_a_read_stops_when_its_caller_is_cancelled(make: Make, open_store: Any) -> None:
    store = await open_store(make(FIELDS))
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def read(rows: SqliteRowReader) -> None:
        loop.call_soon_threadsafe(begun.set)
        rows.connection.execute(ENDLESS)

    reading = asyncio.create_task(store.read(read, 60))
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(5):
        assert await store.read(answer, 5) == 42


async def test_a_row_is_shown_although_sorting_for_its_neighbours_takes_too_long(make: Make, open_store: Any) -> None:
    """The table has no index of this sort."""
    table = make(FIELDS, [(f"{number % 977} {number}",) for number in range(200_000)])
    store, query = await open_store(table), table.query(("sort", "-1"))

    def read(rows: SqliteRowReader) -> Any:
        return rows.row(table.ref, query, 7, sort_seconds=0.0)

    row = await store.read(read, 60)
    assert (row.cells, row.previous, row.next, row.unknown) == (("6 6",), None, None, ("previous", "next"))
