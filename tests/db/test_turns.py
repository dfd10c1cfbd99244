"""Units of work that are about one table take turns, on either database system; others do not wait for them."""

import asyncio

import pytest

from webapp.db import database as databases
from webapp.db.database import Database
from webapp.db.errors import DatabaseBusy
from webapp.db.turns import table_of
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.idempotency import once


async def rename(work: UnitOfWork, actor: str, table_id: int, title: str = "") -> None: ...


async def sign_in(work: UnitOfWork, user_id: int) -> None: ...


def test_the_parameters_of_a_verb_say_which_table_it_is_about() -> None:
    assert table_of(rename, ("ada", 17), {}) == 17
    assert table_of(rename, ("ada",), {"table_id": 17, "title": "x"}) == 17
    assert table_of(sign_in, (17,), {}) is None
    assert table_of(rename, (), {}) is None


def test_so_do_those_of_a_verb_that_is_run_once_by_a_key() -> None:
    assert table_of(once, ("key", "outcome", rename, "ada", 17), {}) == 17
    assert table_of(once, ("key", "outcome", rename, "ada"), {"table_id": 17}) == 17
    assert table_of(once, ("key", "outcome", sign_in, 17), {}) is None


async def test_none_is_run_twice_because_of_another_of_the_same_table(each_database: Database) -> None:
    """Each reads and writes the same row, so that any other between its beginning and its end would be noticed."""
    begun: list[int] = []

    async def count(work: UnitOfWork, number: int, table_id: int) -> None:
        begun.append(number)
        await work.run(lambda connection: connection.exec_driver_sql("SELECT n FROM counters").scalar_one())
        await asyncio.sleep(0.001)
        await work.run(lambda connection: connection.exec_driver_sql("UPDATE counters SET n = n + 1"))

    await asyncio.gather(*(each_database.write(count, number, 17) for number in range(20)))

    assert begun == list(range(20))


async def test_who_waits_for_too_long_is_told(each_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "TURN_TIMEOUT", 0.05)
    is_begun, may_end = asyncio.Event(), asyncio.Event()

    async def hold(work: UnitOfWork, table_id: int) -> None:
        is_begun.set()
        await may_end.wait()

    holding = asyncio.create_task(each_database.write(hold, 17))
    await is_begun.wait()
    with pytest.raises(DatabaseBusy):
        await asyncio.wait_for(each_database.write(hold, 17), 10)
    may_end.set()
    await holding
