"""An import: a file being turned into a table, and the verbs that move it from one state to the next.

Each verb is one unit of work and starts what follows: it notifies those who watch the import, and puts the next task
into the queue. Its id also names its tasks and its folder.
"""

import re
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy import ForeignKey, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.formats.errors import ImportFileError
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.user import User
from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.table import Column, SearchIndex, Table
from webapp.rowstore import within

MAX_TITLE = 120  # characters of a title taken from a file name
CHANGED: Final = "changed"  # the event of an import's topic: whoever shows it reads its new state


class ImportState(StrEnum):
    INSPECTING = "inspecting"  # pass 1 reads the whole file
    READY = "ready"  # the preview waits for a decision
    LOADING = "loading"  # pass 2 inserts rows
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNNING_STATES = (ImportState.INSPECTING, ImportState.LOADING)
UNFINISHED_STATES = (*RUNNING_STATES, ImportState.READY)


class StateConflict(UserError):
    """The import is in another state than the request takes for granted: another request, or a pass, was faster."""

    def __init__(self, state: str) -> None:
        self.state = state
        messages = {
            ImportState.INSPECTING: "The file is still being read. Wait for the preview, then try again.",
            ImportState.LOADING: "This import has already begun.",
            ImportState.DONE: "This import is already done.",
            ImportState.FAILED: "This import has failed. Upload the file again.",
            ImportState.CANCELLED: "This import was cancelled. Upload the file again.",
        }
        super().__init__(messages.get(ImportState(state), "This import is waiting for your decision."))


class Import(Base):
    __tablename__ = "imports"

    id: Mapped[str] = mapped_column(primary_key=True)  # 32 hexadecimal digits
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    # Set when the table is created; leads from a table to its original file.
    table_id: Mapped[int | None] = mapped_column(ForeignKey("tables.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(default=ImportState.INSPECTING)
    # A readable reason; set when the state is failed.
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    # The upload, kept unchanged as `original` in the import's folder.
    filename: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]

    # The user's corrections (`ImportOverrides` as JSON).
    overrides: Mapped[dict[str, Any]] = mapped_column("overrules", default=dict)
    # The result of pass 1 (`InspectionReport` as JSON).
    inspection: Mapped[dict[str, Any] | None]

    # Rows of the file already in the table: committed together with them, so a restart resumes exactly there.
    rows_done: Mapped[int] = mapped_column(default=0)

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Import"]:
        return select(cls).where(cls.user_id == user_id)

    @classmethod
    def upload_of(cls, table_id: int) -> Select[str, str, str]:
        """Id, file name and hash of the upload this table was made from."""
        return (
            select(cls.id, cls.filename, cls.sha256).where(cls.table_id == table_id).order_by(cls.created_at).limit(1)
        )


def import_topic(import_id: str) -> str:
    """Where its events are published: `CHANGED`, and the progress of a running pass."""
    return f"import:{import_id}"


async def find_import(database: Database, actor: Actor, import_id: str) -> Import:
    """Return the import if it belongs to this person. Raises `NotFound`."""
    async with database.reading() as session:
        import_ = await session.scalar(Import.visible_to(actor.id).where(Import.id == import_id))
    if import_ is None:
        raise NotFound("import")
    return import_


async def create(work: UnitOfWork, import_id: str, *, user_id: int, filename: str, size: int, sha256: str) -> None:
    """Begin with an upload, which is in the import's folder. `size` is in bytes."""
    import_ = Import(id=import_id, user_id=user_id, filename=filename, size=size, sha256=sha256)
    work.session.add(import_)
    _inspect(work, import_, ImportOverrides())


async def record_inspection(work: UnitOfWork, import_id: str, inspection: dict[str, Any]) -> None:
    """Pass 1 is complete: the preview waits for a decision. `inspection` is an `InspectionReport` as JSON."""
    import_ = await _get_in_state(work, import_id, ImportState.INSPECTING)
    import_.inspection = inspection
    import_.state = ImportState.READY
    import_.failure = None
    _announce(work, import_id)


async def inspect_again(work: UnitOfWork, import_id: str, overrides: ImportOverrides) -> None:
    """Run pass 1 again with the user's corrections; also for an import that failed in pass 2, if its file still
    exists. Does nothing if it is just being read with them.
    """
    import_ = await _get(work, import_id)
    if import_.state == ImportState.INSPECTING and ImportOverrides.from_json(import_.overrides) == overrides:
        return
    if import_.state not in (ImportState.READY, ImportState.FAILED) or import_.inspection is None:
        raise StateConflict(import_.state)
    _inspect(work, import_, overrides)


async def retry(work: UnitOfWork, source: AuditSource, import_id: str) -> None:
    """Run pass 1 of a failed import again for its owner, as the audit log then says."""
    import_ = await _get_in_state(work, import_id, ImportState.FAILED)
    await inspect_again(work, import_id, ImportOverrides.from_json(import_.overrides))
    owner = await work.session.get(User, import_.user_id)
    await AuditEvent.record(work, Event.JOB_RETRIED, source, owner, file=import_.filename)


async def begin_loading(work: UnitOfWork, import_id: str, overrides: ImportOverrides, title: str | None = None) -> bool:
    """Create the table, still empty: it can be opened from now on, and pass 2 fills it.

    Return False if the file has to be read again first. Raises `ImportFileError` if a value would be lost.
    """
    import_ = await _get_in_state(work, import_id, ImportState.READY)
    inspection = InspectionReport.from_json(import_.inspection or {})
    final = inspection.with_overrides(overrides)
    if final is None and ImportOverrides.from_json(import_.overrides) == overrides:
        final = inspection  # it was read with these same corrections, so reading it again would find nothing new
    if final is None:
        await inspect_again(work, import_id, overrides)
        return False
    final.ensure_lossless()
    columns = [(index + 1, column) for index, column in enumerate(final.columns) if not column.skip]
    if not columns:
        raise ImportFileError("A table needs at least one column.")
    table = Table(owner_id=import_.user_id, title=title or table_title(import_.filename), state="importing")
    table.columns = [_column(position, number, column) for position, (number, column) in enumerate(columns)]
    work.session.add(table)
    await work.session.flush()
    await within(work, lambda rows: rows.create(table.ref))
    import_.table_id = table.id
    import_.overrides, import_.inspection = overrides.to_json(), final.to_json()
    import_.state = ImportState.LOADING
    import_.failure = None
    _announce(work, import_id)
    work.enqueue("load_import", import_id)
    return True


async def finish_loading(work: UnitOfWork, import_id: str, search_index_rows: int) -> None:
    """All rows are in. A table of at least `search_index_rows` rows gets its full-text index next."""
    import_ = await _get_in_state(work, import_id, ImportState.LOADING)
    table = await work.session.get_one(Table, import_.table_id)
    table.state = "ready"
    table.version += 1
    import_.state = ImportState.DONE
    import_.finished_at = utc_now()
    _announce(work, import_id)
    if table.row_count >= search_index_rows:
        table.search_index = SearchIndex.BUILDING
        work.enqueue("index_table", str(table.id))


async def finish_search_index(work: UnitOfWork, table_id: int, *, is_built: bool) -> None:
    """The full-text index is complete, or given up: then what a killed child has left of it goes."""
    if not is_built:
        await within(work, lambda rows: rows.drop_unfinished_search_index(table_id))
    table = await work.session.get(Table, table_id)
    if table is not None:
        table.search_index = SearchIndex.READY if is_built else SearchIndex.NONE


async def cancel(work: UnitOfWork, import_id: str) -> None:
    """Possible at any point: partial results disappear in the same commit. Cancelling twice is allowed."""
    import_ = await _get(work, import_id)
    if import_.state != ImportState.CANCELLED:
        await _abandon(work, import_, ImportState.CANCELLED)
        discard_files(work, import_id)


async def discard_preview(work: UnitOfWork, import_id: str) -> None:
    """Delete an abandoned preview, as if there had been no upload."""
    await work.session.delete(await _get_in_state(work, import_id, ImportState.READY))
    discard_files(work, import_id)


async def fail(work: UnitOfWork, import_id: str, reason: str) -> None:
    """Mark it as failed, with a readable reason; its table goes, and its file if it is of no further use.

    If there is an older preview, show it again: the file could not be read with the corrections, but it could before.
    """
    import_ = await _get(work, import_id)
    if import_.state not in UNFINISHED_STATES:
        return
    import_.failure = reason
    if import_.state == ImportState.INSPECTING and import_.inspection is not None:
        import_.state = ImportState.READY
        import_.overrides = ImportOverrides().to_json()
        _announce(work, import_id)
        return
    await _abandon(work, import_, ImportState.FAILED)
    if import_.inspection is None:
        discard_files(work, import_id)


def discard_files(work: UnitOfWork, import_id: str) -> None:
    """After the commit, stop the import's pass if one is running, and remove its files."""
    _announce(work, import_id)
    work.enqueue("discard_import", import_id)


def table_title(filename: str) -> str:
    """A table's first title: its file name in readable form."""
    stem = PurePath(filename.replace("\\", "/")).stem
    return re.sub(r"[\s_]+", " ", stem).strip()[:MAX_TITLE] or "Untitled"


def _announce(work: UnitOfWork, import_id: str) -> None:
    work.publish(import_topic(import_id), CHANGED, key=CHANGED)


def _inspect(work: UnitOfWork, import_: Import, overrides: ImportOverrides) -> None:
    import_.overrides = overrides.to_json()
    import_.state = ImportState.INSPECTING
    import_.failure = import_.finished_at = None
    import_.rows_done = 0
    _announce(work, import_.id)
    work.enqueue("inspect_import", import_.id)


async def _abandon(work: UnitOfWork, import_: Import, state: ImportState) -> None:
    if import_.state not in UNFINISHED_STATES:
        raise StateConflict(import_.state)
    import_.state = state
    import_.finished_at = utc_now()
    table_id, import_.table_id = import_.table_id, None
    _announce(work, import_.id)
    if table_id is not None:
        await work.session.flush()
        if table := await work.session.get(Table, table_id):
            await work.session.delete(table)
        await within(work, lambda rows: rows.drop(table_id))


def _column(position: int, number: int, guess: ColumnGuess) -> Column:
    """Its number is its position in the file from 1, where pass 2 finds it; skipped columns leave gaps."""
    return Column(
        number=number,
        position=position,
        title=guess.title,
        type=guess.type,
        format=guess.format,
        facts={"reason": guess.reason, "empty": guess.empty, "width": guess.width},
    )


async def _get(work: UnitOfWork, import_id: str) -> Import:
    import_ = await work.session.get(Import, import_id)
    if import_ is None:
        raise NotFound("import")
    return import_


async def _get_in_state(work: UnitOfWork, import_id: str, state: ImportState) -> Import:
    import_ = await _get(work, import_id)
    if import_.state != state:
        raise StateConflict(import_.state)
    return import_
