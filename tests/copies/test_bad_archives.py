"""Files that are no backup, damaged, or forged, are refused with a readable reason, and nothing is done."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from settings import Settings
from tests.conftest import make_settings
from tests.copies.forging import forged
from tests.copies.installations import DATABASES, begin_nothing, ignore
from webapp.copies import archive
from webapp.copies.archive import BadArchive
from webapp.copies.backup import back_up
from webapp.copies.restoring import restore
from webapp.db import copying


@pytest.fixture(scope="module")
def backup(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "all.rowcast"
    back_up(make_settings(furnished), file, force=False, progress=ignore)
    return file


def refused(target: Settings, file: Path) -> str:
    """Why; and nothing is there afterwards."""
    with pytest.raises(BadArchive, match="Nothing was changed") as caught:
        restore(target, file, begin_nothing)
    assert not copying.exists(target)
    left = [path.name for path in target.data_dir.iterdir()] if target.data_dir.exists() else []
    assert [name for name in left if name != "server.lock" and not name.startswith("rowcast.db")] == []
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 100])
def test_other_files(target: Settings, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    assert "no archive of Rowcast" in refused(target, tmp_path / "other")


def test_other_zip_files(target: Settings, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a.txt", "a")
    assert "no archive of Rowcast" in refused(target, tmp_path / "other.zip")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_off(target: Settings, backup: Path, tmp_path: Path, share: float) -> None:
    data = backup.read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    assert "cut off" in refused(target, tmp_path / "cut")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
def test_a_changed_byte(target: Settings, backup: Path, tmp_path: Path, share: float) -> None:
    data = bytearray(backup.read_bytes())
    data[int(len(data) * share)] ^= 0xFF
    (tmp_path / "damaged").write_bytes(data)
    assert "damaged" in refused(target, tmp_path / "damaged")


def test_a_wrong_hash(target: Settings, backup: Path) -> None:
    """Although the ZIP file is whole."""
    assert "the part own/users.jsonl is damaged" in refused(target, swapped(backup, "own/users.jsonl", b"a", b"b"))


def swapped(backup: Path, member: str, one: bytes, other: bytes) -> Path:
    copy = backup.with_name(f"swapped-{len(list(backup.parent.iterdir()))}")
    with ZipFile(backup) as source, ZipFile(copy, "w", ZIP_DEFLATED) as changed:
        for name in source.namelist():
            data = source.read(name)
            changed.writestr(name, data.replace(one, other) if name == member else data)
    return copy


def _path(path: str) -> Callable[[Any], Any]:
    def change(manifest: Any) -> Any:
        manifest["files"][0]["path"] = path
        return manifest

    return change


PATHS = (
    "../evil",
    "/etc/passwd",
    "imports/../../evil",
    "rowcast.db",
    "imports/" + "a" * 32 + "/../original",
    "secret_key\n",
)


@pytest.mark.parametrize("path", PATHS)
def test_paths_outside_of_the_folder(target: Settings, backup: Path, path: str) -> None:
    assert "files.0.path" in refused(target, forged(backup, manifest=_path(path)))


def _said(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(manifest: Any) -> Any:
        change(manifest)
        return manifest

    return apply


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda said: said.update(version=2, program="Rowcast 7", more=1), "a newer version of Rowcast (Rowcast 7)"),
        (lambda said: said.update(revision="9999", more=1), "a newer version of Rowcast"),
        (lambda said: said.update(version=0), "it has the format 0"),
        (lambda said: said.update(revision="0021"), "its revision 0021 is none"),
        (lambda said: said.update(format="rowcast-tables"), "for another command: rowcast table import-all"),
        (lambda said: said.update(format="else"), "format"),
        (lambda said: said.update(version="new"), "version"),
        (lambda said: said.update(more=1), "more"),
        (lambda said: said["own"].pop(), "not the parts"),
        (lambda said: said["own"].append(said["own"][0]), "a table twice"),
        (lambda said: said["own"][0].update(name="nothing_such"), "is not what revision"),
        (lambda said: said["own"][0]["columns"].pop(), "is not what revision"),
        (lambda said: said["tables"][0]["columns"][0].__setitem__(0, "c1; DROP TABLE users"), "a table that cannot be"),
        (lambda said: said["tables"][0]["columns"].append(said["tables"][0]["columns"][0]), "a table that cannot be"),
        (lambda said: said["tables"][0].update(id=0), "tables.0.id"),
        (lambda said: said["files"].append(said["files"][0]), "not those that its manifest lists"),
        (lambda said: said["contents"][0].update(size=5), "not the size"),
        (lambda said: said["own"][1]["member"].update(lines=10**6), "not as many rows"),
    ],
)
def test_forged_manifests(target: Settings, backup: Path, change: Callable[[Any], Any], why: str) -> None:
    assert why in refused(target, forged(backup, manifest=_said(change)))


def _row(column: int, value: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        first, rest = data.split(b"\n", 1)
        row = json.loads(first)
        row[column] = value
        return json.dumps(row).encode() + b"\n" + rest

    return change


ROWS = [
    ("rows/2.jsonl", _row(1, "no number")),
    ("rows/2.jsonl", _row(1, 2**70)),
    ("rows/2.jsonl", _row(3, "\ud800")),
    ("rows/2.jsonl", _row(0, 2)),
    ("rows/2.jsonl", lambda data: b"[1]\n" + data),
    ("rows/2.jsonl", lambda data: b"[" * 100_000 + b"\n" + data),
    ("rows/2.jsonl", lambda data: data[:-1]),
    ("own/users.jsonl", _row(0, "x")),
    ("own/users.jsonl", _row(1, None)),
    ("own/tables.jsonl", _row(1, 77)),
    ("own/users.jsonl", lambda data: data + data),
]


@pytest.mark.parametrize("target", DATABASES, indirect=True)
@pytest.mark.parametrize("case", range(len(ROWS)))
def test_forged_rows(target: Settings, backup: Path, case: int) -> None:
    """With hashes that are right: the database would not take them."""
    member, change = ROWS[case]
    refused(target, forged(backup, member, change))


def test_a_part_that_unpacks_to_much_more_than_it_says(
    target: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = forged(backup, "own/users.jsonl", lambda data: b" " * 50_000_000)
    monkeypatch.setattr(archive, "MAX_RATIO", 100)
    assert "not the size" in refused(target, bomb)


def test_a_manifest_without_end(target: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MANIFEST", 1_000)
    assert "manifest is too large" in refused(target, backup)


def test_files_that_do_not_fit_on_the_disk(target: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 10

    monkeypatch.setattr("webapp.copies.restoring.shutil.disk_usage", lambda path: Full)
    with pytest.raises(BadArchive, match="the disk has room for"):
        restore(target, backup, begin_nothing)


def test_two_parts_of_one_name(target: Settings, backup: Path, tmp_path: Path) -> None:
    copy = tmp_path / "twice"
    copy.write_bytes(backup.read_bytes())
    with ZipFile(copy, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("own/users.jsonl", "")
    assert "the same name" in refused(target, copy)


def test_something_else_in_it(target: Settings, backup: Path, tmp_path: Path) -> None:
    copy = tmp_path / "more"
    copy.write_bytes(backup.read_bytes())
    with ZipFile(copy, "a") as file:
        file.writestr("../../evil", "")
    assert "not the parts that its manifest lists" in refused(target, copy)
