"""An import: a file being turned into a table. Its id also names its workflow and its folder."""

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

    # The user's corrections (`engine.inspection.Overrules` as JSON).
    overrules: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # The result of pass 1 (`engine.inspection.Inspection` as JSON).
    inspection: Mapped[dict[str, Any] | None]

    # Rows of the file already in the table: committed together with them, so a restart resumes exactly there.
    rows_done: Mapped[int] = mapped_column(default=0)

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Import"]:
        return select(cls).where(cls.user_id == user_id)

    @classmethod
    def kept_for(cls, table_id: int) -> Select[str, str, str]:
        """Id, file name and hash of the upload this table was made from."""
        return (
            select(cls.id, cls.filename, cls.sha256).where(cls.table_id == table_id).order_by(cls.created_at).limit(1)
        )
