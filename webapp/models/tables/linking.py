"""Links to a table: making, changing and revoking them, what they show, and who comes by one.

Only a table's owner does this: it raises `NotFound` for whoever has no part in the table, `NotAllowed` for its members.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.sealing import Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.base import hash_token, utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.change_log import publish_access
from webapp.models.tables.link import LINK_OF_TOKEN, Link, parameters_of, visitor
from webapp.models.tables.members import require_owner
from webapp.models.tables.narrowing import narrow
from webapp.models.tables.table import Table
from webapp.rowstore.query import TableQuery

MAX_LINKS = 100  # of a table
MAX_NAME = 100  # characters
MIN_PASSWORD = 8  # characters
MAX_ORIGINS = 50  # sites that may embed it
NOTED_EVERY = timedelta(hours=1)  # how exactly the last use of a link is known


class TooManyLinks(UserError):
    def __init__(self) -> None:
        super().__init__(f"A table has at most {MAX_LINKS} links. Revoke one that is not used any more.")


class NothingToShow(UserError):
    def __init__(self) -> None:
        super().__init__("This table has no such columns any more. Open its view again, and share that.")


class NeverBoth(UserError):
    def __init__(self) -> None:
        super().__init__(
            "A link with a password cannot be a part of other sites: browsers do not keep there that it was given."
        )


class TooManyOrigins(UserError):
    def __init__(self) -> None:
        super().__init__(f"At most {MAX_ORIGINS} sites can embed a link.")


class NoSuchLink(NotFound):
    """Says the same of every link that opens nothing: nobody learns that there was one."""

    def __init__(self) -> None:
        UserError.__init__(
            self,
            "This link does not work. It may be mistyped, or it was revoked or has expired: ask who sent it to you.",
        )


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """What a link allows and for how long, as `Link` has it: what can be changed of it."""

    name: str
    may_edit: bool = False
    may_search: bool = True
    may_export: bool = True
    expires_at: datetime | None = None
    password_hash: str | None = None
    origins: Sequence[str] = ()

    def values(self) -> dict[str, Any]:
        """Raises `UserError` for a name that cannot be, `NeverBoth` and `TooManyOrigins`."""
        if self.password_hash is not None and self.origins:
            raise NeverBoth
        if len(self.origins) > MAX_ORIGINS:
            raise TooManyOrigins
        return {**asdict(self), "name": _named(self.name), "origins": list(self.origins)}


@dataclass(frozen=True, slots=True)
class Visit:
    """Who comes by a link, to which table, and what they may do there besides looking."""

    actor: Actor
    table_id: int
    may_edit: bool  # cells and rows
    may_search: bool  # and filter
    may_export: bool
    password_hash: str | None = None
    origins: Sequence[str] = ()


async def create_link(
    work: UnitOfWork,
    actor: Actor,
    source: AuditSource,
    sealer: Sealer,
    table_id: int,
    terms: LinkTerms,
    scope: Sequence[Sequence[str]] = (),
    shown: Collection[int] | None = None,
    view_id: int | None = None,
) -> tuple[Link, str]:
    """Return the link and its token. `scope` and `shown`: the rows and columns, as `Link` has them. `view_id`: the
    saved view that has them.

    Raises `TooManyLinks`, and `NothingToShow` if the table cannot answer them.
    """
    table = await require_owner(work, actor, table_id)
    _ensure_possible(table, scope, shown)
    counted = select(func.count()).select_from(Link).where(Link.table_id == table_id)
    if (await work.session.scalar(counted) or 0) >= MAX_LINKS:
        raise TooManyLinks
    token = secrets.token_urlsafe(32)
    link = Link(
        table_id=table_id,
        token_hash=hash_token(token),
        sealed=sealer.encrypt(token.encode()).decode(),
        scope=[list(pair) for pair in scope],
        shown=None if shown is None else sorted(shown),
        view_id=view_id,
        made_by=actor.id,
        **terms.values(),
    )
    work.session.add(link)
    await work.session.flush()
    await AuditEvent.record(work, Event.TABLE_LINK_MADE, source, link.name, table_id=table_id, link_id=link.id)
    return link, token


async def change_link(
    work: UnitOfWork,
    actor: Actor,
    source: AuditSource,
    table_id: int,
    link_id: int,
    terms: LinkTerms,
) -> None:
    """From the next request on, by the same address. Raises `NotFound`."""
    link = await _find(work, actor, table_id, link_id)
    wanted = terms.values()
    before = {what: getattr(link, what) for what in wanted}
    if before == wanted:
        return
    for what, value in wanted.items():
        setattr(link, what, value)
    details = {"table_id": table_id, "link_id": link_id, "before": before["name"]}
    await AuditEvent.record(work, Event.TABLE_LINK_CHANGED, source, link.name, **details)
    publish_access(work, table_id)


async def revoke_link(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, link_id: int) -> str | None:
    """Nobody comes by it any more, and pages that are open end. Return its name; None if it was gone already."""
    await require_owner(work, actor, table_id)
    link = await find_link(work.session, table_id, link_id)
    if link is None:
        return None
    await work.session.delete(link)
    await AuditEvent.record(work, Event.TABLE_LINK_REVOKED, source, link.name, table_id=table_id, link_id=link_id)
    publish_access(work, table_id)
    return link.name


async def find_link(session: AsyncSession, table_id: int, link_id: int) -> Link | None:
    found: Link | None = await session.scalar(select(Link).where(Link.id == link_id, Link.table_id == table_id))
    return found


async def links_of(session: AsyncSession, table_id: int) -> list[Link]:
    """The newest first."""
    return list(await session.scalars(select(Link).where(Link.table_id == table_id).order_by(Link.id.desc())))


def token_of(link: Link, sealer: Sealer) -> str:
    """Raises `BrokenSeal` if the key that sealed it is not among the server's any more."""
    return sealer.decrypt(link.sealed).decode()


async def find_visit(database: Database, token: str) -> Visit:
    """What the link with this token opens. Raises `NotFound`, whatever the reason is.

    That it was used is noted once an hour.
    """
    found = await database.fetch_one(LINK_OF_TOKEN, parameters_of(token))
    if found is None:
        raise NoSuchLink
    now = utc_now()
    if found.used_at is None or not now - NOTED_EVERY < found.used_at <= now:
        database.write_soon(_note_use, found.id)
    return Visit(
        visitor(found.id, found.name),
        found.table_id,
        found.may_edit,
        found.may_search,
        found.may_export,
        found.password_hash,
        tuple(found.origins),
    )


async def _note_use(work: UnitOfWork, link_id: int) -> None:
    await work.session.execute(update(Link).where(Link.id == link_id).values(used_at=utc_now()))


async def _find(work: UnitOfWork, actor: Actor, table_id: int, link_id: int) -> Link:
    await require_owner(work, actor, table_id)
    link = await find_link(work.session, table_id, link_id)
    if link is None:
        raise NotFound("link")
    return link


def _ensure_possible(table: Table, scope: Sequence[Sequence[str]], shown: Collection[int] | None) -> None:
    """What a link shows has to be possible when it is made; later it shows nothing once it is not."""
    query = TableQuery.from_args([(name, value) for name, value in scope], table.ref.fields)  # with its own words
    if query.sorts or query.cols or narrow(table, scope, shown) is None:
        raise NothingToShow


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise UserError(f"A link has a name of at most {MAX_NAME} characters.")
    return name
