"""Search indexes that cannot be used, and those that cannot be built."""

import asyncio
from contextlib import closing
from typing import Any

import pytest

from settings import Settings
from tests.database import FILE, connect, database_url, rows, search_index_sql, search_indexes
from tests.tables import add_table
from webapp.db.errors import StorageFull
from webapp.extensions import jobs
from webapp.imports.child_process import ChildFailed
from webapp.jobs import retries
from webapp.jobs import search_indexes as tasks
from webapp.jobs.context import JobContext
from webapp.jobs.import_passes import ChildrenDied
from webapp.jobs.search_indexes import find_unbuilt, index_table, renew
from webapp.web.application import Application


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(app: Application) -> JobContext:
    """That of an application without a table yet."""
    return jobs.of(app)


def add_numbers(settings: Settings, state: str, *statements: str) -> None:
    """The table 1, whose search index is said to be in this state."""
    with closing(connect(settings.data_dir / FILE)) as connection:
        connection.execute(
            "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
            " VALUES (1, 'ada@example.org', 'ada', '', 'owner', TRUE, '2026-01-01')"
        )
    add_table(settings.data_dir, {"Name": "text", "Number": "integer"}, [(f"row {n}", str(n)) for n in range(50)])
    with closing(connect(settings.data_dir / FILE)) as connection:
        connection.execute("UPDATE tables SET search_index = ?", (state,))
        for statement in statements:
            connection.execute(statement)


def state_of(settings: Settings) -> str:
    return str(rows(settings.data_dir / FILE, "SELECT search_index FROM tables")[0][0])


async def test_an_index_that_searches_cannot_use_is_built_again(context: JobContext, settings: Settings) -> None:
    stale = [search_index_sql(settings.data_dir)] if database_url(settings.data_dir) else []
    add_numbers(settings, "ready", *stale)

    await renew(context)

    assert state_of(settings) == "building"
    assert await find_unbuilt(context) == [1]
    await index_table(context, "1")
    assert state_of(settings) == "ready"
    (current,) = search_indexes(settings.data_dir / FILE).items()
    assert current[1]
    assert current[0] != "s1_made"
    await renew(context)
    assert state_of(settings) == "ready"


async def test_the_start_looks_for_such_indexes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from webapp import create_app

    asked = asyncio.Event()

    async def note(context: JobContext) -> None:
        asked.set()

    monkeypatch.setattr(tasks, "renew", note)
    async with create_app(settings).test_app():
        async with asyncio.timeout(30):
            await asked.wait()


@pytest.mark.parametrize("error", [StorageFull(), ChildFailed("a bug")])
async def test_a_build_that_fails_is_tried_less_and_less_often_and_given_up_in_the_end(
    context: JobContext,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    now, tries = 0.0, list[float]()

    async def fail(*_: Any) -> dict[str, Any]:
        tries.append(now)
        raise error

    monkeypatch.setattr(tasks, "run_child", fail)
    monkeypatch.setattr(context.retries, "_clock", lambda: now)
    monkeypatch.setattr(retries, "MAX_TRIES", 4)
    add_numbers(settings, "building", search_index_sql(settings.data_dir, is_complete=False))
    await index_table(context, "1")
    assert "could not be built: it is tried again in 60 s" in caplog.text
    assert search_indexes(settings.data_dir / FILE) == {}  # what there was of it takes room
    assert await find_unbuilt(context) == []
    await index_table(context, "1")
    assert (tries, state_of(settings)) == ([0.0], "building")

    for _ in range(9):
        now += 60
        for table_id in await find_unbuilt(context):
            await index_table(context, str(table_id))

    assert tries == [0, 60, 180, 420]
    assert state_of(settings) == "none"
    assert "could not be built: it is given up" in caplog.text
    assert context.retries.is_due("table:1")  # whoever wants it again


async def test_a_build_that_is_done_after_all_is_no_failure_any_more(
    context: JobContext, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context.retries, "_clock", lambda: 0.0)
    add_numbers(settings, "building")

    async def fail(*_: Any) -> dict[str, Any]:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "run_child", fail)
        await index_table(context, "1")
    monkeypatch.setattr(context.retries, "_clock", lambda: 60.0)
    await index_table(context, "1")

    assert state_of(settings) == "ready"
    assert context.retries.failed("table:1") == 60


async def test_a_build_that_was_withdrawn_says_nothing_about_the_one_that_was_asked_for_since(
    context: JobContext, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def withdrawn(*_: Any) -> dict[str, Any]:
        return {"is_built": False, "is_withdrawn": True}

    add_numbers(settings, "building")
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "run_child", withdrawn)
        await index_table(context, "1")
    assert state_of(settings) == "building"
    await index_table(context, "1")
    assert state_of(settings) == "ready"


async def test_a_build_that_takes_all_memory_is_given_up_at_once(
    context: JobContext, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> dict[str, Any]:
        raise ChildrenDied("out of memory")

    monkeypatch.setattr(tasks, "run_child", fail)
    add_numbers(settings, "building")
    await index_table(context, "1")
    assert state_of(settings) == "none"
