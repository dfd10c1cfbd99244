"""A backup has everything as it is at one moment, and is restored whole or not at all."""

import asyncio
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from settings import Settings
from tests.copies.installations import ADA, ALL_PAIRS, DATABASES, Told, begin_nothing, everything, ignore
from tests.servers import PATIENCE
from webapp.copies.archive import TargetExists, opened
from webapp.copies.backup import IMPORT_FILES, Manifest, NothingToCopy, back_up
from webapp.copies.restoring import NotEmpty, restore
from webapp.db import copying, migrations
from webapp.db.copying import CopyUnfinished
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.leader import CannotLead, FileLeader
from webapp.models.tables import editing
from webapp.models.tables.editing import CellEdit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "all.rowcast"


BETWEEN_ANY = pytest.mark.parametrize(("source", "target"), ALL_PAIRS, indirect=True)
OF_ANY = pytest.mark.parametrize("source", DATABASES, indirect=True)
TO_ANY = pytest.mark.parametrize("target", DATABASES, indirect=True)


def back_up_and_restore(source: Settings, target: Settings, file: Path) -> None:
    back_up(source, file, force=False, progress=ignore)
    told = Told()
    restore(target, file, told.begin)
    assert list(told.steps) == ["Verifying", "Restoring"]
    assert all(done == total > 1_000 for done, total in told.steps.values())


@BETWEEN_ANY
def test_restored_elsewhere_everything_is_equal(source: Settings, target: Settings, file: Path) -> None:
    before = everything(source)
    back_up_and_restore(source, target, file)
    assert everything(target) == before
    assert migrations.current(target) == migrations.head()
    assert {name for name in before["files"] if name.endswith("/original")}


@BETWEEN_ANY
def test_ids_are_never_used_again(source: Settings, target: Settings, file: Path) -> None:
    """Person 9 has gone, and so nobody gets their id."""
    back_up_and_restore(source, target, file)
    with copying.snapshot(target) as connection:
        assert copying.last_ids(connection)["users"] == 9


def test_the_file_is_for_its_owner_and_nothing_else_is_left(source: Settings, file: Path) -> None:
    back_up(source, file, force=False, progress=ignore)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [file.name]


def test_a_file_that_exists_stays_unless_it_is_to_be_replaced(source: Settings, file: Path) -> None:
    file.write_text("precious")
    with pytest.raises(TargetExists):
        back_up(source, file, force=False, progress=ignore)
    assert file.read_text() == "precious"
    back_up(source, file, force=True, progress=ignore)
    with opened(file) as archive:
        assert archive.read_manifest(Manifest, migrations.head()).revision == migrations.head()


def test_what_fails_leaves_no_file(source: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: object) -> dict[str, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "last_ids", fail)
    with pytest.raises(OSError, match="No space"):
        back_up(source, file, force=False, progress=ignore)
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == []


@OF_ANY
def test_it_is_one_moment_while_others_write(source: Settings, target: Settings, file: Path) -> None:
    """Each edit is a change set and a cell in one transaction: a copy has both or neither."""
    begun, stop = threading.Event(), threading.Event()
    edits = threading.Thread(target=lambda: asyncio.run(_edit_until(source, begun, stop)))
    edits.start()
    try:
        assert begun.wait(PATIENCE)
        back_up(source, file, force=False, progress=ignore)
    finally:
        stop.set()
        edits.join()
    restore(target, file, begin_nothing)
    found = everything(target)
    sets = [row[1] for row in found["change_sets"] if row[0] == 2]
    assert len(sets) == max(sets) > 3
    newest = max((row for row in found["changes"] if row[0] == 2), key=lambda row: row[1])
    _, rows = found["rows of 2"]
    assert newest[-1] == rows[0][3]
    assert len(sets) < len([row for row in everything(source)["change_sets"] if row[0] == 2])


async def _edit_until(settings: Settings, begun: threading.Event, stop: threading.Event) -> None:
    database, text, count = Database(settings), "row 1", 0
    await database.open()
    while not stop.is_set():
        count += 1
        if count > 3:
            begun.set()
        new = f"edit {os.urandom(4).hex()}"
        await database.write(editing.change_cells, ADA, 2, [CellEdit(1, 3, text, new)])
        text = new
    await database.close()


@TO_ANY
def test_only_into_an_empty_installation(source: Settings, target: Settings, file: Path) -> None:
    back_up_and_restore(source, target, file)
    before = everything(target)
    with pytest.raises(NotEmpty, match="The database is not empty"):
        restore(target, file, begin_nothing)
    assert everything(target) == before


@pytest.mark.parametrize("name", ["imports", "secret_key", "jobs.db"])
def test_not_into_a_folder_that_has_something(source: Settings, target: Settings, file: Path, name: str) -> None:
    back_up(source, file, force=False, progress=ignore)
    target.data_dir.mkdir()
    (target.data_dir / name).write_text("precious")
    with pytest.raises(NotEmpty):
        restore(target, file, begin_nothing)
    assert (target.data_dir / name).read_text() == "precious"
    assert not (target.data_dir / "rowcast.db").exists()


def test_not_beside_a_server(source: Settings, target: Settings, file: Path) -> None:
    back_up(source, file, force=False, progress=ignore)
    child = "import sys; from pathlib import Path; from webapp.leader import FileLeader\n"
    child += "with FileLeader(Path(sys.argv[1])).leading(): print('leading', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", child, str(target.data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"leading\n"
    with pytest.raises(CannotLead):
        restore(target, file, begin_nothing)
    process.communicate(b"")
    with FileLeader(target.data_dir).leading():
        assert not (target.data_dir / "rowcast.db").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.conftest import make_settings
from webapp.copies import restoring
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
place, folder, url, file = sys.argv[1:]
setattr(restoring, place, kill) if hasattr(restoring, place) else setattr(restoring._Restore, place, kill)
target = make_settings(Path(folder), database_url=url)
restoring.restore(target, Path(file), lambda *_: lambda *_: None)
"""


@TO_ANY
@pytest.mark.parametrize("place", ["_fill_table", "_ensure_whole", "_place_files", "index_anew"])
def test_one_that_was_killed_leaves_nothing_that_looks_complete(
    source: Settings, target: Settings, file: Path, place: str
) -> None:
    before = everything(source)
    back_up(source, file, force=False, progress=ignore)
    arguments = [sys.executable, "-c", KILLED, place, str(target.data_dir), target.sqlalchemy_url, str(file)]
    assert subprocess.run(arguments, env=os.environ | {"PYTHONPATH": os.getcwd()}).returncode == -9
    with pytest.raises(CopyUnfinished):
        migrations.upgrade(target)
    with pytest.raises(CopyUnfinished):
        back_up(target, file.with_name("other"), force=False, progress=ignore)
    restore(target, file, begin_nothing)
    assert everything(target) == before
    migrations.upgrade(target)


def test_without_a_database_there_is_nothing_to_copy(target: Settings, file: Path) -> None:
    with pytest.raises(NothingToCopy):
        back_up(target, file, force=False, progress=ignore)
    assert not file.exists()


def test_an_older_database_is_upgraded_first(target: Settings, file: Path) -> None:
    migrations.migrate(target, "0027")
    with pytest.raises(UserError, match="rowcast db upgrade"):
        back_up(target, file, force=False, progress=ignore)


def test_a_file_of_imports_that_has_gone_is_left_out(source: Settings, target: Settings, file: Path) -> None:
    gone = next(source.imports_dir.rglob("original"))
    gone.unlink()
    back_up_and_restore(source, target, file)
    assert str(gone.relative_to(source.data_dir)) not in everything(target)["files"]
    assert set(IMPORT_FILES) >= {path.name for path in target.imports_dir.rglob("*") if path.is_file()}


def test_uploads_that_tables_share_stay_one_file(source: Settings, target: Settings, file: Path) -> None:
    first, second = sorted(source.imports_dir.iterdir())[:2]
    (second / "original").unlink()
    os.link(first / "original", second / "original")
    back_up_and_restore(source, target, file)
    both = [target.imports_dir / folder.name / "original" for folder in (first, second)]
    assert both[0].samefile(both[1])
