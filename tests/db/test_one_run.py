"""Verbs that are committed in the same turn of the writer's thread as their only statement."""

import asyncio

import pytest
from sqlalchemy import Connection, text

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork, in_one_run


def put(connection: Connection) -> None:
    connection.execute(text("UPDATE counters SET n = 7"))


@in_one_run
async def put_at_once(work: UnitOfWork) -> None:
    await work.run(put)


async def value(database: Database) -> int:
    return await database.read(lambda connection: int(connection.scalar(text("SELECT n FROM counters")) or 0))


async def test_a_verb_in_one_run_takes_one_turn_of_the_thread(
    counter: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, turns = asyncio.get_running_loop(), 0
    run_in_executor = loop.run_in_executor

    def counted(*args: object) -> "asyncio.Future[object]":
        nonlocal turns
        turns += 1
        return run_in_executor(*args)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(loop, "run_in_executor", counted)
    await counter.write(put_at_once)
    monkeypatch.undo()

    assert turns == 1
    assert await value(counter) == 7


async def test_as_a_part_of_another_verb_it_is_not_committed_before_the_rest(counter: Database) -> None:
    async def put_and_fail(work: UnitOfWork) -> None:
        await put_at_once(work)
        raise LookupError

    with pytest.raises(LookupError):
        await counter.write(put_and_fail)

    assert await value(counter) == 0


async def test_a_run_that_fails_leaves_nothing(counter: Database) -> None:
    @in_one_run
    async def fail_at_once(work: UnitOfWork) -> None:
        def put_and_fail(connection: Connection) -> None:
            put(connection)
            raise LookupError

        await work.run(put_and_fail)

    with pytest.raises(LookupError):
        await counter.write(fail_at_once)

    assert await value(counter) == 0


async def test_a_verb_in_one_run_has_no_second(counter: Database) -> None:
    @in_one_run
    async def run_twice(work: UnitOfWork) -> None:
        await work.run(put)
        await work.run(put)

    with pytest.raises(RuntimeError, match="only run"):
        await counter.write(run_twice)
