"""The commands, as somebody types them."""

import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from settings import Settings
from tests.conftest import make_settings
from tests.copies.installations import DATABASES, everything


def rowcast(settings: Settings, *arguments: object, fails: bool = False) -> str:
    given = {"ROWCAST_DATA_DIR": str(settings.data_dir), "ROWCAST_DATABASE_URL": settings.sqlalchemy_url}
    given |= {"ROWCAST_ENVIRONMENT": "testing", "PYTHONPATH": os.getcwd(), "PATH": os.defpath}
    command = [sys.executable, "-m", "webapp", *map(str, arguments)]
    done = subprocess.run(command, env=given, capture_output=True, text=True)
    assert bool(done.returncode) == fails, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("target", DATABASES, indirect=True)
def test_a_backup_and_its_restore(source: Settings, target: Settings, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    assert "has 2 tables with 303 rows, and 7 files" in rowcast(source, "db", "backup", file)
    assert "exists already" in rowcast(source, "db", "backup", file, fails=True)
    assert "2 tables with 303 rows" in rowcast(target, "db", "restore", file)
    assert everything(target) == everything(source)
    assert "is not empty" in rowcast(target, "db", "restore", file, fails=True)


def test_without_a_generated_key_it_says_so(source: Settings, target: Settings, tmp_path: Path) -> None:
    (source.data_dir / "secret_key").unlink()
    assert "The key is not in it" in rowcast(source, "db", "backup", tmp_path / "all.zip")
    assert "Set ROWCAST_SECRET_KEY" in rowcast(target, "db", "restore", tmp_path / "all.zip")


@pytest.mark.parametrize("elsewhere", DATABASES, indirect=True)
def test_a_move(source: Settings, elsewhere: Settings) -> None:
    said = rowcast(source, "db", "move", "--to", elsewhere.sqlalchemy_url)
    assert "2 tables with 303 rows" in said
    assert "set ROWCAST_DATABASE_URL" in said
    assert rowcast(elsewhere, "export", 2) == rowcast(source, "export", 2)
    assert "ROWCAST_DATABASE_URL" in rowcast(source, "db", "move", "--to", "mysql://nothing", fails=True)


def test_portable_tables(source: Settings, tmp_path: Path, migrated: Path) -> None:
    file, target = tmp_path / "tables.zip", make_settings(shutil.copytree(migrated, tmp_path / "other"))
    assert "has 2 tables with 303 rows" in rowcast(source, "table", "export-all", file)
    assert "exists already" in rowcast(source, "table", "export-all", file, fails=True)
    assert "Nobody has an account" in rowcast(target, "table", "import-all", file, "--owner", "a@b.example", fails=True)
    rowcast(target, "user", "add", "ben@example.org", "--link")
    said = rowcast(target, "table", "import-all", file, "--owner", "ben@example.org")
    assert "1: odd, 5 rows" in said
    assert "2: many, 298 rows" in said
    assert "not taken in: member without an account here: eve@example.org (editor)" in said
    assert rowcast(target, "export", 2) == rowcast(source, "export", 2)


def test_a_terminal_shows_how_far_each_step_is(source: Settings, target: Settings, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    rowcast(source, "db", "backup", file)
    reader, writer = pty.openpty()
    given = {"ROWCAST_DATA_DIR": str(target.data_dir), "ROWCAST_ENVIRONMENT": "testing", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-m", "webapp", "db", "restore", str(file)]
    with subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=writer) as running:
        os.close(writer)
        shown = read_all(reader)
    assert running.returncode == 0
    verifying, restoring = shown.strip().split("\n")
    assert "Verifying" in verifying
    assert "100%" in verifying
    assert "Restoring" in restoring
    assert "100%" in restoring


def read_all(terminal: int) -> str:
    blocks = list[bytes]()
    with suppress(OSError):  # nobody writes to it any more
        while True:
            blocks.append(os.read(terminal, 4096))
    os.close(terminal)
    return b"".join(blocks).decode()
