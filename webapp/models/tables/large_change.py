"""The record of a large change: one that is planned and applied in the background, part by part.

    begin --> planning --> ready --> applying --> done
                 |           |          |
                 |           |          v
                 |           |      reverting: what was applied is taken back
                 v           v          v
              failed or cancelled    failed or cancelled

The verbs are in `large_changing.py`, the work is done by `webapp.jobs.large_changes` in child processes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ForeignKey, Index, and_, bindparam, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.models.accounts.user import User
from webapp.models.base import MAX_ID, Base, only_where, utc_now
from webapp.models.errors import NotFound
from webapp.models.tables.change_set import ChangeSet
from webapp.models.tables.table import Column
from webapp.models.tables.type_change import TypeChange, TypeChangeRunning, TypeChangeState
from webapp.rowstore.entries import Entry, unpack

AT_ONCE: Final = 1_000  # rows that are changed in the request, as an ordinary change set; more are a large change
LEFT_SIZE: Final = 100  # entries that a page lists
MAX_UNDECIDED: Final = timedelta(days=7)  # a plan that nobody has decided about is given up


class LargeState(StrEnum):
    PLANNING = "planning"  # a child process writes the plan; nothing is changed yet
    READY = "ready"  # the plan waits for somebody's decision
    APPLYING = "applying"  # part after part of the plan is carried out
    REVERTING = "reverting"  # what has been carried out is taken back, part after part
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED: Final = (LargeState.PLANNING, LargeState.APPLYING, LargeState.REVERTING)  # a job is to work on it
STARTED: Final = (LargeState.APPLYING, LargeState.REVERTING)
ENDED: Final = (LargeState.DONE, LargeState.FAILED, LargeState.CANCELLED)
# One of these a table at a time.
_HOLDS_TABLE = "state IN ('applying', 'reverting') OR (state = 'planning' AND is_decided)"


class LargeChangeRunning(UserError):
    """`name` is that of the person whose change it is; empty if their account is gone."""

    def __init__(self, name: str) -> None:
        whose = f"A large change by {name} is" if name else "A large change is"
        super().__init__(
            f"{whose} being applied to this table. Wait until it is done, or cancel it; then try again. Single cells"
            " and rows can be changed meanwhile."
        )


class PurgeRunning(UserError):
    def __init__(self) -> None:
        super().__init__(
            "Rows or columns of this table are being deleted for good. Changes of many rows wait until that is done:"
            " try again in a moment."
        )


class LargeChange(Base):
    """Its plan is in parts of at most about 1,000 entries (`LargeChangePart`). How far it has come is committed
    together with the rows it counts, so a restart resumes exactly there.
    """

    __tablename__ = "large_changes"
    __table_args__ = (
        Index("ix_large_changes_running", "table_id", unique=True, **only_where(_HOLDS_TABLE)),
        {"sqlite_autoincrement": True},  # no reused ids: a page that waits for one never shows another
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    # Of its change set.
    kind: Mapped[str]
    via: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    undo_of: Mapped[int | None]
    # Who plans it (`webapp.planners.registry`), with what, and what it reports: counts, samples, what was refused.
    planner: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    report: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    is_decided: Mapped[bool]  # whether it is applied as soon as it is planned
    state: Mapped[str] = mapped_column(default=LargeState.PLANNING)
    # A readable reason; set when the state is failed, or will be once everything is taken back.
    failure: Mapped[str | None]
    seq: Mapped[int | None]  # of its change set, taken when applying begins; None if there was nothing to change
    first_new_row: Mapped[int | None]  # the id of the row that the plan calls -1
    # What is planned.
    parts: Mapped[int] = mapped_column(default=0)
    entries: Mapped[int] = mapped_column(default=0)
    rows: Mapped[int] = mapped_column(default=0)
    cells: Mapped[int] = mapped_column(default=0)
    new_rows: Mapped[int] = mapped_column(default=0)
    columns: Mapped[str] = mapped_column(default="")
    first_row: Mapped[int | None]
    last_row: Mapped[int | None]
    # Columns that it adds (`large_columns.NewColumn`), with their numbers once they are there.
    new_columns: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    # How far it is: parts that are carried out; those that are taken back again are subtracted.
    parts_done: Mapped[int] = mapped_column(default=0)
    left: Mapped[int] = mapped_column(default=0)  # entries that were not made: somebody had changed these before
    # Whether the search index was dropped for it, and is built again at the end.
    index_again: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    @property
    def share(self) -> float:
        """How much of it is carried out, from 0 to 1."""
        return self.parts_done / self.parts if self.parts else 0.0

    @property
    def ended_as(self) -> LargeState:
        """What it becomes once it is taken back."""
        return LargeState.CANCELLED if self.failure is None else LargeState.FAILED

    @classmethod
    def is_outdated(cls, before: datetime) -> ColumnElement[bool]:
        return and_(cls.state.in_(ENDED), cls.finished_at < before)

    @classmethod
    def holds_table(cls) -> ColumnElement[bool]:
        return or_(cls.state.in_(STARTED), and_(cls.state == LargeState.PLANNING, cls.is_decided))


class LargeChangePart(Base):
    """A part of a plan, until it is carried out or the change has ended: packed entries (`webapp.rowstore.entries`)."""

    __tablename__ = "large_change_parts"

    change_id: Mapped[int] = mapped_column(ForeignKey("large_changes.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    blob: Mapped[bytes] = mapped_column(deferred=True)


class LargeChangeLeft(Base):
    """Of a part: the entries that were not made, because somebody had changed these cells or rows before."""

    __tablename__ = "large_change_left"

    change_id: Mapped[int] = mapped_column(ForeignKey("large_changes.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entries: Mapped[int]
    blob: Mapped[bytes] = mapped_column(deferred=True)


def large_topic(change_id: int) -> str:
    """Where it is published that its record has changed."""
    return f"change:{change_id}"


@dataclass(frozen=True, slots=True)
class LeftPage:
    """`after` is the number of the part behind which there are more entries, None if there are none."""

    entries: list[Entry]
    after: int | None


def list_left(connection: Connection, change_id: int, after: int = 0, size: int = LEFT_SIZE) -> LeftPage:
    """Entries that were not made, whole parts of them: of those behind the part `after`, at least `size`."""
    entries, given = list[Entry](), {"change_id": change_id, "after": min(max(after, 0), MAX_ID)}
    for number in connection.scalars(_LEFT_NUMBERS, given).all():
        if len(entries) >= size:
            return LeftPage(entries, given["after"])
        entries += unpack(connection.scalar(_LEFT, {"change_id": change_id, "number": number}) or b"")
        given["after"] = number
    return LeftPage(entries, None)


async def find_large_change(database: Database, table_id: int, change_id: int) -> LargeChange:
    """Raises `NotFound`. The caller has found the table for its reader."""
    async with database.reading() as session:
        change = await session.get(LargeChange, change_id)
    if change is None or change.table_id != table_id:
        raise NotFound("change")
    return change


def ensure_none_running(connection: Connection, table_id: int, but: int = 0) -> None:
    """Raises `LargeChangeRunning`, unless it is the change `but`."""
    if (running := find_running(connection, table_id, but)) is not None:
        raise LargeChangeRunning(running)


def ensure_free(connection: Connection, table_id: int, but: int = 0) -> None:
    """Raises `LargeChangeRunning` (unless it is the change `but`), `PurgeRunning` and `TypeChangeRunning`: these do not
    mix.
    """
    ensure_none_running(connection, table_id, but)
    if connection.scalar(_PURGING, {"table_id": table_id}) is not None:
        raise PurgeRunning
    title = connection.scalar(_TYPE_CHANGE, {"table_id": table_id})
    if title is not None:
        raise TypeChangeRunning(title)


def find_running(connection: Connection, table_id: int, but: int = 0) -> str | None:
    """The name of the person whose large change is being applied to the table; None if none is, or only `but`."""
    found = connection.execute(_RUNNING, {"table_id": table_id, "but": but}).first()
    return None if found is None else found[0] or ""


def is_planned(connection: Connection, table_id: int) -> bool:
    """Whether a plan is being written, also one that nobody has decided about."""
    return connection.scalar(_PLANNING, {"table_id": table_id}) is not None


_LEFT_NUMBERS = (
    select(LargeChangeLeft.number)
    .where(LargeChangeLeft.change_id == bindparam("change_id"), LargeChangeLeft.number > bindparam("after"))
    .order_by(LargeChangeLeft.number)
)
_LEFT = select(LargeChangeLeft.blob).where(
    LargeChangeLeft.change_id == bindparam("change_id"), LargeChangeLeft.number == bindparam("number")
)
_RUNNING = (
    select(func.coalesce(func.nullif(User.name, ""), User.email))
    .select_from(LargeChange)
    .outerjoin(User, User.id == LargeChange.user_id)
    .where(LargeChange.table_id == bindparam("table_id"), LargeChange.id != bindparam("but"), LargeChange.holds_table())
)
_PLANNING = (
    select(LargeChange.id)
    .where(LargeChange.table_id == bindparam("table_id"), LargeChange.state == LargeState.PLANNING)
    .limit(1)
)
_PURGING = select(ChangeSet.seq).where(ChangeSet.table_id == bindparam("table_id"), ChangeSet.is_purging).limit(1)
_TYPE_CHANGE = (
    select(Column.title)
    .join(TypeChange, and_(TypeChange.table_id == Column.table_id, TypeChange.number == Column.number))
    .where(TypeChange.table_id == bindparam("table_id"), TypeChange.state == TypeChangeState.RUNNING)
)
