"""The record of a change of a column's type, and the stored columns that are no longer, or not yet, anybody's."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, and_, select, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.models.base import Base, only_where, utc_now
from webapp.models.tables.change_set import Via
from webapp.rowstore.table_ref import Field

# Whoever found the table before the change reads what was replaced until their request is over.
KEPT = timedelta(days=1)


class TypeChangeState(StrEnum):
    RUNNING = "running"  # the new stored column is being filled, and nobody reads it
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TypeChangeRunning(UserError):
    def __init__(self, title: str) -> None:
        super().__init__(
            f"The type of the column “{title}” is being changed already. Wait until that is done, or cancel it; then"
            " try again."
        )


class RowsComing(UserError):
    def __init__(self) -> None:
        super().__init__("The rows of this table are still coming in. Change the type once they are all there.")


class TypeChange(Base):
    """From whatever the column is to `type` and `format`, in the stored column `storage`. How far it has come is
    committed together with the rows it counts, so a restart resumes exactly there.
    """

    __tablename__ = "type_changes"
    __table_args__ = (
        Index("ix_type_changes_running", "table_id", "number", unique=True, **only_where("state = 'running'")),
        {"sqlite_autoincrement": True},  # no reused ids: a page that waits for one never shows another
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]  # of the column
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(default=TypeChangeState.RUNNING)
    # A readable reason; set when the state is failed.
    failure: Mapped[str | None]
    type: Mapped[str]
    format: Mapped[dict[str, Any]] = mapped_column(default=dict)
    via: Mapped[str] = mapped_column(default=Via.PAGE, server_default=text("'page'"))
    # Whether a text had to be kept so far.
    keeps_texts: Mapped[bool] = mapped_column(default=False, server_default="0")
    storage: Mapped[int]
    # Of the change log when it began: what changed since in rows that are converted is applied before the exchange.
    seq: Mapped[int] = mapped_column(default=0, server_default="0")
    rows: Mapped[int]  # of the table when it began
    rows_done: Mapped[int] = mapped_column(default=0)
    last_row: Mapped[int] = mapped_column(default=0)  # all rows up to this one are converted
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    def target(self, source: Field) -> Field:
        """What the column becomes."""
        return Field(self.number, source.title, self.type, dict(self.format), self.keeps_texts, self.storage)

    @classmethod
    def is_outdated(cls, before: datetime) -> ColumnElement[bool]:
        return and_(cls.state != TypeChangeState.RUNNING, cls.finished_at < before)


class SpareColumn(Base):
    """A stored column that no column has. It is emptied after `kept_until`; then another change may use it."""

    __tablename__ = "spare_columns"
    __table_args__ = (UniqueConstraint("table_id", "storage"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"))
    storage: Mapped[int]
    kept_until: Mapped[datetime]
    # Of the change that replaced it, whose undo takes it again as long as it is there.
    seq: Mapped[int | None]
    last_row: Mapped[int] = mapped_column(default=0)  # all rows up to this one are empty
    is_empty: Mapped[bool] = mapped_column(default=False)


async def find_type_change(
    database: Database, table_id: int, number: int, change_id: int | None = None
) -> TypeChange | None:
    """This change of the column's type, whatever became of it; without an id the one that is running."""
    of_column = select(TypeChange).where(TypeChange.table_id == table_id, TypeChange.number == number)
    asked = TypeChange.state == TypeChangeState.RUNNING if change_id is None else TypeChange.id == change_id
    async with database.reading() as session:
        return (await session.scalars(of_column.where(asked))).one_or_none()
