"""A table of somebody's: its title, its columns, who may see it. The rows live in a real SQL table, `t<id>`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from webapp.data.uow import UnitOfWork
from webapp.models.base import Base, utc_now


class Column(Base):
    """One column. `number` names it in SQL (`c3`) and in addresses and never changes; `position` is where it stands."""

    __tablename__ = "columns"
    __table_args__ = (UniqueConstraint("table_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"))
    number: Mapped[int]
    position: Mapped[int]
    title: Mapped[str]
    # A name of `engine.types`, and the format that prints its values back as they were written.
    type: Mapped[str]
    format: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # What the import learned: {"reason", "empty", "width" (characters the widest value needs)}.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @property
    def name(self) -> str:
        return f"c{self.number}"


class Table(Base):
    __tablename__ = "tables"
    __table_args__ = ({"sqlite_autoincrement": True},)  # an old link never leads to somebody's newer table

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Rows in the SQL table, kept by the import.
    row_count: Mapped[int] = mapped_column(default=0)
    # "importing" until all rows are in, then "ready".
    state: Mapped[str] = mapped_column(default="importing")
    # Goes up with every change of its rows: caches and ETags hang on it.
    version: Mapped[int] = mapped_column(default=0)
    # "none", "building", "ready": the full-text index.
    search_index: Mapped[str] = mapped_column(default="none")
    columns: Mapped[list[Column]] = relationship(
        order_by=Column.position, cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )

    @property
    def name(self) -> str:
        """Its SQL table."""
        return f"t{self.id}"

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Table"]:
        """Tables this person may see, columns loaded. A stranger's table is not among them: a 404, never a 403."""
        return select(cls).where(cls.owner_id == user_id).options(selectinload(cls.columns))

    @classmethod
    async def rename(cls, work: UnitOfWork, table_id: int, title: str) -> None:
        table = await work.session.get_one(cls, table_id)
        table.title = title
