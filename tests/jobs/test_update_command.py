"""A file laid over a table from the command line: the same tasks, no server."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from settings import Settings
from tests.database import connect, environment
from tests.jobs.driver import Browser
from tests.tables import add_table
from webapp.cli import update_command
from webapp.cli.main import main
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.models import Actor
from webapp.models.tables import editing

LATER = "id,City\n1,Christiania\n2,Bergen\n4,Bodø\n"


@pytest.fixture
def table(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    for name, value in environment(settings.data_dir).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROWCAST_ENVIRONMENT", "testing")
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
            " VALUES (1, 'ada@example.org', 'ada', '', 'owner', TRUE, '2026-01-01')"
        )
    return add_table(
        settings.data_dir, {"id": "integer", "City": "text"}, [("1", "Oslo"), ("2", "Bergen"), ("3", "Narvik")]
    )


def run(path: Path, *arguments: str, text: str = LATER, fails: bool = False) -> str:
    path.write_text(text)
    done = CliRunner().invoke(main, ["import", str(path), *arguments])
    assert (done.exit_code != 0) is fails, done.output
    return done.stdout if not fails else done.output


def edit(settings: Settings, change: editing.CellEdit) -> None:
    """As the table's owner."""

    async def write() -> None:
        database = Database(settings)
        await database.open()
        await database.write(editing.change_cells, Actor(1, "ada@example.org", "ada", "owner"), 1, [change])
        await database.close()

    asyncio.run(write())


def cities(browser: Browser) -> list[str]:
    return [row["c2"] for row in browser.ask("SELECT c2 FROM t1 ORDER BY id")]


def test_a_dry_run_says_what_would_change_and_leaves_nothing(table: int, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "cities.csv"
    asked = ("--into", "1", "--mode", "update", "--key", "ID", "--missing", "delete", "--dry-run", "--json")
    summary = json.loads(run(path, *asked))
    assert summary | {"conflicts": 0} == {
        "rows": 3, "table_rows": 3, "added": 1, "changed": 1, "cells": 1, "same": 1, "missing": 1, "removed": 1,
        "marked": 0, "left_out": 0, "refused": {}, "conflicts": 0, "loses_most": False, "table": 1, "dry_run": True,
    }  # fmt: skip
    assert cities(browser) == ["Oslo", "Bergen", "Narvik"]
    assert not list((browser.database.parent / "imports").iterdir())
    assert "Would be: 1 added, 1 changed" in run(path, *asked[:-1])


def test_a_file_is_laid_over_the_table_and_the_next_one_as_it_was(table: int, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "cities 1.csv"
    assert "1 added, 1 changed, 1 removed" in run(path, "--into", "1", "--key", "id", "--missing", "delete")
    assert cities(browser) == ["Christiania", "Bergen", "Bodø"]
    (found,) = browser.ask("SELECT state, table_id FROM imports")
    assert found[:] == ("done", 1)
    assert "0 added, 0 changed, 1 removed" in run(tmp_path / "cities 2.csv", "--into", "1", text=LATER[:-8])
    assert cities(browser) == ["Christiania", "Bergen"]


EMPTY = "id,City\n"
SHORT = "id,City\n1,Oslo\n"


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (EMPTY, ["--mode", "replace"], "All rows of the table (3) would be deleted, since the file has no rows."),
        (EMPTY, ["--key", "id", "--missing", "delete"], "All rows of the table (3) would be deleted"),
        (SHORT, ["--key", "id", "--missing", "delete"], "2 of the 3 rows of the table would be deleted, since"),
        (SHORT, ["--mode", "replace"], "2 of the 3 rows of the table would be deleted, since the file has 1 row."),
    ],
)
def test_a_table_loses_most_of_its_rows_only_if_that_is_said(
    table: int, browser: Browser, tmp_path: Path, text: str, arguments: list[str], words: str
) -> None:
    path, asked = tmp_path / "cities.csv", ["--into", "1", *arguments]
    refused = run(path, *asked, text=text, fails=True)
    assert words in refused
    assert "Nothing was imported. Is it the right file? If so, add --allow-deletions." in refused
    assert "earlier" not in refused
    assert cities(browser) == ["Oslo", "Bergen", "Narvik"]
    assert not list((browser.database.parent / "imports").iterdir())

    dry = run(path, *asked, "--dry-run", text=text)
    assert "most of the table's 3 rows deleted, which needs --allow-deletions" in dry
    assert json.loads(run(path, *asked, "--dry-run", "--json", text=text))["loses_most"]
    assert "most of the table's 3 rows deleted" in run(path, *asked, "--allow-deletions", text=text)
    assert cities(browser) == ["Oslo"] * (text == SHORT)


def test_deleting_that_is_only_remembered_does_not_empty_the_table(
    table: int, browser: Browser, settings: Settings, tmp_path: Path
) -> None:
    """With the rows that people edited, if the file counts for these."""
    path = tmp_path / "cities.csv"
    run(path, "--into", "1", "--key", "id", "--missing", "delete")
    run(path, "--into", "1", text=EMPTY, fails=True)
    edit(settings, editing.CellEdit(1, 2, "Christiania", "Kristiania"))
    edited = run(path, "--into", "1", "--edits", "file", text=EMPTY, fails=True)
    assert "All rows of the table (3) would be deleted" in edited
    assert "2 of the 3 rows" in run(path, "--into", "1", text=EMPTY, fails=True)
    assert "and so it was decided for an earlier one" in edited
    assert len(cities(browser)) == 3


def test_replaced_rows_are_no_loss(table: int, browser: Browser, tmp_path: Path) -> None:
    done = run(tmp_path / "a.csv", "--into", "1", "--mode", "replace", text="id,City\n1,Ås\n2,Bø\n")
    assert "2 added, 0 changed, 3 removed" in done
    assert "most of the table's 3 rows deleted" in done
    assert cities(browser) == ["Ås", "Bø"]


def test_an_import_that_is_interrupted_while_it_is_applied_is_taken_back(
    table: int, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no server goes on with it later."""
    wait = update_command._Update._wait

    async def interrupted(run: Any, *, ends: bool = False) -> Any:
        if ends:
            raise UserError("Interrupted")
        return await wait(run)

    monkeypatch.setattr(update_command._Update, "_wait", interrupted)
    assert "Interrupted" in run(tmp_path / "cities.csv", "--into", "1", "--key", "id", fails=True)
    assert cities(browser) == ["Oslo", "Bergen", "Narvik"]
    for states in ("SELECT state FROM imports", "SELECT state FROM large_changes"):
        assert [row["state"] for row in browser.ask(states)] == ["cancelled"]
    assert not list((browser.database.parent / "imports").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--into", "9"], "There is no table 9."),
        (["--into", "1", "--key", "Country"], "no column “Country”"),
        (["--dry-run"], "--into"),
        (["--edits", "file"], "--into"),
        (["--into", "1", "--title", "Towns"], "about a new table"),
        (["--into", "1", "--mode", "update"], "Choose the column"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(
    table: int, browser: Browser, tmp_path: Path, arguments: list[str], words: str
) -> None:
    text = "City,Note\nOslo,x\nOslo,x\n" if "--mode" in arguments else LATER
    assert words in run(tmp_path / "a.csv", *arguments, text=text, fails=True)
    assert cities(browser) == ["Oslo", "Bergen", "Narvik"]
    folder = browser.database.parent / "imports"
    assert not folder.exists() or not list(folder.iterdir())
