"""What a server finds when it starts: unfinished work that no workflow knows of, and files nobody needs."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from settings import Settings
from tests.database import connect
from tests.jobs.driver import Browser, assert_same_rows, write_csv
from tests.servers import PATIENCE, wait_for
from webapp import create_app
from webapp.extensions import db, jobs, queue
from webapp.imports.report import ImportOverrides
from webapp.jobs import DurableQueue, schedule
from webapp.models.tables import importing
from webapp.web.application import Application

IMPORT = "b" * 32


@pytest.fixture
def left(settings: Settings, tmp_path: Path) -> Path:
    """A server died between the commit of an upload and the start of its workflow; this is its file."""
    folder = settings.imports_dir / IMPORT
    folder.mkdir(parents=True)
    file = write_csv(folder / "original", 100)
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
            " VALUES (1, 'ada@example.org', 'ada', '', 'owner', TRUE, '2026-01-01')"
        )
        connection.execute(
            "INSERT INTO imports (id, user_id, state, created_at, filename, size, sha256, overrules, rows_done)"
            " VALUES (?, 1, 'inspecting', '2026-01-01', 'n.csv', ?, '', '{}', 0)",
            (IMPORT, file.stat().st_size),
        )
    return file


@pytest.fixture
def idle(settings: Settings) -> Iterator[Application]:
    yield create_app(settings)
    assert DurableQueue.active is None


async def test_an_import_whose_workflow_was_never_written_down_goes_on(
    left: Path, idle: Application, browser: Browser
) -> None:
    async with idle.test_app():
        found = await jobs.of(idle).wait_for_pass(IMPORT, PATIENCE)
        assert found is not None
        assert found.state == "ready", found.failure
        assert await db.of(idle).write(importing.begin_loading, IMPORT, ImportOverrides())
        found = await jobs.of(idle).wait_for_pass(IMPORT, PATIENCE)
        assert found is not None
        assert found.state == "done", found.failure
    assert_same_rows(browser, IMPORT, left)


async def test_an_app_with_nothing_to_do_does_not_load_the_engine_of_jobs(idle: Application) -> None:
    async with idle.test_app():
        await idle.test_client().get("/up")
        assert DurableQueue.active is None


async def test_workflows_that_ended_long_ago_are_forgotten_and_numbers_go_on(
    settings: Settings, left: Path, idle: Application
) -> None:
    async with idle.test_app():
        running = jobs.of(idle)
        for delimiter in (";", ",", ";"):
            await running.wait_for_pass(IMPORT, PATIENCE)
            await db.of(idle).write(importing.inspect_again, IMPORT, ImportOverrides(delimiter=delimiter))
        found = await running.wait_for_pass(IMPORT, PATIENCE)
        assert found is not None
        assert found.state == "ready", found.failure
        with closing(sqlite3.connect(settings.data_dir / "jobs.db", check_same_thread=False)) as written:
            await asyncio.to_thread(wait_for, lambda: workflows(written, "SUCCESS") == [1, 2, 3, 4])
            written.execute("UPDATE workflow_status SET created_at = 1000 WHERE workflow_uuid NOT LIKE '%-3'")
            written.execute("UPDATE workflow_status SET status = 'PENDING' WHERE workflow_uuid LIKE '%-2'")
            written.commit()
            await queue.of(idle).prune()
            assert workflows(written) == [2, 3]
            await db.of(idle).write(importing.inspect_again, IMPORT, ImportOverrides(delimiter=","))
            await asyncio.to_thread(wait_for, lambda: workflows(written, "SUCCESS") == [3, 4])


def workflows(written: sqlite3.Connection, status: str = "%") -> list[int]:
    """The numbers of the workflows DBOS knows."""
    found = written.execute("SELECT workflow_uuid FROM workflow_status WHERE status LIKE ?", (status,))
    return sorted(int(name.rpartition("-")[2]) for (name,) in found)


async def test_folders_of_uploads_that_never_ended_are_removed_and_others_are_not(
    settings: Settings, left: Path, idle: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    stale, fresh = settings.imports_dir / ("c" * 32), settings.imports_dir / ("d" * 32)
    for folder in (stale, fresh):
        folder.mkdir()
    for folder in (stale, left.parent):
        os.utime(folder, (1, 1))
    async with idle.test_app():
        await asyncio.to_thread(wait_for, lambda: not stale.exists())
        assert fresh.exists()
        assert left.exists()
