"""Units of work, reads and migrations do the same on each database system."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from settings import Settings
from tests.postgresql import PASSWORD
from webapp.db import migrations
from webapp.db.database import Database
from webapp.db.errors import CommitUncertain, DatabaseAway
from webapp.db.systems import system_of
from webapp.db.unit_of_work import UnitOfWork, in_one_run
from webapp.models import User

NUMBER = text("SELECT n FROM counters")
ADD = text("UPDATE counters SET n = :n")


def _number(connection: Connection) -> int:
    return int(connection.execute(NUMBER).scalar_one())


def _increment(connection: Connection) -> int:
    """Reads, then writes: whoever comes between must be noticed."""
    number = _number(connection) + 1
    connection.execute(ADD, {"n": number})
    return number


async def increment(work: UnitOfWork) -> int:
    number = int((await work.session.execute(NUMBER)).scalar_one()) + 1
    await asyncio.sleep(0.001)
    await work.session.execute(ADD, {"n": number})
    return number


async def increment_blocking(work: UnitOfWork) -> int:
    return await work.run(_increment)


@in_one_run
async def increment_at_once(work: UnitOfWork) -> int:
    return await work.run(_increment)


async def increment_in_both(work: UnitOfWork) -> int:
    """The session and the thread are in one transaction."""
    number = int((await work.session.execute(NUMBER)).scalar_one())
    assert await work.run(_increment) == number + 1
    return int((await work.session.execute(NUMBER)).scalar_one())


@pytest.mark.parametrize("verb", [increment, increment_blocking, increment_at_once, increment_in_both])
async def test_no_increment_is_lost(each_database: Database, verb: object) -> None:
    results = await asyncio.gather(*(each_database.write(verb) for _ in range(40)))  # type: ignore[arg-type]
    assert sorted(results) == list(range(1, 41))
    assert await each_database.read(_number) == 40


async def test_what_follows_a_unit_of_work_follows_once(each_database: Database) -> None:
    told: list[int] = []

    async def tell(work: UnitOfWork) -> None:
        number = await increment(work)
        work.after_commit(lambda: told.append(number))

    await asyncio.gather(*(each_database.write(tell) for _ in range(20)))
    assert sorted(told) == list(range(1, 21))


async def test_a_failed_unit_of_work_leaves_nothing(each_database: Database) -> None:
    async def fail(work: UnitOfWork) -> None:
        await increment(work)
        await work.run(_increment)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await each_database.write(fail)
    assert await each_database.read(_number) == 0
    assert await each_database.write(increment) == 1


async def test_a_unit_of_work_that_passes_over_a_failed_statement_is_not_taken_for_committed(
    each_database: Database,
) -> None:
    """SQLite goes on after one; PostgreSQL commits nothing then, and would not say so."""

    async def pass_over(work: UnitOfWork) -> None:
        await increment(work)
        with pytest.raises(DBAPIError):
            await work.run(lambda connection: connection.execute(text("SELECT 1 FROM nowhere")))

    try:
        await each_database.write(pass_over)
    except Exception:
        assert await each_database.read(_number) == 0
    else:
        assert await each_database.read(_number) == 1


async def test_a_read_sees_one_state(each_database: Database) -> None:
    began, written = threading.Event(), threading.Event()

    def read_twice(connection: Connection) -> tuple[int, int]:
        first = _number(connection)
        began.set()
        written.wait(10)
        return first, _number(connection)

    reading = asyncio.create_task(each_database.read(read_twice))
    await asyncio.to_thread(began.wait, 10)
    await each_database.write(increment)
    written.set()
    assert await reading == (0, 0)
    async with each_database.reading() as session:
        assert (await session.execute(NUMBER)).scalar_one() == 1


async def test_a_reader_cannot_write(each_database: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await each_database.read(_increment)
    async with each_database.reading() as session:
        with pytest.raises(Exception, match=r"read-?only"):
            await session.execute(ADD, {"n": 1})


async def test_one_row_is_fetched_without_a_transaction(each_database: Database) -> None:
    assert await each_database.fetch_one(select(text("n")).select_from(text("counters"))) == (0,)


async def test_constraints_hold_and_name_themselves(each_database: Database) -> None:
    async def add(work: UnitOfWork) -> None:
        statement = "INSERT INTO sessions (user_id, token_hash, agent, address, remembered, created_at, seen_at,"
        values = "VALUES (17, 'x', '', '', false, '2026-01-01', '2026-01-01', '2026-01-01')"
        await work.session.execute(text(f"{statement} authenticated_at) {values}"))

    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await each_database.write(add)


async def test_the_address_of_the_database_shows_no_password(each_database: Database) -> None:
    assert PASSWORD not in f"{each_database.product} {each_database.engines} {each_database.settings!r}"


def test_models_and_migrations_agree(each_settings: Settings) -> None:
    migrations.upgrade(each_settings)
    command.check(migrations.configuration(each_settings))  # raises an error that lists the differences


def test_all_migrations_can_be_taken_back(each_settings: Settings) -> None:
    migrations.upgrade(each_settings)
    command.downgrade(migrations.configuration(each_settings), "base")
    assert migrations.current(each_settings) is None
    assert migrations.upgrade(each_settings)
    assert not migrations.upgrade(each_settings)
    assert migrations.current(each_settings) == migrations.head()


def test_two_servers_that_start_together_take_turns(each_settings: Settings) -> None:
    def migrate(_: int) -> None:
        with system_of(each_settings).migrating() as connection:
            exists = connection.dialect.has_table(connection, "turns")
            connection.execute(text("INSERT INTO turns VALUES (2)" if exists else "CREATE TABLE turns (n INTEGER)"))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(migrate, range(4))) == [None] * 4


def test_a_database_is_compacted(each_settings: Settings) -> None:
    migrations.upgrade(each_settings)
    assert system_of(each_settings).compact().after > 0


def test_the_doctor_finds_it_fit(each_settings: Settings) -> None:
    fitness = system_of(each_settings).fitness()
    assert fitness.is_good
    assert fitness.found[:1].isdigit()


async def test_ids_are_not_used_again(each_database: Database) -> None:
    async def add(work: UnitOfWork) -> int:
        user = User(email="a@example.org", name="A\0B", password_hash="", role="member", is_active=True)
        work.session.add(user)
        await work.session.flush()
        return user.id

    async def remove(work: UnitOfWork) -> None:
        await work.session.execute(text("DELETE FROM users"))

    first = await each_database.write(add)
    await each_database.write(remove)
    assert await each_database.write(add) > first


async def test_a_server_that_went_away_and_came_back_is_no_error(each_database: Database) -> None:
    """Of PostgreSQL: its administrator ends our sessions. A unit of work that had not committed is run again."""
    if each_database.product[0] == "PostgreSQL":
        ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with pytest.raises(DatabaseAway):
            await each_database.read(lambda connection: connection.execute(text(ours)).all())
    assert await each_database.write(increment) == 1
    assert await each_database.write(increment_blocking) == 2


@pytest.mark.parametrize("verb", [increment, increment_blocking, increment_at_once])
async def test_a_connection_that_breaks_off_in_a_commit_is_said_to_have_perhaps_saved(
    postgresql_settings: Settings, verb: object
) -> None:
    """It is not run again: that would make the change twice."""
    migrations.upgrade(postgresql_settings)
    database = Database(postgresql_settings)
    await database.open()
    await database.write(_break_off_in_commits)
    with pytest.raises(CommitUncertain, match="may have been saved"):
        await database.write(verb)  # type: ignore[arg-type]
    assert await database.read(_number) == 0
    await database.close()


async def _break_off_in_commits(work: UnitOfWork) -> None:
    for statement in (
        "CREATE TABLE counters (n INTEGER NOT NULL)",
        "INSERT INTO counters VALUES (0)",
        "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER break_off AFTER UPDATE ON counters DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION break_off()",
    ):
        await work.session.execute(text(statement))
