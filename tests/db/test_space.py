"""The database file gives back the space of what was deleted, in short transactions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from settings import Settings
from tests.conftest import make_settings
from webapp.cli.main import main
from webapp.db import migrations, sqlite_space
from webapp.db.database import Database
from webapp.db.sqlite_driver import connect
from webapp.db.sqlite_space import is_shrinkable, make_shrinkable
from webapp.db.system import CannotCompact
from webapp.db.systems import system_of
from webapp.leader import FileLeader

SECRET = b"nobody should find this again"


def fill(path: Path, table: str = "t1", rows: int = 3_000) -> None:
    with closing(connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, c1 TEXT) STRICT")
        connection.execute("BEGIN")
        texts = ((SECRET.decode() + "x" * 500,) for _ in range(rows))
        connection.executemany(f"INSERT INTO {table} (c1) VALUES (?)", texts)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def drop(path: Path, table: str = "t1") -> None:
    with closing(connect(path)) as connection:
        connection.execute(f"DROP TABLE {table}")


def contents(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


@pytest.fixture
def path(settings: Settings) -> Path:
    migrations.upgrade(settings)
    return settings.data_dir / "rowcast.db"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of before it could shrink."""
    path = tmp_path / "old" / "rowcast.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, value TEXT)")
        connection.execute("INSERT INTO kept VALUES (7, 'seven')")
    return path


async def test_what_was_deleted_is_cut_off_in_slices_and_leaves_no_byte(
    settings: Settings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_space, "HOLD_SECONDS", 0.001)
    empty = path.stat().st_size
    fill(path)
    fill(path, "t2", 10)
    drop(path)
    database = Database(settings)
    await database.open()
    sizes = [path.stat().st_size]
    try:
        assert SECRET in contents(path)
        while await database.shrink():
            sizes.append(path.stat().st_size)
        drop(path, "t2")
        while await database.shrink():
            pass
    finally:
        await database.close()

    assert len(sizes) > 3
    assert sizes[0] > empty + 1_000_000
    assert path.stat().st_size <= empty + 8192
    assert SECRET not in contents(path)


async def test_a_file_that_cannot_shrink_is_left_alone(old: Path) -> None:
    fill(old)
    drop(old)
    size = old.stat().st_size
    database = Database(make_settings(old.parent))
    await database.open()
    assert not await database.shrink()
    await database.close()

    assert old.stat().st_size == size


def test_a_new_database_can_shrink_from_the_beginning(path: Path) -> None:
    assert is_shrinkable(path)


def test_an_older_file_is_written_anew_once_by_an_upgrade(old: Path) -> None:
    fill(old)
    drop(old)
    settings = make_settings(old.parent)

    assert migrations.upgrade(settings)

    assert is_shrinkable(old)
    assert SECRET not in contents(old)
    with closing(connect(old)) as connection:
        assert connection.execute("SELECT id, value FROM kept").fetchall() == [(7, "seven")]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [file.name for file in old.parent.iterdir() if "etilqs" in file.name] == []


def test_without_room_on_the_disk_the_upgrade_leaves_the_file_and_says_so(
    old: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_space, "ROOM", 1e12)

    assert migrations.upgrade(make_settings(old.parent))

    assert not is_shrinkable(old)
    assert "MB of free disk" in caplog.text
    assert "rowcast db compact" in caplog.text


def test_a_table_whose_rows_would_be_numbered_anew_prevents_it(old: Path) -> None:
    with closing(connect(old)) as connection:
        connection.execute("CREATE TABLE t17 (c1 TEXT) STRICT")

    with pytest.raises(CannotCompact, match="table 17 has as many columns"):
        make_shrinkable(old)
    system_of(make_settings(old.parent)).compact_once()
    assert not is_shrinkable(old)


def test_a_file_that_somebody_uses_is_not_written_anew(old: Path) -> None:
    with closing(connect(old)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CannotCompact, match="could not be written anew"):
            make_shrinkable(old)


def test_the_command_compacts_unless_a_server_runs(old: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill(old)
    drop(old)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWCAST_DATA_DIR", str(old.parent))
    with FileLeader(old.parent).leading():
        ran = CliRunner().invoke(main, ["db", "compact"])  # the lock is this process's own, which it may take again
    assert ran.exit_code == 0
    assert "and has 0.0 MB now" in ran.output
    assert is_shrinkable(old)


def test_where_there_is_no_database_there_is_nothing_to_compact(tmp_path: Path) -> None:
    with pytest.raises(CannotCompact, match="no database yet"):
        system_of(make_settings(tmp_path / "nothing")).compact()
