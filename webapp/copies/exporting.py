"""Writing all tables of an installation into a portable archive, as they are at one moment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session, undefer

from settings import Settings
from webapp.copies.archive import ArchiveWriter, Progress, written
from webapp.copies.backup import ensure_current, program
from webapp.copies.portable import (
    ColumnDocument,
    FormDocument,
    LinkDocument,
    PartDocument,
    PersonDocument,
    SetDocument,
    TableDocument,
    TableMembers,
    TablesManifest,
    ViewDocument,
)
from webapp.db import copying
from webapp.models import ChangeSet, ChangeSetPart, Column, Link, Member, SavedView, Table, TableForm, User
from webapp.models.tables.change_set import Entry, entries_from_blob, listed_of
from webapp.models.tables.set_author import AUTHOR_NAME
from webapp.rowstore import raw_rows, row_reader
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import TableRef


@dataclass(frozen=True, slots=True)
class Exported:
    tables: int
    rows: int
    left_out: list[str]  # titles of tables that are being filled or changed right now


def export_all(settings: Settings, path: Path, *, force: bool, progress: Progress) -> Exported:
    """All but those in the trash. Raises `UserError`."""
    ensure_current(settings)
    tables, left_out, rows = list[TableMembers](), list[str](), 0
    with written(path, force=force, progress=progress) as archive, copying.snapshot(settings) as connection:
        with Session(connection) as session:
            for table in session.scalars(select(Table).where(Table.deleted_at.is_(None)).order_by(Table.id)).all():
                if table.state != "ready" or table.growing is not None:
                    left_out.append(table.title)
                    continue
                tables.append(_Exporter(session, connection, table).write(archive))
                rows += table.row_count
        archive.write_manifest(TablesManifest(made_at=datetime.now(UTC), program=program(), tables=tables))
    return Exported(len(tables), rows, left_out)


class _Exporter:
    def __init__(self, session: Session, connection: Connection, table: Table) -> None:
        self._session, self._connection, self._table = session, connection, table
        columns = session.scalars(select(Column).where(Column.table_id == table.id).order_by(Column.position)).all()
        self._columns = [column for column in columns if column.deleted_at is None]
        self._gone = sorted(column.number for column in columns if column.deleted_at is not None)
        self._ref = TableRef.of(table.id, self._columns)

    def write(self, archive: ArchiveWriter) -> TableMembers:
        number = self._table.id
        rows = row_reader(self._connection).export(self._ref, TableQuery.of(self._ref.fields))
        csv = archive.write_blocks(f"tables/{number}.csv", rows)
        about = archive.write_blocks(f"tables/{number}.json", [self._about().model_dump_json(indent=1).encode()])
        history = archive.write_lines(f"tables/{number}.history.jsonl", self._history())
        return TableMembers(csv=csv, about=about, history=history)

    def _about(self) -> TableDocument:
        table = self._table
        owner = self._session.get_one(User, table.owner_id)
        return TableDocument(
            title=table.title,
            created_at=table.created_at,
            owner=PersonDocument(email=owner.email, name=owner.name, role="owner"),
            columns=[_only(ColumnDocument, column) for column in self._columns],
            gone=self._gone,
            row_ids=list(_ranges(self._ids())),
            next_row_id=table.next_row_id,
            seq=table.seq,
            log_from=table.log_from,
            log_pruned_to=table.log_pruned_to,
            members=list(self._members()),
            views=list(self._views()),
            links=[_only(LinkDocument, link, has_password=link.password_hash is not None) for link in self._of(Link)],
            forms=[_only(FormDocument, form) for form in self._of(TableForm) if form.deleted_at is None],
        )

    def _ids(self) -> Iterator[int]:
        return chain.from_iterable(raw_rows(self._connection).read_ids(self._table.id))

    def _members(self) -> Iterator[PersonDocument]:
        found = select(User.email, User.name, Member.role).join(User, User.id == Member.user_id)
        for email, name, role in self._session.execute(found.where(Member.table_id == self._table.id)):
            yield PersonDocument(email=email, name=name, role=role)

    def _views(self) -> Iterator[ViewDocument]:
        owner = User.email.label("owner")
        found = select(SavedView, owner).outerjoin(User, User.id == SavedView.owner_id).order_by(SavedView.id)
        of_table = SavedView.table_id == self._table.id, SavedView.deleted_at.is_(None)
        for view, email in self._session.execute(found.where(*of_table)):
            is_default = self._table.default_view_id == view.id
            yield _only(ViewDocument, view, owner=email, is_default=is_default)

    def _of(self, model: Any) -> Iterable[Any]:
        return self._session.scalars(select(model).where(model.table_id == self._table.id).order_by(model.id)).all()

    def _history(self) -> Iterator[bytes]:
        """Nothing is kept: a large change may have a million entries."""
        of_table = ChangeSet.table_id == self._table.id
        found = select(ChangeSet, AUTHOR_NAME).outerjoin(User, User.id == ChangeSet.actor_id).where(of_table)
        seqs = self._session.scalars(select(ChangeSet.seq).where(of_table).order_by(ChangeSet.seq)).all()
        for seq in seqs:
            one = found.where(ChangeSet.seq == seq).options(undefer(ChangeSet.blob))
            change_set, author = self._session.execute(one).one()
            yield _line(_only(SetDocument, change_set, author=author or "", entries=self._entries(change_set)))
            yield from self._parts(seq)
            self._session.expunge(change_set)

    def _entries(self, change_set: ChangeSet) -> list[Entry]:
        if change_set.blob is not None:
            return entries_from_blob(change_set.blob)
        return listed_of(self._connection, self._table.id, change_set.seq)

    def _parts(self, seq: int) -> Iterator[bytes]:
        of_set = ChangeSetPart.table_id == self._table.id, ChangeSetPart.seq == seq
        numbers = select(ChangeSetPart.number).where(*of_set).order_by(ChangeSetPart.number)
        for number in self._session.scalars(numbers).all():
            blob = self._session.scalar(select(ChangeSetPart.blob).where(*of_set, ChangeSetPart.number == number))
            entries: list[Any] = entries_from_blob(blob or b"")
            yield _line(PartDocument(of=seq, number=number, entries=entries))


def _only(kind: Any, record: Any, **more: Any) -> Any:
    """A document of what the record has under the same names."""
    names = [name for name in kind.model_fields if name not in more]
    return kind(**{name: getattr(record, name) for name in names}, **more)


def _line(document: Any) -> bytes:
    line: bytes = document.model_dump_json().encode() + b"\n"
    return line


def _ranges(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for row_id in ids:
        if first is None or last is None or row_id != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = row_id
        last = row_id
    if first is not None and last is not None:
        yield first, last
