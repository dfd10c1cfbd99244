"""What a server cleans up when it starts."""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from settings import Settings
from tests.servers import wait_for
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.jobs import schedule
from webapp.jobs.schedule import MAX_AGE
from webapp.models import Import, ImportState, User, utc_now


def _aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


async def test_leftovers_of_aborted_uploads_are_removed_after_a_day(settings: Settings) -> None:
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

    schedule._remove_stale(tmp_path, set())

    assert not stale.exists()


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
