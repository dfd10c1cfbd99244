"""An import: a file on its way to becoming a table. Its id is the id of its workflow and of its folder."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, utc_now


class ImportState(StrEnum):
    INSPECTING = "inspecting"  # pass 1 reads the whole file
    READY = "ready"  # the preview waits for a decision
    LOADING = "loading"  # pass 2 inserts rows
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Import(Base):
    __tablename__ = "imports"

    id: Mapped[str] = mapped_column(primary_key=True)  # 32 hexadecimal digits
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    # Set when pass 2 makes the table; the table's original file is found through it.
    table_id: Mapped[int | None] = mapped_column(ForeignKey("tables.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(default=ImportState.INSPECTING)
    # In words, for a person; set when the state is failed.
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    # The upload, kept unchanged in the import's folder as `original`.
    filename: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]

    # What the user decided over what was detected (`engine.inspecting.Overrules` as JSON).
    overrules: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # What pass 1 found (`engine.inspecting.Inspection` as JSON).
    inspection: Mapped[dict[str, Any] | None]

    # Rows of the file that are in the table: committed together with them, so a restart goes on exactly there.
    rows_done: Mapped[int] = mapped_column(default=0)

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Import"]:
        return select(cls).where(cls.user_id == user_id)

    @classmethod
    def kept_for(cls, table_id: int) -> Select[str, str, str]:
        """Id, file name and hash of the upload this table was made of."""
        return (
            select(cls.id, cls.filename, cls.sha256).where(cls.table_id == table_id).order_by(cls.created_at).limit(1)
        )
