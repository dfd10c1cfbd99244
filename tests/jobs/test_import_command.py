"""Imports from the command line: the same passes, no server."""

import asyncio
import errno
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.database import connect
from tests.jobs.driver import Browser, assert_same_rows, write_csv
from tests.servers import PATIENCE, wait_for
from webapp.cli import import_command
from webapp.cli.import_command import import_file
from webapp.db.errors import UserError
from webapp.jobs import JobContext


@pytest.fixture
def owned(settings: Settings) -> Settings:
    connection = connect(settings.data_dir / "rowcast.db")
    connection.execute(
        "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
        " VALUES (1, 'ada@example.org', 'ada', '', 'owner', TRUE, '2026-01-01')"
    )
    connection.close()
    return settings


def ignore(done: int, rows: int) -> None:
    pass


def test_a_file_is_imported_as_a_table_of_the_owner(owned: Settings, browser: Browser, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "some_numbers.csv", 3000)
    seen: list[int] = []
    table_id, _, _ = import_file(
        owned, path, title=None, owner_email=None, progress=lambda done, rows: seen.append(done)
    )
    (found,) = browser.ask("SELECT id FROM imports")
    assert_same_rows(browser, found["id"], path)
    table = browser.ask("SELECT * FROM tables")[0]
    assert (table["id"], table["title"], table["owner_id"]) == (table_id, "some numbers", 1)
    assert seen == sorted(seen)
    assert seen[-1] <= 2 * path.stat().st_size


def test_a_title_and_an_owner_can_be_given(owned: Settings, browser: Browser, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "n.csv", 3)
    import_file(owned, path, title="Numbers", owner_email="ADA@example.org", progress=ignore)
    assert browser.ask("SELECT title FROM tables")[0]["title"] == "Numbers"


def test_the_owner_with_the_lowest_id_gets_the_table(owned: Settings, browser: Browser, tmp_path: Path) -> None:
    with closing(connect(owned.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
            " VALUES (0, 'grace@example.org', 'grace', '', 'owner', TRUE, '2026-01-02')"
        )
    _, email, owners = import_file(
        owned, write_csv(tmp_path / "n.csv", 3), title=None, owner_email=None, progress=ignore
    )
    assert (email, owners) == ("grace@example.org", 2)
    assert browser.ask("SELECT owner_id FROM tables")[0]["owner_id"] == 0


def test_a_file_that_cannot_be_imported_is_reported_and_leaves_no_table(
    owned: Settings, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_files = JobContext.remove_files

    async def remove_slowly(context: JobContext, import_id: str) -> None:
        for _ in range(50):
            await context.database.read(lambda connection: None)
        await remove_files(context, import_id)

    monkeypatch.setattr(JobContext, "remove_files", remove_slowly)
    path = tmp_path / "letter.csv"
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(UserError, match="PDF"):
        import_file(owned, path, title=None, owner_email=None, progress=ignore)
    assert browser.tables() == []
    assert not any(owned.imports_dir.iterdir())
    with pytest.raises(UserError, match="Nobody has an account"):
        import_file(owned, path, title=None, owner_email="grace@example.org", progress=ignore)


def test_an_import_without_any_account_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no account yet"):
        import_file(settings, write_csv(tmp_path / "n.csv", 3), title=None, owner_email=None, progress=ignore)


@pytest.mark.parametrize("moment", ["copied", "read"])
def test_an_interrupted_import_leaves_nothing_behind(
    owned: Settings, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = write_csv(tmp_path / "n.csv", 200_000)

    async def interrupted() -> None:
        running = asyncio.create_task(import_command._import(owned, path, None, None, ignore))
        sign = "*/lock" if moment == "read" else "*/original"
        await asyncio.to_thread(wait_for, lambda: any(owned.imports_dir.glob(sign)))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        is_over.set()

    copy, is_over = import_command.copy_upload, threading.Event()

    def copy_slowly(path: Path, folder: Path) -> dict[str, Any]:
        copied = copy(path, folder)
        is_over.wait(PATIENCE)
        return copied

    if moment == "copied":
        monkeypatch.setattr(import_command, "copy_upload", copy_slowly)
    asyncio.run(interrupted())
    assert browser.tables() == []
    assert not any(owned.imports_dir.iterdir())


def test_a_full_disk_is_said_in_words_and_leaves_nothing(
    owned: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, folder: Path) -> dict[str, Any]:
        folder.mkdir(parents=True)
        (folder / "original").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(import_command, "copy_upload", half)
    with pytest.raises(UserError, match="disk is full"):
        import_file(owned, write_csv(tmp_path / "n.csv", 3), title=None, owner_email=None, progress=ignore)
    assert not any(owned.imports_dir.iterdir())
