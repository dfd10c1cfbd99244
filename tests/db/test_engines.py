"""One writer, many readers, and units of work that outlive the requests that wait for them."""

import asyncio
import errno
import gc
import logging
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from settings import Settings
from webapp.db import sqlite
from webapp.db.database import Database
from webapp.db.errors import DatabaseBusy, StorageFull, StorageReadOnly, known_error
from webapp.db.sqlite_driver import connect
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.tables.import_model import StateConflict


async def increment(work: UnitOfWork) -> None:
    """Read, pause, write: loses updates unless transactions exclude each other."""
    n = (await work.session.execute(text("SELECT n FROM counters"))).scalar_one()
    await asyncio.sleep(0)
    await work.session.execute(text("UPDATE counters SET n = :n"), {"n": n + 1})


async def count(session: AsyncSession) -> int:
    return int((await session.execute(text("SELECT n FROM counters"))).scalar_one())


async def test_a_hundred_concurrent_increments_add_a_hundred(counter: Database) -> None:
    await asyncio.gather(*(counter.write(increment) for _ in range(100)))

    async with counter.reading() as session:
        assert await count(session) == 100


async def test_two_applications_can_write_to_one_file(counter: Database, settings: Settings) -> None:
    other = Database(settings)
    await other.open()

    await asyncio.gather(*(each.write(increment) for each in (counter, other) for _ in range(20)))

    async with other.reading() as session:
        assert await count(session) == 40
    await other.close()


async def test_a_write_that_fails_changes_and_publishes_nothing(counter: Database) -> None:
    told: list[str] = []

    async def fail(work: UnitOfWork) -> None:
        work.after_commit(lambda: told.append("never"))
        await increment(work)
        raise LookupError("no")

    with pytest.raises(LookupError):
        await counter.write(fail)

    async with counter.reading() as session:
        assert (await count(session), told) == (0, [])


async def test_a_write_publishes_after_its_commit_is_visible_to_others(counter: Database, settings: Settings) -> None:
    seen: list[int] = []

    def look() -> None:
        with closing(connect(sqlite.database_file(settings.sqlalchemy_url))) as connection:
            seen.extend(connection.execute("SELECT n FROM counters").fetchone())

    async def write(work: UnitOfWork) -> None:
        work.after_commit(look)
        await increment(work)

    await counter.write(write)

    assert seen == [1]


async def test_a_failing_call_after_the_commit_does_not_stop_the_others(
    counter: Database, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    async def write(work: UnitOfWork) -> str:
        work.after_commit(lambda: told.append(f"{1 / 0}"))
        work.after_commit(lambda: told.append("second"))
        return "done"

    assert await counter.write(write) == "done"
    assert told == ["second"]
    assert "What follows a commit failed" in caplog.text


async def test_cancelling_the_caller_of_a_write_loses_neither_its_commit_nor_its_events(counter: Database) -> None:
    """A disconnect may cancel the handler at any moment; every commit is announced, and every announcement is true."""
    told: set[int] = set()
    dice = random.Random(1)

    async def write(work: UnitOfWork, number: int) -> None:
        work.after_commit(lambda: told.add(number))
        await work.session.execute(text("INSERT INTO counters VALUES (:n)"), {"n": number})

    for batch in range(10):
        waiters = [asyncio.create_task(counter.write(write, batch * 10 + k + 1)) for k in range(10)]
        for _ in range(dice.randrange(60)):
            await asyncio.sleep(0)
        for waiter in waiters:
            if dice.random() < 0.6:
                waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)

    await counter.close()
    await counter.open()
    async with counter.reading() as session:
        committed = set((await session.execute(text("SELECT n FROM counters WHERE n > 0"))).scalars())
    assert committed == told
    assert len(told) > 80  # what was started was finished, cancelled or not


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (LookupError("nobody hears this"), logging.ERROR),
        (DatabaseBusy(), logging.ERROR),
        (StateConflict("done"), logging.INFO),  # cancelled as it ends
    ],
    ids=lambda value: type(value).__name__,
)
async def test_the_failure_of_a_write_whose_caller_was_cancelled_is_logged(
    counter: Database, caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    caplog.set_level(logging.INFO)
    started, go_on = asyncio.Event(), asyncio.Event()

    async def fail(work: UnitOfWork) -> None:
        started.set()
        await go_on.wait()
        raise error

    waiter = asyncio.create_task(counter.write(fail))
    await started.wait()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    go_on.set()
    await counter.close()

    assert str(error) in caplog.text
    assert caplog.records[-1].levelno == level


async def test_closing_waits_for_units_of_work_in_flight(counter: Database, settings: Settings) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: UnitOfWork) -> None:
        started.set()
        await go_on.wait()
        await increment(work)

    counter.write_soon(slow)
    await started.wait()
    closing_task = asyncio.create_task(counter.close())
    await asyncio.sleep(0)
    assert not closing_task.done()
    go_on.set()
    await closing_task

    with closing(connect(sqlite.database_file(settings.sqlalchemy_url))) as connection:
        assert connection.execute("SELECT n FROM counters").fetchone() == (1,)


async def test_readers_cannot_write(counter: Database) -> None:
    async with counter.reading() as session:
        with pytest.raises(OperationalError, match="readonly"):
            await session.execute(text("UPDATE counters SET n = 7"))


async def test_readers_do_not_wait_for_a_writer(counter: Database) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: UnitOfWork) -> None:
        await increment(work)
        started.set()
        await go_on.wait()

    counter.write_soon(slow)
    await started.wait()

    async with asyncio.timeout(1), counter.reading() as session:
        assert await count(session) == 0
    go_on.set()


async def test_a_single_statement_needs_no_transaction(counter: Database) -> None:
    from sqlalchemy import column, select, table

    row = await counter.fetch_one(select(column("n")).select_from(table("counters")))

    assert row is not None
    assert row.n == 0
    async with counter.reader.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        assert not raw.driver_connection.in_transaction


async def test_foreign_keys_are_on(database: Database) -> None:
    async def orphan(work: UnitOfWork) -> None:
        await work.session.execute(
            text(
                "INSERT INTO columns (table_id, number, position, title, type, format, facts)"
                " VALUES (99, 1, 1, 'x', 'text', '{}', '{}')"
            )
        )

    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        await database.write(orphan)


async def test_a_locked_database_raises_a_readable_error_and_works_again_afterwards(
    counter: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    with closing(connect(sqlite.database_file(settings.sqlalchemy_url))) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(DatabaseBusy, match="try again"):
            await counter.write(increment)
        other.execute("ROLLBACK")

    await counter.write(increment)
    async with counter.reading() as session:
        assert await count(session) == 1


async def test_a_full_disk_raises_a_readable_error_and_changes_nothing(counter: Database) -> None:
    async def fill(work: UnitOfWork) -> None:
        pages = (await work.session.execute(text("PRAGMA page_count"))).scalar_one()
        await work.session.execute(text(f"PRAGMA max_page_count={pages}"))
        await work.session.execute(text("UPDATE counters SET n = 7"))
        await work.session.execute(text("CREATE TABLE filler AS SELECT zeroblob(1000000) AS b"))

    with pytest.raises(StorageFull, match="disk is full"):
        await counter.write(fill)

    async with counter.reading() as session:
        assert await count(session) == 0


def test_errors_of_the_driver_are_recognised(tmp_path: Path) -> None:
    class Named(sqlite3.OperationalError):
        sqlite_errorname = "SQLITE_IOERR_WRITE"

    assert isinstance(known_error(OSError(28, "No space left on device")), StorageFull)
    assert isinstance(known_error(Named()), StorageFull)
    assert known_error(sqlite3.OperationalError("no such table: x")) is None


def test_a_folder_that_has_become_read_only_is_recognised_by_the_system_and_by_the_database(tmp_path: Path) -> None:
    refused: list[Exception] = [OSError(errno.EROFS, "Read-only file system"), OSError(errno.EPERM, "Not permitted")]
    with pytest.raises(sqlite3.OperationalError) as missing:
        sqlite3.connect(tmp_path / "no folder" / "some.db")
    refused += [missing.value, DBAPIError("SELECT 1", (), missing.value)]

    assert all(isinstance(known_error(error), StorageReadOnly) for error in refused)
    assert known_error(PermissionError(errno.EACCES, "Permission denied")) is None  # may be a file of the person's


async def test_a_database_must_be_opened_once_before_it_is_used(settings: Settings) -> None:
    database = Database(settings)
    with pytest.raises(RuntimeError, match="not open"):
        await database.write(increment)

    await database.open()

    with pytest.raises(RuntimeError, match="already open"):
        await database.open()
    await database.close()


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a file"):
        sqlite.database_file("sqlite+aiosqlite:///:memory:")


async def test_the_data_folder_and_files_are_private(counter: Database, settings: Settings) -> None:
    await counter.write(increment)  # so that the journals exist too

    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
    files = sorted(settings.data_dir.glob("rowcast.db*"))
    assert [file.name for file in files] == ["rowcast.db", "rowcast.db-shm", "rowcast.db-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_write_retries_to_get_the_lock_without_blocking_the_event_loop(
    counter: Database, settings: Settings
) -> None:
    """SQLite's own busy handler sleeps longer each time and misses the short gaps between the batches of an import."""
    looks, five = 0, asyncio.Event()

    def look(*seen: Any) -> None:
        nonlocal looks
        looks += seen[2] == "BEGIN IMMEDIATE"
        if looks == 5:
            five.set()

    event.listen(counter.engines[0], "before_cursor_execute", look)
    with closing(connect(sqlite.database_file(settings.sqlalchemy_url))) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(counter.write(increment))
        await asyncio.wait_for(five.wait(), 4)
        other.execute("COMMIT")

    await writing


async def test_writes_succeed_while_another_process_imports(counter: Database, settings: Settings) -> None:
    importer = """
import sys, time
from pathlib import Path
from typing import Any
from webapp.db.sqlite_driver import connect
connection = connect(Path(sys.argv[1]))
connection.execute("CREATE TABLE big (a, b)")
rows = [("some words of a row", number) for number in range(10_000)]
print("begun", flush=True)
while True:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO big VALUES (?, ?)", rows)
    connection.execute("COMMIT")
    time.sleep(0.002)
"""
    path = sqlite.database_file(settings.sqlalchemy_url)
    importing = await asyncio.create_subprocess_exec(
        sys.executable, "-c", importer, str(path), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert importing.stdout is not None
        await importing.stdout.readline()
        for _ in range(40):
            await counter.write(increment)
    finally:
        importing.kill()
        await importing.communicate()

    async with counter.reading() as session:
        assert await count(session) == 40


async def test_a_cancelled_reader_leaves_no_connection_open(counter: Database) -> None:
    """Warnings are errors here, so a connection left open fails this test."""
    for rounds in range(60):
        reading = asyncio.create_task(read(counter))
        for _ in range(rounds):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    gc.collect()
    assert await asyncio.gather(*(read(counter) for _ in range(10))) == [0] * 10


async def read(database: Database) -> int:
    async with database.reading() as session:
        return await count(session)


async def test_an_error_contains_the_statement_but_not_its_parameters(counter: Database) -> None:
    """Unexpected errors are logged in full."""

    async def written(work: UnitOfWork) -> None:
        await work.session.execute(text("INSERT INTO nowhere VALUES (:word)"), {"word": "a secret"})

    def read(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT ? FROM nowhere", ("a secret",))

    for failing in (counter.write(written), counter.read(read)):
        with pytest.raises(OperationalError, match="nowhere") as caught:
            await failing
        assert "a secret" not in str(caught.value)


async def test_a_unit_of_work_that_needs_no_session_opens_none(
    counter: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add(work: UnitOfWork) -> None:
        await work.run(lambda connection: connection.execute(text("UPDATE counters SET n = n + 1")))

    def refuse(*_: Any, **__: Any) -> AsyncSession:
        raise AssertionError("A session was opened")

    with monkeypatch.context() as patched:
        patched.setattr("webapp.db.unit_of_work.AsyncSession", refuse)
        patched.setattr("webapp.db.database.AsyncSession", refuse)
        patched.setattr("webapp.db.database.async_sessionmaker", lambda *_, **__: refuse)
        await counter.write(add)
    async with counter.reading() as session:
        assert (await session.execute(text("SELECT n FROM counters"))).scalar_one() == 1
