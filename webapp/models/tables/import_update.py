"""What is known of a further file for a table besides its import: how it is laid over the table, and what that would
do; and what was decided for files of the same source.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, ForeignKey, Select, UniqueConstraint, bindparam, delete, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, defer, mapped_column

from webapp.db.database import Database
from webapp.imports.column_matching import Match
from webapp.imports.comparison_report import ComparisonReport
from webapp.imports.update_settings import NEW, UpdateSettings
from webapp.models.accounts.user import User
from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.change_set import ChangeSet, Kind
from webapp.models.tables.import_model import Import
from webapp.models.tables.set_author import AUTHOR_NAME

MAX_SOURCES: Final = 20  # of a table; the one that was used longest ago goes


class ImportUpdate(Base):
    """Its import is `Import.is_update`. Both go with their table."""

    __tablename__ = "import_updates"

    import_id: Mapped[str] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), index=True)
    source: Mapped[str]  # `source_name` of its file
    # `UpdateSettings`, `Match` of each column, and the answer about edits of people, all as JSON.
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    matches: Mapped[list[Any]] = mapped_column(default=list)
    decision: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # `ComparisonReport` as JSON, once the file has been compared; the plan is in the import's folder.
    comparison: Mapped[dict[str, Any] | None]
    # What a page has to say about the comparison, such as why there is another one; empty if nothing.
    note: Mapped[str] = mapped_column(default="")
    change_id: Mapped[int | None]  # the large change that applies it
    seq: Mapped[int | None]  # its change set

    @property
    def report(self) -> ComparisonReport | None:
        return None if self.comparison is None else ComparisonReport.from_json(self.comparison)

    @property
    def found(self) -> list[Match]:
        return [Match(**match) for match in self.matches]


class ImportSource(Base):
    """What was decided for the last file of a source. `settings` are those of the file with titles for its columns."""

    __tablename__ = "import_sources"
    __table_args__ = (UniqueConstraint("table_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"))
    name: Mapped[str]
    titles: Mapped[str]  # a digest of the titles of the file's columns
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    used_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def columns(self) -> dict[str, int]:
        """The numbers of the table's columns by title in the file."""
        return {str(title): int(number) for title, number in self.settings.get("titles", {}).items()}


# What a file was found to have, and what it would change, may be megabytes.
IN_A_LIST: Final = (defer(Import.inspection), defer(ImportUpdate.comparison), defer(ImportUpdate.matches))


def digest_of(titles: Sequence[str]) -> str:
    """Whatever the order of the titles."""
    return hashlib.sha256(json.dumps(sorted(titles)).encode()).hexdigest()[:32]


def own_imports(actor: Actor) -> Select[Import, ImportUpdate]:
    """Those that this person has brought, with what is known of a further file; of a token for some tables, those for
    these.
    """
    found = select(Import, ImportUpdate).outerjoin(ImportUpdate, ImportUpdate.import_id == Import.id)
    found = found.where(Import.user_id == actor.id)
    if actor.table_ids is None:
        return found
    return found.where(func.coalesce(ImportUpdate.table_id, Import.table_id).in_(sorted(actor.table_ids)))


async def find_own(session: AsyncSession, actor: Actor, import_id: str) -> tuple[Import, ImportUpdate | None]:
    """Raises `NotFound`."""
    found = (await session.execute(own_imports(actor).where(Import.id == import_id))).one_or_none()
    if found is None:
        raise NotFound("import")
    return found[0], found[1]


async def imports_after(
    session: AsyncSession, actor: Actor, after: str, limit: int
) -> list[tuple[Import, ImportUpdate | None, int | None]]:
    """One's own, with the rows of their files as far as these are known, the newest first; those older than the one
    with the id `after`, if there is one. What else was found in the files, which may be megabytes, is not read.
    """
    found = (
        own_imports(actor)
        .add_columns(Import.inspection["rows"].as_integer())
        .options(*IN_A_LIST)
        .order_by(Import.created_at.desc(), Import.id.desc())
        .limit(limit)
    )
    last = await session.get(Import, after) if after else None
    if last is not None and last.user_id == actor.id:
        found = found.where(tuple_(Import.created_at, Import.id) < (last.created_at, last.id))
    return [(import_, update, rows) for import_, update, rows in (await session.execute(found)).all()]


async def find_update(database: Database, table_id: int, import_id: str) -> tuple[Import, ImportUpdate]:
    """A further file of this table, which the caller has found for its reader. Raises `NotFound`."""
    async with database.reading() as session:
        return await get_update(session, import_id, table_id)


async def get_update(session: AsyncSession, import_id: str, table_id: int | None = None) -> tuple[Import, ImportUpdate]:
    """Raises `NotFound`."""
    import_, update = await session.get(Import, import_id), await session.get(ImportUpdate, import_id)
    if import_ is None or update is None or table_id not in (None, update.table_id):
        raise NotFound("import")
    return import_, update


async def find_source(session: AsyncSession, table_id: int, name: str, titles: Sequence[str]) -> ImportSource | None:
    """That of the same file name; else the latest with the same titles."""
    is_like = or_(ImportSource.name == name, ImportSource.titles == digest_of(titles))
    found = select(ImportSource).where(ImportSource.table_id == table_id, is_like)
    newest = found.order_by((ImportSource.name == name).desc(), ImportSource.used_at.desc()).limit(1)
    return await session.scalar(newest)


async def remember_source(
    session: AsyncSession,
    table_id: int,
    name: str,
    titles: Sequence[str],
    settings: UpdateSettings,
    new: Mapping[int, int],
) -> None:
    """For the next file of this name. `new` has the numbers that new columns got, by their index in the file."""
    numbers = {index: new.get(index, number) for index, number in settings.columns.items()}
    by_title = {titles[index]: number for index, number in numbers.items() if number != NEW}
    known = await session.scalar(
        select(ImportSource).where(ImportSource.table_id == table_id, ImportSource.name == name)
    )
    source = known or ImportSource(table_id=table_id, name=name)
    source.titles, source.used_at = digest_of(titles), utc_now()
    source.settings = settings.to_json() | {"titles": by_title}
    session.add(source)
    await session.flush()
    kept = select(ImportSource.id).where(ImportSource.table_id == table_id)
    kept = kept.order_by(ImportSource.used_at.desc(), ImportSource.id.desc()).limit(MAX_SOURCES)
    await session.execute(delete(ImportSource).where(ImportSource.table_id == table_id, ImportSource.id.not_in(kept)))


async def base_of(session: AsyncSession, table_id: int) -> int:
    """The change set of the file that the table was made from, 0 if there is none: what people changed after it is
    theirs.
    """
    return await session.scalar(_FIRST, {"table_id": table_id}) or 0


async def last_of_source(session: AsyncSession, table_id: int, source: str) -> ImportUpdate | None:
    """The last file of this source that is in force."""
    return await session.scalar(_LAST_OF_SOURCE, {"table_id": table_id, "source": source})


def imports_of(table_id: int) -> Select[Import]:
    """The one that the table was made from, and all that were laid over it or are about to be, whoever brought them."""
    further = select(ImportUpdate.import_id).where(ImportUpdate.table_id == table_id)
    return select(Import).where(or_(Import.table_id == table_id, Import.id.in_(further)))


def updates_of(table_id: int) -> Select[Import, ImportUpdate]:
    """The files that were laid over a table or are about to be, the newest first: import and update."""
    found = select(Import, ImportUpdate).join(ImportUpdate, ImportUpdate.import_id == Import.id)
    return found.where(ImportUpdate.table_id == table_id).order_by(Import.created_at.desc(), Import.id)


async def upload_before(session: AsyncSession, update: ImportUpdate, import_: Import) -> Import | None:
    """The file that was laid over the table before this one, or the one that the table was made from."""
    of_table = select(Import).where(Import.table_id == update.table_id, Import.created_at < import_.created_at)
    return await session.scalar(of_table.order_by(Import.created_at.desc()).limit(1))


def authors_of(connection: Connection, table_id: int, seqs: Collection[int]) -> dict[int, tuple[str, datetime]]:
    """Who made these change sets, and when; those of accounts that are gone are left out."""
    statement = select(ChangeSet.seq, AUTHOR_NAME, ChangeSet.at)
    statement = statement.outerjoin(User, User.id == ChangeSet.actor_id)
    found = connection.execute(statement.where(ChangeSet.table_id == table_id, ChangeSet.seq.in_(seqs)))
    return {seq: (name, at) for seq, name, at in found if name is not None}


_LAST_OF_SOURCE = (
    select(ImportUpdate)
    .join(ChangeSet, (ImportUpdate.table_id == ChangeSet.table_id) & (ImportUpdate.seq == ChangeSet.seq))
    .where(
        ChangeSet.table_id == bindparam("table_id"),
        ImportUpdate.source == bindparam("source"),
        ChangeSet.undone_by.is_(None),
    )
    .order_by(ChangeSet.seq.desc())
    .limit(1)
)
_FIRST = select(func.max(ChangeSet.seq)).where(
    ChangeSet.table_id == bindparam("table_id"), ChangeSet.kind == Kind.IMPORT
)
