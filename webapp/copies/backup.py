"""A backup: the whole installation in one file, as it is at one moment, while a server may be running.

Everything that the database has is in it as rows, and not as a file of one database, so it can be restored on another.
The manifest is its last part to be written and the first to be read.
"""

import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Table, select

from settings import Settings
from webapp.copies.archive import ArchiveWriter, Member, Progress, size_of, written
from webapp.copies.own_tables import Kind, columns_of, dump_line, line_of, own_tables, read_rows
from webapp.db import copying, migrations
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.imports.requests import ImportFolder
from webapp.models import Import
from webapp.rowstore import raw_rows
from webapp.rowstore.raw import RawRow, RawTable, StoredKind

FORMAT: Final = "rowcast-backup"
VERSION: Final = 1
KEY_FILE: Final = "secret_key"
# What is kept of an import's folder; its locks and the remains of passes are not.
IMPORT_FILES: Final = ("original", "inspection.json", "rejected.csv", "comparison.json", "plan.gz")
FILE_PATH: Final = rf"^(?:{KEY_FILE}|imports/[0-9a-f]{{32}}/(?:{'|'.join(IMPORT_FILES).replace('.', '[.]')}))$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OwnTable(_Part):
    name: str = Field(pattern=r"^[a-z][a-z_]{0,60}$")
    columns: list[tuple[str, Kind]]
    member: Member


class UsersTable(_Part):
    id: int = Field(ge=1, le=2**63 - 1)
    columns: list[tuple[str, StoredKind]]
    member: Member

    @property
    def raw(self) -> RawTable:
        """Raises `ValueError`."""
        return RawTable(self.id, tuple(self.columns))


class StoredFile(_Part):
    """`member`: the name of the part that has it; files of the same content share one."""

    path: str = Field(pattern=FILE_PATH)
    member: str


class Manifest(_Part):
    """What a backup has. `last_ids` are the highest that were ever used, of tables whose ids are never used again."""

    format: Literal["rowcast-backup"] = FORMAT
    version: Literal[1] = VERSION
    made_at: datetime
    program: str
    database: str
    revision: str = Field(pattern=r"^[0-9]{4}$")
    last_ids: dict[str, int]
    own: list[OwnTable]
    tables: list[UsersTable]
    files: list[StoredFile]
    contents: list[Member]  # of the files

    @property
    def members(self) -> list[Member]:
        return [*(table.member for table in self.own), *(table.member for table in self.tables), *self.contents]


@dataclass(frozen=True, slots=True)
class Summary:
    tables: int
    rows: int  # of people's tables
    files: int
    size: int  # bytes
    has_key: bool  # whether the key that the server has generated is in it


class NothingToCopy(UserError):
    def __init__(self, settings: Settings) -> None:
        super().__init__(f"There is no database in {settings.data_dir}.")


def back_up(settings: Settings, path: Path, *, force: bool, progress: Progress) -> Summary:
    """Raises `UserError`; then there is no file, or the one that was there."""
    ensure_current(settings)
    with written(path, force=force, progress=progress) as archive, copying.snapshot(settings) as connection:
        manifest = _write(archive, connection, settings)
        archive.write_manifest(manifest)
    return summary_of(manifest, size_of(path))


def summary_of(manifest: Manifest, size: int) -> Summary:
    rows = sum(table.member.lines or 0 for table in manifest.tables)
    has_key = any(file.path == KEY_FILE for file in manifest.files)
    return Summary(len(manifest.tables), rows, len(manifest.files), size, has_key)


def ensure_current(settings: Settings) -> None:
    """Raises `UserError` if there is no database, if it is being filled, or if it is not of this version."""
    if not copying.exists(settings):
        raise NothingToCopy(settings)
    copying.ensure_finished(settings)
    if (revision := migrations.ensure_known(settings)) != migrations.head():
        raise UserError(
            f"The database has revision {revision}, and this version of Rowcast has {migrations.head()}."
            " Upgrade it first: rowcast db upgrade"
        )


def _write(archive: ArchiveWriter, connection: Connection, settings: Settings) -> Manifest:
    last_ids = copying.last_ids(connection)
    own = [_write_own(archive, connection, table) for table in own_tables()]
    tables = list(_write_rows(archive, connection))
    files, contents = _write_files(archive, settings, connection.scalars(select(Import.id).order_by(Import.id)).all())
    return Manifest(
        made_at=datetime.now(UTC),
        program=program(),
        database=" ".join(Database(settings).product),
        revision=migrations.head(),
        last_ids=last_ids,
        own=own,
        tables=tables,
        files=files,
        contents=contents,
    )


def _write_own(archive: ArchiveWriter, connection: Connection, table: Table) -> OwnTable:
    columns = columns_of(table)
    kinds = [kind for _, kind in columns]
    lines = (line_of(row, kinds) for rows in read_rows(connection, table) for row in rows)
    return OwnTable(name=table.name, columns=columns, member=archive.write_lines(f"own/{table.name}.jsonl", lines))


def _write_rows(archive: ArchiveWriter, connection: Connection) -> Iterator[UsersTable]:
    rows = raw_rows(connection)
    for table in rows.tables():
        lines = raw_lines(row for batch in rows.read(table) for row in batch)
        member = archive.write_lines(f"rows/{table.id}.jsonl", lines)
        yield UsersTable(id=table.id, columns=list(table.columns), member=member)


def raw_lines(rows: Iterable[RawRow]) -> Iterator[bytes]:
    return (dump_line(row).encode() + b"\n" for row in rows)


def _write_files(
    archive: ArchiveWriter, settings: Settings, import_ids: Iterable[str]
) -> tuple[list[StoredFile], list[Member]]:
    """A file may go while this is going on: its import was deleted. Uploads that several tables share are hard links:
    each is read once.
    """
    files, contents, known = list[StoredFile](), list[Member](), dict[tuple[int, int], str]()
    for relative, path in _files(settings, import_ids):
        try:
            status = path.stat()
            if (place := (status.st_dev, status.st_ino)) not in known:
                member = archive.write_file(f"files/{len(contents)}", path)
                contents.append(member)
                known[place] = member.name
        except FileNotFoundError:
            continue
        files.append(StoredFile(path=relative, member=known[place]))
    return files, contents


def _files(settings: Settings, import_ids: Iterable[str]) -> Iterator[tuple[str, Path]]:
    yield KEY_FILE, settings.data_dir / KEY_FILE
    for import_id in import_ids:
        folder = ImportFolder(settings.imports_dir / import_id).path
        for name in IMPORT_FILES:
            yield f"imports/{import_id}/{name}", folder / name


def program() -> str:
    try:
        return f"Rowcast {version('rowcast')}, Python {platform.python_version()}"
    except PackageNotFoundError:
        return f"Rowcast, Python {platform.python_version()}"


def kinds_of(columns: Iterable[tuple[str, Any]]) -> list[Any]:
    return [kind for _, kind in columns]
