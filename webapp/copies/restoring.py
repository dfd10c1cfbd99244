"""Restoring a backup into an empty installation, on whichever database.

The backup is read once to compare it with its hashes, before anything is done. Then the database is made in the form
that the backup's revision has, filled, and migrated to this version; the files come last. Until everything is there the
database says that it is unfinished, so a restore that was killed leaves nothing that a server would start on, and
running it again begins anew.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from settings import Settings
from webapp.copies.archive import ArchiveReader, BadArchive, Begin, opened, size_of, sync_folder
from webapp.copies.backup import KEY_FILE, Manifest, OwnTable, Summary, UsersTable, kinds_of, summary_of
from webapp.copies.own_tables import Row, as_table, has_columns, index_anew, row_of, write_rows
from webapp.db import copying, migrations
from webapp.db.drivers import DRIVER_ERRORS
from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.leader import FileLeader
from webapp.rowstore import raw_rows
from webapp.rowstore.raw import RawRow, in_batches

WRITTEN_AT_ONCE: Final = 500  # rows of our own tables
_REFUSALS: Final[tuple[type[Exception], ...]] = (ValueError, OverflowError, SQLAlchemyError, *DRIVER_ERRORS)
_STAGED: Final = "restoring"  # files, until all of them are there
_IMPORTS: Final = "imports"


class NotEmpty(UserError):
    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not empty. A backup is restored into an installation that has nothing yet: set ROWCAST_DATA_DIR"
            " to an empty folder, and ROWCAST_DATABASE_URL, if it is set, to an empty database."
        )


def restore(settings: Settings, path: Path, begin: Begin) -> Summary:
    """`begin` is told of two steps: comparing with the hashes, and filling the database. Raises `UserError`."""
    with opened(path) as archive:
        manifest = archive.read_manifest(Manifest, migrations.head())
        _ensure_possible(archive, manifest)
        archive.verify(manifest.members, begin)
        with FileLeader(settings.data_dir).leading():
            _ensure_room(archive, settings, manifest)
            _prepare(settings)
            _Restore(settings, archive, manifest, begin).run()
    return summary_of(manifest, size_of(path))


def _ensure_possible(archive: ArchiveReader, manifest: Manifest) -> None:
    if manifest.revision not in migrations.revisions():
        raise archive.bad(f"its revision {manifest.revision} is none that Rowcast has had.")
    names, ids = [table.name for table in manifest.own], [table.id for table in manifest.tables]
    if len(set(names)) < len(names) or len(set(ids)) < len(ids):
        raise archive.bad("it has a table twice.")
    paths, contents = [file.path for file in manifest.files], {member.name for member in manifest.contents}
    if len(set(paths)) < len(paths) or {file.member for file in manifest.files} != contents:
        raise archive.bad("its files are not those that its manifest lists.")
    try:
        for table in manifest.tables:
            _ = table.raw
    except ValueError:
        raise archive.bad("it has a table that cannot be.") from None


def _prepare(settings: Settings) -> None:
    """Raises `NotEmpty`. What a restore that did not come to its end has left is removed."""
    mine = {"kind": "restore", "folder": str(settings.data_dir)}
    if copying.exists(settings):
        with copying.filling(settings) as connection, connection.begin():
            if not copying.is_unfinished(connection) or not mine.items() <= copying.notes(connection).items():
                raise NotEmpty("The database")
            copying.clear(connection)
            copying.begin(connection, mine)
        shutil.rmtree(settings.data_dir / _IMPORTS, ignore_errors=True)
        (settings.data_dir / KEY_FILE).unlink(missing_ok=True)
    else:
        if any((settings.data_dir / name).exists() for name in (_IMPORTS, KEY_FILE, "jobs.db")):
            raise NotEmpty(f"The folder {settings.data_dir}")
        with copying.filling(settings) as connection, connection.begin():
            copying.begin(connection, mine)
    shutil.rmtree(settings.data_dir / _STAGED, ignore_errors=True)


def _ensure_room(archive: ArchiveReader, settings: Settings, manifest: Manifest) -> None:
    needed, free = sum(member.size for member in manifest.contents), shutil.disk_usage(settings.data_dir).free
    if needed > free:
        raise archive.bad(f"its files take {needed / 2**20:,.0f} MB, and the disk has room for {free / 2**20:,.0f} MB.")


class _Restore:
    def __init__(self, settings: Settings, archive: ArchiveReader, manifest: Manifest, begin: Begin) -> None:
        self._settings, self._archive, self._manifest = settings, archive, manifest
        self._progress = begin("Restoring", sum(member.size for member in manifest.members))
        self._bytes = self._rows = 0

    def run(self) -> None:
        """What cannot be written down is taken back: the backup was forged, since its hashes are right."""
        try:
            self._fill()
        except _REFUSALS as error:
            self._take_back()
            raise self._archive.bad(
                f"the database does not take what it has ({getattr(error, 'orig', error)})."
            ) from error
        except BadArchive:
            self._take_back()
            raise

    def _take_back(self) -> None:
        with copying.filling(self._settings) as connection, connection.begin():
            copying.clear(connection)
        shutil.rmtree(self._settings.data_dir / _STAGED, ignore_errors=True)

    def _fill(self) -> None:
        migrations.migrate(self._settings, self._manifest.revision)
        with copying.filling(self._settings) as connection:
            with connection.begin():
                self._ensure_fits(connection)
            for own in self._manifest.own:
                with connection.begin():
                    self._fill_own(connection, own)
            for table in self._manifest.tables:
                with connection.begin():
                    self._fill_table(connection, table)
            with connection.begin():
                copying.set_last_ids(connection, self._manifest.last_ids)
                self._ensure_whole(connection)
        migrations.migrate(self._settings, migrations.head())
        self._place_files()
        with copying.filling(self._settings) as connection, connection.begin():
            index_anew(connection)
            copying.finish(connection)

    def _ensure_fits(self, connection: Connection) -> None:
        for table in self._manifest.own:
            if not has_columns(connection, as_table(table.name, table.columns)):
                raise self._archive.bad(f"its table {table.name} is not what revision {self._manifest.revision} has.")

    def _fill_own(self, connection: Connection, table: OwnTable) -> None:
        target, kinds = as_table(table.name, table.columns), kinds_of(table.columns)
        batch = list[Row]()
        for line in self._lines(table):
            try:
                batch.append(row_of(line, kinds))
            except (ValueError, RecursionError):
                raise self._archive.bad(f"its table {table.name} has a row that cannot be read.") from None
            if len(batch) == WRITTEN_AT_ONCE:
                write_rows(connection, target, batch)
                batch.clear()
        write_rows(connection, target, batch)

    def _fill_table(self, connection: Connection, table: UsersTable) -> None:
        rows = raw_rows(connection)
        rows.create(table.raw)
        for batch in in_batches(self._raw(table)):
            rows.write(table.raw, batch)
            self._rows += len(batch)
        rows.finish(table.id)

    def _raw(self, table: UsersTable) -> Iterator[RawRow]:
        kinds = ["integer", *kinds_of(table.columns)]
        for line in self._lines(table):
            try:
                yield row_of(line, kinds)
            except (ValueError, RecursionError):
                raise self._archive.bad(f"table {table.id} has a row that cannot be read.") from None

    def _lines(self, table: OwnTable | UsersTable) -> Iterator[bytes]:
        with closing(self._archive.lines(table.member)) as lines:
            for count, line in enumerate(lines):
                self._bytes += len(line) + 1
                if count % 1_000 == 0:
                    self._progress(self._bytes, self._rows)
                yield line
        self._progress(self._bytes, self._rows)

    def _ensure_whole(self, connection: Connection) -> None:
        try:
            copying.ensure_whole(connection)
        except ValueError as error:
            raise self._archive.bad(f"{error}.") from error

    def _place_files(self) -> None:
        """Beside their place first, then all at once."""
        staged = private_folder(self._settings.data_dir / _STAGED)
        members, first = {member.name: member for member in self._manifest.contents}, dict[str, Path]()
        for file in self._manifest.files:
            path = staged / file.path
            private_folder(path.parent)
            if file.member in first:
                os.link(first[file.member], path)
            else:
                self._archive.extract(members[file.member], path)
                first[file.member] = path
                self._bytes += members[file.member].size
                self._progress(self._bytes, self._rows)
        for folder in _folders_in(staged):
            sync_folder(folder)
        for name in (_IMPORTS, KEY_FILE):
            if (staged / name).exists():
                (staged / name).rename(self._settings.data_dir / name)
        staged.rmdir()
        sync_folder(self._settings.data_dir)


def _folders_in(folder: Path) -> Iterable[Path]:
    return [Path(name) for name, _, _ in os.walk(folder, topdown=False)]
