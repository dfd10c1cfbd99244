"""Streams: what they hold open, and that they end when their consumer does."""

import asyncio
import sqlite3
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from tests.servers import PATIENCE, wait_for
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sqlite import store as module
from webapp.rowstore.sqlite.reader import SqliteRowReader

FIELDS = (column(1, "a"), column(2, "b"), column(3, "c"))
ROWS = [("x" * 100, "y" * 100, str(n)) for n in range(3000)]
ENDLESS = Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")


@pytest.mark.parametrize("sort", ["", "-3"])
async def test_a_slow_client_keeps_no_transaction_open(make: Make, open_store: Any, sort: str) -> None:
    table = make(FIELDS, ROWS)
    store, query = await open_store(table), table.query(("sort", sort))
    blocks = store.stream(lambda rows: rows.export(table.ref, query))
    await anext(blocks)
    with table.backend.connect() as connection:
        connection.execute("UPDATE t1 SET c1 = 'z' WHERE rowid = 3000")
    connection.close()

    def is_checkpointed() -> bool:
        with closing(table.backend.connect()) as connection:
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    await asyncio.to_thread(wait_for, is_checkpointed)  # the next block is made meanwhile
    assert len([block async for block in blocks]) > 3
    assert not list(table.backend.path.parent.glob("rowcast-*"))


class Connections:
    """The connections of streams, to see when they are closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        original = module.connect

        def connect(path: Path, *, query_only: bool = False) -> Any:
            self.opened.append(original(path, query_only=query_only))
            return self.opened[-1]

        monkeypatch.setattr(module, "connect", connect)

    async def wait_until_closed(self) -> None:
        for _ in range(500):
            try:
                self.opened[0].total_changes  # noqa: B018
            except sqlite3.ProgrammingError:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("The connection is still open")


async def test_a_consumer_that_stops_between_blocks_closes_the_connection(
    make: Make, open_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = Connections(monkeypatch)
    table = make(FIELDS, ROWS)
    store, query = await open_store(table), table.query(("sort", "-3"))
    blocks = store.stream(lambda rows: rows.export(table.ref, query))
    await anext(blocks), await anext(blocks)
    await blocks.aclose()
    await connections.wait_until_closed()


async def test_a_consumer_that_is_cancelled_interrupts_the_statement(
    make: Make, open_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections, working = Connections(monkeypatch), threading.Event()

    def endless(rows: SqliteRowReader) -> Generator[bytes, None, None]:
        working.set()
        rows.connection.execute(ENDLESS)
        yield b""

    store = await open_store(make(FIELDS))
    reading = asyncio.ensure_future(anext(store.stream(endless)))
    assert await asyncio.to_thread(working.wait, 5)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await connections.wait_until_closed()


async def test_a_block_that_waits_for_a_thread_is_not_read_for_a_consumer_that_has_gone(
    make: Make, open_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections, may_go_on, blocks_read = Connections(monkeypatch), threading.Event(), list[int]()
    store = await open_store(make(FIELDS))
    threads = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(threads)  # which the loop shuts down

    def two_blocks(rows: SqliteRowReader) -> Generator[bytes, None, None]:
        threads.submit(may_go_on.wait, PATIENCE)
        for number in range(2):
            blocks_read.append(number)
            yield b""

    stream = store.stream(two_blocks)
    await anext(stream)
    await stream.aclose()
    may_go_on.set()
    await connections.wait_until_closed()

    assert blocks_read == [0]


async def test_an_error_closes_the_connection(make: Make, open_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(monkeypatch)
    table = make(FIELDS)
    store = await open_store(table)
    table.write(lambda rows: rows.drop(1))
    with pytest.raises(Exception, match="no such table"):
        [block async for block in store.stream(lambda rows: rows.export(table.ref, table.query()))]
    await connections.wait_until_closed()
