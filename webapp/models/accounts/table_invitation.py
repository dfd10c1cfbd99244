"""What an invitation grants besides the account: a part in tables. It follows the invitation when that is renewed."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, utc_now


class TableInvitation(Base):
    __tablename__ = "table_invitations"

    invitation_id: Mapped[int] = mapped_column(ForeignKey("one_time_tokens.id", ondelete="CASCADE"), primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]  # TableRole.VIEWER or EDITOR
    added_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    added_at: Mapped[datetime] = mapped_column(default=utc_now)
