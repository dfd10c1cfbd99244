"""Links to a table: whoever has the address sees a part of it, without an account.

A link's token is 43 random characters. The database stores its SHA-256, by which it is found, and the token encrypted
with the server's key, so that whoever manages the link can copy its address again. What it shows is kept as an address
has it: the search and the filters that rows must meet, and the numbers of columns.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import ForeignKey, bindparam, false, or_, select, text, true
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, hash_token, utc_now
from webapp.models.policy import Actor, Role, TableRole
from webapp.models.tables.table import Table


class Link(Base):
    """One that was revoked is not there any more."""

    __tablename__ = "links"
    __table_args__ = ({"sqlite_autoincrement": True},)  # no reused ids: they stand for whoever came by the link

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    sealed: Mapped[str]  # the token, readable with the server's key
    # The rows: [["q", "oslo"], ["f.3", "eq:open"]], as an address has them. Of the whole table it is empty.
    scope: Mapped[list[Any]]
    # The numbers of the columns; None: all, also those to come.
    shown: Mapped[list[Any] | None]
    # The saved view that it was made of, which may be gone or have changed since.
    view_id: Mapped[int | None]
    may_edit: Mapped[bool] = mapped_column(server_default=false())  # cells and rows
    may_search: Mapped[bool] = mapped_column(server_default=true())  # and filter
    may_export: Mapped[bool] = mapped_column(server_default=true())
    password_hash: Mapped[str | None]  # asked for before anything is shown
    # Of other sites whose pages may have the table in a frame: ["https://example.org"].
    origins: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"), default=list)
    expires_at: Mapped[datetime | None]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(default=utc_now)
    used_at: Mapped[datetime | None]


def role_of(link: Any) -> TableRole:
    """What a visitor is to the table, within what a link may allow at all. `link` is a row of `LINKS_OF_TABLE`."""
    return TableRole.EDITOR if link.may_edit else TableRole.VIEWER


def standing_of(link: Any) -> str:
    """The role, and what stands for the part of the table that the link shows: open pages are told when either changes.
    `link` is a row of `LINKS_OF_TABLE`.
    """
    return f"{role_of(link)} {crc32(repr((link.scope, link.shown)).encode('utf-8', 'replace'))}"


def visitor(link_id: int, name: str) -> Actor:
    """Who comes by a link. Their id is no person's."""
    return Actor(-link_id, "", name, Role.GUEST, link_id=link_id)


_WORKS = or_(Link.expires_at.is_(None), Link.expires_at > bindparam("now"))
# A link of a table that is there, by the hash of its token or by its id.
_LINK = (
    select(
        Link.id,
        Link.table_id,
        Link.name,
        Link.scope,
        Link.shown,
        Link.may_edit,
        Link.may_search,
        Link.may_export,
        Link.password_hash,
        Link.origins,
        Link.used_at,
    )
    .join(Table, (Table.id == Link.table_id) & Table.deleted_at.is_(None))
    .where(_WORKS)
)
LINK_OF_TOKEN = _LINK.where(Link.token_hash == bindparam("token_hash"))
LINKS_OF_TABLE = _LINK.where(Link.id.in_(bindparam("ids", expanding=True)), Link.table_id == bindparam("table_id"))


def parameters_of(token: str) -> dict[str, Any]:
    """Those of `LINK_OF_TOKEN`."""
    return {"token_hash": hash_token(token), "now": utc_now()}


def parameters_for(table_id: int, ids: Iterable[int]) -> dict[str, Any]:
    """Those of `LINKS_OF_TABLE`."""
    return {"table_id": table_id, "ids": list(ids), "now": utc_now()}
