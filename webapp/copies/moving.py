"""Moving an installation to another database: everything is copied, compared, and only then may the target be used.

The source stays as it is. People's tables come first, in many transactions: a move that was killed goes on behind the
last row that is there. Our own tables come in one transaction at the end, because they are small and say what there
is. Whatever was copied by an earlier run is trusted only because everything is compared: a table that has changed since
is copied anew.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, func, select

from settings import Settings
from webapp.copies.archive import Begin
from webapp.copies.backup import ensure_current
from webapp.copies.comparing import Fingerprint, export_hash, own_fingerprint, stored_fingerprint
from webapp.copies.own_tables import delete_all, index_anew, own_tables, read_rows, write_rows
from webapp.db import copying, migrations
from webapp.db.errors import UserError
from webapp.leader import FileLeader
from webapp.models import Table as UsersTable
from webapp.rowstore import raw_rows
from webapp.rowstore.raw import RawTable

READINGS: Final = 3  # of each row: copied, compared as it is stored, compared as it is exported


class SameDatabase(UserError):
    def __init__(self) -> None:
        super().__init__("This is the database that the installation has already.")


class TargetNotEmpty(UserError):
    def __init__(self) -> None:
        super().__init__(
            "The database to move to is not empty, and what is there is not of this move. Choose an empty database."
        )


class NotTheSame(UserError):
    """`what` differs in the two databases."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"After copying, {what} is not the same in both databases. The target stays unusable, and the source is as"
            " it was: go on using that, and please report this."
        )


@dataclass(frozen=True, slots=True)
class Moved:
    tables: int
    rows: int  # of people's tables
    records: int  # of our own tables
    went_on: bool  # with what an earlier run had copied


def move(settings: Settings, target: Settings, begin: Begin) -> Moved:
    """`begin` is told of one step, in which each row is read `READINGS` times. Raises `UserError`; then the target is
    as unusable as before, and running it again goes on.
    """
    if settings.sqlalchemy_url == target.sqlalchemy_url:
        raise SameDatabase
    with FileLeader(settings.data_dir).leading():
        ensure_current(settings)
        went_on = _prepare(settings, target)
        with copying.snapshot(settings) as source, copying.filling(target) as filled:
            moved = _Move(source, filled, begin).run()
    return Moved(*moved, went_on=went_on)


def _prepare(settings: Settings, target: Settings) -> bool:
    """Make our tables in the target; return whether a move of the same source has begun there before."""
    identity = hashlib.sha256(settings.sqlalchemy_url.encode()).hexdigest()
    mine = {"kind": "move", "source": identity, "revision": migrations.head()}
    went_on = False
    if copying.exists(target):
        with copying.filling(target) as connection, connection.begin():
            found = copying.notes(connection) if copying.is_unfinished(connection) else {}
            if found.get("kind") != "move" or found.get("source") != identity:
                raise TargetNotEmpty
            went_on = found == mine
            if not went_on:  # this version has other tables than that which began
                copying.clear(connection)
                copying.begin(connection, mine)
    else:
        with copying.filling(target) as connection, connection.begin():
            copying.begin(connection, mine)
    migrations.migrate(target, migrations.head())
    return went_on


class _Move:
    def __init__(self, source: Connection, target: Connection, begin: Begin) -> None:
        self._source, self._target = source, target
        rows = source.scalar(select(func.sum(UsersTable.row_count))) or 0
        self._progress = begin("Moving", READINGS * int(rows))
        self._read = 0

    def run(self) -> tuple[int, int, int]:
        """How many tables and rows of people, and rows of our own."""
        tables = raw_rows(self._source).tables()
        self._drop_others({table.id for table in tables})
        begun = {table.id: self._copy_rows(table) for table in tables}
        self._copy_own()
        records = sum(self._compare_own())
        rows = sum(self._compare_rows(table, was_begun=begun[table.id]) for table in tables)
        with self._target.begin():
            index_anew(self._target)
            copying.finish(self._target)
        return len(tables), rows, records

    def _drop_others(self, table_ids: set[int]) -> None:
        """Tables that were deleted since an earlier run."""
        with self._target.begin():
            rows = raw_rows(self._target)
            for table in rows.tables():
                if table.id not in table_ids:
                    rows.drop(table.id)

    def _copy_rows(self, table: RawTable) -> bool:
        """Return whether some of them were there before."""
        with self._target.begin():
            rows = raw_rows(self._target)
            known = {other.id: other for other in rows.tables()}.get(table.id)
            if known is not None and known != table:  # it has got another column since
                rows.drop(table.id)
            if known != table:
                rows.create(table)
            last = rows.last_id(table.id)
        for batch in raw_rows(self._source).read(table, after=last):
            with self._target.begin():
                raw_rows(self._target).write(table, batch)
            self._count(len(batch))
        with self._target.begin():
            raw_rows(self._target).finish(table.id)
        return last > 0

    def _copy_own(self) -> None:
        with self._target.begin():
            delete_all(self._target)
            for table in own_tables():
                for rows in read_rows(self._source, table):
                    write_rows(self._target, table, rows)
            copying.set_last_ids(self._target, copying.last_ids(self._source))
            copying.ensure_whole(self._target)

    def _compare_own(self) -> list[int]:
        with self._target.begin():
            return [self._compare(f"our table {table.name}", table).rows for table in own_tables()]

    def _compare(self, what: str, table: Table) -> Fingerprint:
        ours = own_fingerprint(self._source, table)
        if own_fingerprint(self._target, table) != ours:
            raise NotTheSame(what)
        return ours

    def _compare_rows(self, table: RawTable, *, was_begun: bool) -> int:
        ours = stored_fingerprint(self._source, table, self._count)
        with self._target.begin():
            is_equal = stored_fingerprint(self._target, table, _ignore) == ours
        if not is_equal and was_begun:
            with self._target.begin():
                raw_rows(self._target).drop(table.id)
            self._copy_rows(table)
            return self._compare_rows(table, was_begun=False)
        if not is_equal:
            raise NotTheSame(f"what table {table.id} stores")
        with self._target.begin():
            if export_hash(self._target, table.id) != export_hash(self._source, table.id):
                raise NotTheSame(f"the export of table {table.id}")
        self._count(ours.rows)
        return ours.rows

    def _count(self, rows: int) -> None:
        self._read += rows
        self._progress(self._read, self._read)


def _ignore(rows: int) -> None:
    pass
