"""What the schedule deletes, and when."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from settings import Settings
from tests.database import connect
from tests.servers import wait_for
from tests.tables import add_table
from webapp import create_app
from webapp.db.errors import StorageFull
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.jobs import schedule
from webapp.jobs.schedule import MAX_AGE
from webapp.models import ChangeSet, Import, ImportState, SpareColumn, Table, User, utc_now
from webapp.models.policy import Actor
from webapp.models.tables import trash
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.type_changing import change_type

ADA = Actor(1, "ada@example.org", "ada", "owner")


def _aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


async def test_leftovers_of_aborted_uploads_are_removed_after_a_day(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    folder = settings.imports_dir
    folder.mkdir()
    half = _aged_file(folder / ".upload-0123")
    whole = folder / ("0" * 32)
    whole.mkdir()
    (whole / "original").write_bytes(b"a,b")
    fresh = folder / ".upload-4567"
    fresh.write_bytes(b"a,b")
    _aged(whole, MAX_AGE + 60)

    async with create_app(settings).test_app():
        await asyncio.to_thread(wait_for, lambda: not half.exists() and not whole.exists())

    assert fresh.exists()


def test_a_file_that_vanishes_does_not_stop_the_clean_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = _aged_file(tmp_path / ".upload-0123")
    vanished = tmp_path / ".upload-4567"
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([vanished, stale]))

    schedule._remove([vanished, *schedule._find_old(tmp_path)])

    assert not stale.exists()


async def test_nothing_is_deleted_until_the_first_check_after_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    rounds: list[list[str]] = []

    async def note(*steps: Callable[[], Awaitable[None]]) -> None:
        rounds.append([step.__name__ for step in steps])

    monkeypatch.setattr(schedule, "_run_all", note)
    async with create_app(settings).test_app():
        await asyncio.to_thread(wait_for, lambda: len(rounds) > 3)

    assert "_resume_imports" in rounds[0]
    assert ["_prune" in steps for steps in rounds[:4]] == [False, False, True, False]


def _aged_file(path: Path) -> Path:
    path.write_bytes(b"a,b")
    return _aged(path, MAX_AGE + 60)


async def test_an_undecided_preview_is_deleted_after_a_week_without_a_restart(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(schedule, "CLEAN_EVERY", 0.0)
    old, read_again, fresh, done = (letter * 32 for letter in "abcd")
    app = create_app(settings)
    async with app.test_app():
        await db.of(app).write(_add_previews, {old: 8, read_again: 8, fresh: 6}, done)
        for import_id in (old, read_again, fresh, done):
            inspection = settings.imports_dir / import_id / "inspection.json"
            inspection.parent.mkdir(parents=True)
            inspection.touch()
            if import_id != read_again:
                _aged(inspection, 8 * 86_400)

        await asyncio.to_thread(wait_for, lambda: not (settings.imports_dir / old).exists())

        async with db.of(app).reading() as session:
            assert set(await session.scalars(select(Import.id))) == {read_again, fresh, done}
        assert {path.name for path in settings.imports_dir.iterdir()} == {read_again, fresh, done}


async def _add_previews(work: UnitOfWork, days: dict[str, int], done: str) -> None:
    work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="", role="owner"))
    await work.session.flush()
    for import_id, age in {**days, done: 8}.items():
        state = ImportState.DONE if import_id == done else ImportState.READY
        created_at = utc_now() - timedelta(days=age)
        work.session.add(
            Import(id=import_id, user_id=1, state=state, created_at=created_at, filename="n.csv", size=1, sha256="")
        )


async def test_ended_imports_without_a_table_are_deleted_after_thirty_days_and_their_files_after_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(schedule, "CLEAN_EVERY", 0.0)
    states = {"failed": ImportState.FAILED, "cancelled": ImportState.CANCELLED, "done": ImportState.DONE}
    old = {name[0] * 32: state for name, state in states.items()}
    fresh = {name[1] * 32: state for name, state in states.items()}
    kept = "f0" * 16
    app = create_app(settings)
    for import_id in (*old, *fresh, kept):
        (settings.imports_dir / import_id).mkdir(parents=True)
        (settings.imports_dir / import_id / "original").touch()

    async def add(work: UnitOfWork) -> None:
        work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="", role="owner"))
        await work.session.flush()
        work.session.add(Table(id=1, owner_id=1, title="T", state="ready"))
        await work.session.flush()
        ended = [*((*pair, 31, None) for pair in old.items()), *((*pair, 29, None) for pair in fresh.items())]
        for import_id, state, days, table_id in [*ended, (kept, ImportState.DONE, 400, 1)]:
            when = utc_now() - timedelta(days=days)
            work.session.add(
                Import(
                    id=import_id, user_id=1, table_id=table_id, state=state, created_at=when, finished_at=when,
                    filename="n.csv", size=1, sha256="",
                )
            )  # fmt: skip

    async with app.test_app():
        await db.of(app).write(add)
        for import_id in (*old, *fresh, kept):
            _aged(settings.imports_dir / import_id, MAX_AGE + 60)

        await asyncio.to_thread(wait_for, lambda: {path.name for path in settings.imports_dir.iterdir()} == {kept})
        # Their rows may go in the next round: a round that had passed them already removes the files.
        await asyncio.to_thread(wait_for, lambda: _import_ids(settings) <= {*fresh, kept})

    assert _import_ids(settings) == {*fresh, kept}


async def test_what_a_change_of_type_has_replaced_is_emptied_once_it_is_not_kept_any_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(settings)
    async with app.test_app():
        async with app.app_context():
            database = db()
            await database.write(_add_person)
        add_table(settings.data_dir, {"Size": "text", "Name": "text"}, [("1", "a"), ("2", "b")])
        for number in (1, 2):
            await database.write(change_type, ADA, 1, number, "decimal", {"style": "plain", "scale": 0})
        await database.write(_end_keeping, 1)

    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    async with create_app(settings).test_app():
        await asyncio.to_thread(wait_for, lambda: _stored(settings, "c1") == [(None,), (None,)])

    assert _stored(settings, "c2") == [("a",), ("b",)]
    assert _stored(settings, "c3") == [(1.0,), (2.0,)]


async def _add_person(work: UnitOfWork) -> None:
    work.session.add(User(id=1, email=ADA.email, name="ada", password_hash="", role="owner"))


async def _end_keeping(work: UnitOfWork, storage: int) -> None:
    past = utc_now() - timedelta(seconds=1)
    await work.session.execute(update(SpareColumn).where(SpareColumn.storage == storage).values(kept_until=past))


def _import_ids(settings: Settings) -> set[str]:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return {import_id for (import_id,) in connection.execute("SELECT id FROM imports")}


def _stored(settings: Settings, name: str) -> list[tuple[object]]:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return connection.execute(f"SELECT {name} FROM t1 ORDER BY id").fetchall()


async def test_the_change_log_is_pruned_by_the_schedule(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(schedule, "CLEAN_EVERY", 0.0)
    app = create_app(settings)
    async with app.test_app():
        await db.of(app).write(_add_changes, {1: 366, 2: 364})

        await asyncio.to_thread(wait_for, lambda: _oldest_change(settings) == 2)


def _oldest_change(settings: Settings) -> int:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return int(connection.execute("SELECT log_from FROM tables").fetchone()[0])


async def _add_changes(work: UnitOfWork, days: dict[int, int]) -> None:
    """A table with change sets so many days old, by their numbers."""
    work.session.add(User(id=1, email="ada@example.org", name="Ada", password_hash="x", role="owner"))
    await work.session.flush()
    table = Table(owner_id=1, title="Planets", state="ready", seq=len(days))
    work.session.add(table)
    await work.session.flush()
    for seq, age in days.items():
        made = {"via": "grid", "kind": "cells", "rows": 0, "cells": 0, "size": 0}
        work.session.add(ChangeSet(table_id=table.id, seq=seq, at=utc_now() - timedelta(days=age), **made))


async def test_a_purge_that_a_full_disk_has_stopped_goes_on_once_there_is_room(
    settings: Settings, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CHECK_EVERY", 0.05)
    purge_batch, tries = trash.purge_batch, list[int]()

    async def fails_at_first(work: UnitOfWork, table_id: int) -> bool:
        tries.append(table_id)
        if len(tries) < 3:
            raise StorageFull
        return await purge_batch(work, table_id)

    monkeypatch.setattr(trash, "purge_batch", fails_at_first)
    app = create_app(settings)
    async with app.test_app():
        await db.of(app).write(_add_ada)
        table_id = add_table(data_dir, {"A": "text"}, [["x"]])
        await db.of(app).write(delete_table, ADA, table_id)
        await db.of(app).write(trash.purge_table, ADA, table_id)

        def is_gone() -> bool:
            with closing(connect(data_dir / "rowcast.db")) as connection:
                return not connection.execute("SELECT 1 FROM tables").fetchone()

        await asyncio.to_thread(wait_for, is_gone)

    assert len(tries) >= 3


async def _add_ada(work: UnitOfWork) -> None:
    work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="", role="owner"))
