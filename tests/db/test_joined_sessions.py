"""A function that runs in a thread makes an ORM session for its connection: the transaction stays as it is."""

import asyncio

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from settings import Settings
from webapp.db import migrations
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork


def add_one(connection: Connection) -> None:
    connection.execute(text("UPDATE counters SET n = n + 1"))


async def value(database: Database) -> int:
    return await database.read(lambda connection: int(connection.scalar(text("SELECT n FROM counters")) or 0))


def look_through_a_session(connection: Connection) -> int:
    with Session(connection) as session:
        return int(session.scalar(text("SELECT n FROM counters")) or 0)


async def test_a_session_that_is_closed_in_the_thread_ends_no_transaction(each_settings: Settings) -> None:
    """In the first unit of work of a connection, too, of which nothing has run in the thread before."""
    migrations.upgrade(each_settings)

    async def add_and_look(work: UnitOfWork) -> None:
        await work.session.execute(text("CREATE TABLE counters (n INTEGER)"))
        await work.session.execute(text("INSERT INTO counters VALUES (7)"))
        assert await work.run(look_through_a_session) == 7
        await work.session.execute(text("UPDATE counters SET n = n + 1"))

    async def add_and_fail(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE counters SET n = 0"))
        await work.run(look_through_a_session)
        await work.run(add_one)
        raise LookupError

    database = Database(each_settings)
    await database.open()
    try:
        await database.write(add_and_look)
        assert await value(database) == 8
    finally:
        await database.close()
    await database.open()
    try:
        with pytest.raises(LookupError):
            await database.write(add_and_fail)
        assert await value(database) == 8
    finally:
        await database.close()


async def test_a_session_that_is_closed_in_a_read_ends_no_snapshot(each_database: Database) -> None:
    loop = asyncio.get_running_loop()

    async def add_in_thread(work: UnitOfWork) -> None:
        await work.run(add_one)

    def look_twice(connection: Connection) -> tuple[int, int]:
        before = look_through_a_session(connection)
        asyncio.run_coroutine_threadsafe(each_database.write(add_in_thread), loop).result()
        return before, look_through_a_session(connection)

    assert await each_database.read(look_twice) == (0, 0)
    assert await value(each_database) == 1
