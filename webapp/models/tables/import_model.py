"""The record of an import: a file being turned into a table, and the states it goes through."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, ForeignKey, Index, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.models.base import Base, only_where, utc_now
from webapp.models.errors import NotFound
from webapp.models.idempotency import is_remembered
from webapp.models.policy import Actor

MAX_FORM_OVERHEAD = 64 * 1024  # bytes of a form beside its file; those of our pages have less than one kilobyte
CHANGED: Final = "changed"  # the event of an import's topic: whoever shows it reads its new state


class ImportState(StrEnum):
    INSPECTING = "inspecting"  # pass 1 reads the whole file
    READY = "ready"  # the preview waits for a decision
    LOADING = "loading"  # pass 2 inserts rows
    COMPARING = "comparing"  # of a further file for a table: it is laid over the table, which stays as it is
    UPDATING = "updating"  # and this is what applies it
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNNING_STATES = (ImportState.INSPECTING, ImportState.LOADING, ImportState.COMPARING, ImportState.UPDATING)


UNFINISHED_STATES = (*RUNNING_STATES, ImportState.READY)


class StateConflict(UserError):
    """The import is in another state than the request takes for granted: another request, or a pass, was faster."""

    def __init__(self, state: str) -> None:
        self.state = state
        messages = {
            ImportState.INSPECTING: "The file is still being read. Wait for the preview, then try again.",
            ImportState.LOADING: "This import has already begun.",
            ImportState.COMPARING: "The file is being compared with the table. Wait for the result, then try again.",
            ImportState.UPDATING: "This import has already begun.",
            ImportState.DONE: "This import is already done.",
            ImportState.FAILED: "This import has failed. Upload the file again.",
            ImportState.CANCELLED: "This import was cancelled. Upload the file again.",
        }
        super().__init__(messages.get(ImportState(state), "This import is waiting for your decision."))


class TooManyWaiting(UserError):
    """`limit` imports of this person are being read, loaded, or wait for their turn."""

    def __init__(self, limit: int) -> None:
        files = "1 of your files is" if limit == 1 else f"{limit:,} of your files are"
        super().__init__(
            f"{files} still being read or loaded, and there may be no more at a time. Nothing was saved."
            " Wait until some are done, or cancel some, then try this one again."
        )


_RUNNING = "state IN ('inspecting', 'loading', 'comparing', 'updating')"


class Import(Base):
    __tablename__ = "imports"
    # What runs or waits: few of many.
    __table_args__ = (Index("ix_imports_running", "user_id", **only_where(_RUNNING)),)

    id: Mapped[str] = mapped_column(primary_key=True)  # 32 hexadecimal digits
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    # Set when the table is created; leads from a table to its original file.
    table_id: Mapped[int | None] = mapped_column(ForeignKey("tables.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(default=ImportState.INSPECTING)
    # A readable reason; set when the state is failed.
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]
    # Whether it is a further file for a table that exists: `ImportUpdate` says which. It gets its `table_id` once done.
    is_update: Mapped[bool] = mapped_column(default=False, server_default="0")

    # The upload, kept unchanged as `original` in the import's folder.
    filename: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]

    # The user's corrections (`ImportOverrides` as JSON).
    overrides: Mapped[dict[str, Any]] = mapped_column("overrules", default=dict)
    # What is to be done without asking (`Wishes` as JSON).
    wishes: Mapped[dict[str, Any] | None]
    # The result of pass 1 (`InspectionReport` as JSON).
    inspection: Mapped[dict[str, Any] | None]

    # Rows of the file already in the table: committed together with them, so a restart resumes exactly there.
    rows_done: Mapped[int] = mapped_column(default=0)

    @property
    def inspected_rows(self) -> int | None:
        """As pass 1 has counted them; None before."""
        return None if self.inspection is None else self.inspection.get("rows")

    @classmethod
    def has_ended(cls, before: datetime) -> ColumnElement[bool]:
        """Failed or cancelled before this time, or done, but its table is gone: of no use to anybody."""
        without_table = and_(
            cls.state.in_([ImportState.FAILED, ImportState.CANCELLED, ImportState.DONE]), cls.table_id.is_(None)
        )
        return and_(without_table, func.coalesce(cls.finished_at, cls.created_at) < before)

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Import"]:
        return select(cls).where(cls.user_id == user_id)

    @classmethod
    def upload_of(cls, table_id: int) -> Select[str, str, str]:
        """Id, file name and hash of the upload this table was made from."""
        return (
            select(cls.id, cls.filename, cls.sha256)
            .where(cls.table_id == table_id, ~cls.is_update)
            .order_by(cls.created_at)
            .limit(1)
        )


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What a line about an import shows. The inspection stays in the database: it may have megabytes, and a list has
    hundreds of imports.
    """

    id: str
    user_id: int
    state: str
    failure: str | None
    created_at: datetime
    finished_at: datetime | None
    filename: str
    size: int
    rows_done: int
    inspected_rows: int | None

    @classmethod
    def columns(cls) -> list[ColumnElement[Any]]:
        """To select, in the order of the fields."""
        *names, _ = (field.name for field in fields(cls))
        return [*(Import.__table__.c[name] for name in names), Import.inspection["rows"].as_integer()]


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


async def ensure_room(session: AsyncSession, user_id: int, limit: int) -> None:
    """Raises `TooManyWaiting` if `limit` imports of this person run or wait."""
    running = select(func.count()).where(Import.user_id == user_id, Import.state.in_(RUNNING_STATES))
    if (await session.scalar(running) or 0) >= limit:
        raise TooManyWaiting(limit)


async def may_be_repeat(session: AsyncSession, user_id: int, size: int | None) -> bool:
    """Whether a form of `size` bytes (None if unknown) may bring a file that this person has sent with a key before.
    That it does is known once the file is here.
    """
    statement = select(Import.id).where(Import.user_id == user_id, is_remembered(Import.id)).limit(1)
    if size is not None:
        statement = statement.where(Import.size.between(size - MAX_FORM_OVERHEAD, size))
    return await session.scalar(statement) is not None
