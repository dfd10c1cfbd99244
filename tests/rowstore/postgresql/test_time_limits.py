"""Statements of PostgreSQL end when their time is over, and when nobody waits for them any more."""

import asyncio
import time
from typing import Any

import pytest

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sql.statement import Sql

FIELDS = (column(1, "a"),)
ENDLESS = Sql("SELECT pg_sleep(60)")


async def test_a_read_ends_with_its_time(make: Make, open_store: Any) -> None:
    store = await open_store(make(FIELDS, [("x",)]))
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        await store.read(lambda rows: rows.connection.execute(ENDLESS), 0.1)
    assert time.monotonic() - began < 20
    assert await store.read(lambda rows: rows.connection.execute(Sql("SELECT 42"))[0][0], 60) == 42


async def test_the_time_of_a_read_is_not_that_of_the_next(make: Make, open_store: Any) -> None:
    store, limit = await open_store(make(FIELDS, [("x",)])), "SHOW statement_timeout"
    assert await store.read(lambda rows: rows.connection.execute(Sql(limit)), 60) != [("0",)]
    assert await store._database.read(lambda connection: connection.exec_driver_sql(limit).scalar()) == "0"


async def test_a_read_goes_on_after_a_part_that_took_too_long(make: Make, open_store: Any) -> None:
    table = make(FIELDS, [("x",)])

    def read(rows: Any) -> Any:
        with pytest.raises(QueryTimeout), rows.connection.time_limit(0.1):
            rows.connection.execute(ENDLESS)
        with rows.connection.time_limit(60):
            return rows.page(table.ref, table.query()).rows

    assert await (await open_store(table)).read(read, 60) == [(1, ("x",))]


async def test_a_statement_is_cancelled_when_the_caller_goes(make: Make, open_store: Any) -> None:
    store = await open_store(make(FIELDS, [("x",)]))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await store.read(lambda rows: rows.connection.execute(ENDLESS), 60)
    # There is a single read connection, so this waits until the other has ended.
    assert await store.read(lambda rows: rows.connection.execute(Sql("SELECT 42"))[0][0], 60) == 42
    assert time.monotonic() - began < 30


def test_question_marks_in_literals_stay(make: Make) -> None:
    connection: Any = make(FIELDS, [("x",)]).rows.connection  # type: ignore[attr-defined]
    statement = Sql("""SELECT 'it''s ?', '%s' || CAST(? AS text), CAST(? AS text) AS "a?" """, ("?", "%"))
    assert connection.execute(statement) == [("it's ?", "%s?", "%")]
