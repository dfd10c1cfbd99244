"""A move copies everything to another database, which nobody uses before it is complete."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from settings import Settings
from tests.conftest import make_settings
from tests.copies.installations import ADA, ALL_PAIRS, DATABASES, Told, begin_nothing, everything
from tests.servers import Server
from webapp.copies import moving
from webapp.copies.moving import NotTheSame, SameDatabase, TargetNotEmpty, move
from webapp.db import copying, migrations
from webapp.db.copying import CopyUnfinished
from webapp.db.database import Database
from webapp.leader import CannotLead
from webapp.models.tables import editing
from webapp.models.tables.editing import CellEdit
from webapp.rowstore import raw_rows

ANY = pytest.mark.parametrize(("source", "elsewhere"), ALL_PAIRS, indirect=True)
TO_ANY = pytest.mark.parametrize("elsewhere", DATABASES, indirect=True)


def without_files(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "files"}


@ANY
def test_moved_everything_is_equal_and_the_source_untouched(source: Settings, elsewhere: Settings) -> None:
    before = everything(source)
    moved = move(source, elsewhere, begin_nothing)
    assert without_files(everything(elsewhere)) == without_files(before)
    assert everything(source) == before
    assert (moved.tables, moved.rows, moved.went_on) == (2, 303, False)
    migrations.upgrade(elsewhere)


@TO_ANY
def test_and_back(source: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    back = make_settings(source.data_dir, database_url=f"sqlite+aiosqlite:///{tmp_path / 'back.db'}")
    move(source, elsewhere, begin_nothing)
    move(elsewhere, back, begin_nothing)
    assert everything(back) == everything(source)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.conftest import make_settings
from webapp.copies import moving
from webapp.rowstore import raw
raw.BATCH_ROWS = 100
place, folder, source, url = sys.argv[1:]
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def kill_late(read, _):
    if read >= 150:
        kill()
if place != "rows":
    setattr(moving, place, kill) if hasattr(moving, place) else setattr(moving._Move, place, kill)
progress = kill_late if place == "rows" else lambda *_: None
begin = lambda *_: progress
moving.move(make_settings(Path(folder), database_url=source), make_settings(Path(folder), database_url=url), begin)
"""


def run_and_kill(source: Settings, elsewhere: Settings, place: str) -> None:
    given = [place, str(source.data_dir), source.sqlalchemy_url, elsewhere.sqlalchemy_url]
    assert (
        subprocess.run([sys.executable, "-c", KILLED, *given], env=os.environ | {"PYTHONPATH": os.getcwd()}).returncode
        == -9
    )


@TO_ANY
@pytest.mark.parametrize("place", ["rows", "_copy_own", "_compare_own", "export_hash", "index_anew"])
def test_one_that_was_killed_goes_on(source: Settings, elsewhere: Settings, place: str) -> None:
    run_and_kill(source, elsewhere, place)
    with pytest.raises(CopyUnfinished):
        migrations.upgrade(elsewhere)
    told = Told()
    moved = move(source, elsewhere, told.begin)
    assert moved.went_on
    ((read, total),) = told.steps.values()
    assert read < total == moving.READINGS * moved.rows
    assert without_files(everything(elsewhere)) == without_files(everything(source))
    migrations.upgrade(elsewhere)


@ANY
def test_what_has_changed_since_it_was_killed_is_copied_anew(source: Settings, elsewhere: Settings) -> None:
    run_and_kill(source, elsewhere, "_compare_own")
    asyncio.run(_edit(source))
    move(source, elsewhere, begin_nothing)
    assert without_files(everything(elsewhere)) == without_files(everything(source))


async def _edit(settings: Settings) -> None:
    database = Database(settings)
    await database.open()
    await database.write(editing.change_cells, ADA, 2, [CellEdit(1, 3, None, "changed")])
    await database.write(editing.delete_rows, ADA, 2, [17])
    await database.write(editing.add_rows, ADA, 2, [{3: "new"}])
    await database.close()


@TO_ANY
def test_no_server_starts_before_it_is_complete(source: Settings, elsewhere: Settings) -> None:
    run_and_kill(source, elsewhere, "_copy_own")
    with (
        pytest.raises(AssertionError, match="The server did not start"),
        Server("webapp:create_app", source.data_dir, database_url=elsewhere.sqlalchemy_url),
    ):
        pass
    (log,) = source.data_dir.parent.glob("server-*.log")
    assert "target of a restore or a move" in log.read_text()
    move(source, elsewhere, begin_nothing)
    with Server("webapp:create_app", source.data_dir, database_url=elsewhere.sqlalchemy_url) as server:
        assert server.get("/up").status == 200


def test_not_beside_a_server(source: Settings, elsewhere: Settings) -> None:
    with Server("webapp:create_app", source.data_dir), pytest.raises(CannotLead):
        move(source, elsewhere, begin_nothing)
    assert not copying.exists(elsewhere)


@TO_ANY
def test_a_target_that_has_anything_stays_as_it_is(source: Settings, elsewhere: Settings) -> None:
    with pytest.raises(SameDatabase):
        move(source, source, begin_nothing)
    migrations.upgrade(elsewhere)
    with pytest.raises(TargetNotEmpty):
        move(source, elsewhere, begin_nothing)
    assert migrations.current(elsewhere) == migrations.head()


@TO_ANY
def test_what_differs_after_copying_is_found(
    source: Settings, elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: here a row is lost between copying and comparing."""
    copied = moving._Move._copy_own

    def lose_a_row(self: Any) -> None:
        copied(self)
        with self._target.begin():
            self._target.execute(text("DELETE FROM t2 WHERE id = 7"))

    monkeypatch.setattr(moving._Move, "_copy_own", lose_a_row)
    with pytest.raises(NotTheSame, match="what table 2 stores"):
        move(source, elsewhere, begin_nothing)
    with pytest.raises(CopyUnfinished):
        migrations.upgrade(elsewhere)


def test_a_table_without_a_record_is_copied_as_it_is(source: Settings, elsewhere: Settings) -> None:
    """Such as one that is being removed."""
    with copying.filling(source) as connection, connection.begin():
        connection.execute(text("CREATE TABLE t77 (id INTEGER PRIMARY KEY, c1 TEXT) STRICT"))
        connection.execute(text("INSERT INTO t77 VALUES (5, 'left')"))
    move(source, elsewhere, begin_nothing)
    with copying.snapshot(elsewhere) as connection:
        rows = raw_rows(connection)
        (table,) = [table for table in rows.tables() if table.id == 77]
        assert [tuple(row) for batch in rows.read(table) for row in batch] == [(5, "left")]
