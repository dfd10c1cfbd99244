"""The dashboard's panel: the signed-in person's tables and those shared with them, as searched and sorted, and their
imports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import starmap
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from quart import request, url_for
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.functions import contains
from webapp.extensions import config, db, jobs
from webapp.jobs.progress import Progress
from webapp.models import (
    Action,
    Actor,
    Column,
    Import,
    ImportState,
    Member,
    Role,
    Table,
    TableRole,
    User,
    is_allowed,
    utc_now,
)
from webapp.models.base import MAX_ID
from webapp.models.policy import can_own_tables
from webapp.models.tables.import_model import ImportSummary
from webapp.models.tables.trash import is_in_trash
from webapp.tables.import_presenter import progress_of
from webapp.web.formatting import format_number, plural
from webapp.web.templating import render

MAX_LISTED = 200  # tables and imports
MAX_SEARCH = 200  # characters
FAILED_FOR = timedelta(days=1)  # how long a failed import is listed
NEWEST = "-changed"
SHOWN = {"": "All", "mine": "Mine", "shared": "Shared with me"}
ROLE_LABELS = {TableRole.VIEWER: "Viewer", TableRole.EDITOR: "Editor"}

_COLUMN_COUNT = (
    select(func.count(Column.id)).where(Column.table_id == Table.id, Column.deleted_at.is_(None)).scalar_subquery()
)
_SORTS: dict[str, Any] = {
    "title": func.lower(Table.title),
    "rows": Table.row_count,
    "columns": _COLUMN_COUNT,
    "owner": func.lower(User.name),
    "created": Table.id,
    "changed": func.coalesce(Table.changed_at, Table.created_at),
}
_TITLES = {
    "title": "Title",
    "rows": "Rows",
    "columns": "Columns",
    "owner": "Owner",
    "created": "Created",
    "changed": "Changed",
}


@dataclass(frozen=True, slots=True)
class TableListQuery:
    """What the URL says about the list: `q`, which titles contain, `sort`, descending with a minus, and `show`: a name
    in `SHOWN`.
    """

    search: str = ""
    sort: str = NEWEST
    show: str = ""

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> "TableListQuery":
        """What means nothing is as if it was not there."""
        sort = args.get("sort", NEWEST)
        show = args.get("show", "")
        return cls(
            args.get("q", "").strip()[:MAX_SEARCH],
            sort if sort.removeprefix("-") in _SORTS else NEWEST,
            show if show in SHOWN else "",
        )

    @property
    def args(self) -> dict[str, str]:
        given = {"q": self.search, "sort": self.sort if self.sort != NEWEST else "", "show": self.show}
        return {name: value for name, value in given.items() if value}

    @property
    def url(self) -> str:
        return url_for("main.dashboard") + (f"?{urlencode(self.args)}" if self.args else "")


@dataclass(frozen=True, slots=True)
class ListHeader:
    """`direction` is as ARIA names it; None if the list is not sorted by this column."""

    name: str
    title: str
    url: str
    direction: str | None


async def panel(user: Actor) -> Markup:
    query = TableListQuery.from_args(request.args)
    async with db().reading() as session:
        everything = await _count(session, _visible_to(user.id, ""))
        total = await _count(session, _visible_to(user.id, query.show)) if query.show else everything
        matching = await _count(session, _matching(user.id, query)) if query.search else total
        tables = (await session.execute(_page(user.id, query))).all()
        imports = await _imports(session, user.id)
        trashed = await _count(session, select(Table.id).where(is_in_trash(user.id)))
        deleted = await _just_deleted(session, user.id)
    return render(
        "tables/_dashboard.html",
        query=query,
        headers=[_header(query, name) for name in _SORTS],
        tables=tables,
        everything=everything,
        total=total,
        filters=[(title, replace(query, show=show).url, show == query.show) for show, title in SHOWN.items()],
        role_labels=ROLE_LABELS,
        may_own=can_own_tables(Role(user.role)),
        summary=_summarise(query, total, matching),
        running=[(import_, progress) for import_, progress in imports if progress],
        pending=[import_ for import_, progress in imports if not progress],
        pending_summary=_summarise_pending([import_ for import_, progress in imports if not progress]),
        may_create=is_allowed(user, Action.CREATE_TABLE),
        upload_limit=config().upload_limit,
        trashed=trashed,
        deleted=deleted,
        trash_days=config().trash_days,
    )


async def _just_deleted(session: AsyncSession, user_id: int) -> Any | None:
    """The table that the page before has deleted, as long as it is in the trash."""
    table_id = request.args.get("deleted", type=int)
    if table_id is None or not 0 < table_id <= MAX_ID:
        return None
    found = select(Table.id, Table.title).where(Table.id == table_id, is_in_trash(user_id))
    return (await session.execute(found)).first()


def _visible_to(user_id: int, show: str) -> Select[Any]:
    visible = select(Table.id).where(Table.is_visible_to(user_id), Table.state == "ready")
    return visible.where((Table.owner_id == user_id) == (show == "mine")) if show else visible


def _matching(user_id: int, query: TableListQuery) -> Select[Any]:
    found = _visible_to(user_id, query.show)
    return found.where(contains(Table.title, query.search)) if query.search else found


async def _count(session: AsyncSession, statement: Select[Any]) -> int:
    return await session.scalar(select(func.count()).select_from(statement.subquery())) or 0


def _page(user_id: int, query: TableListQuery) -> Select[Any]:
    key = _SORTS[query.sort.removeprefix("-")]
    return (
        _matching(user_id, query)
        .join(User, User.id == Table.owner_id)
        .outerjoin(Member, and_(Member.table_id == Table.id, Member.user_id == user_id))
        .with_only_columns(
            Table.id,
            Table.title,
            Table.row_count,
            _COLUMN_COUNT.label("column_count"),
            Table.created_at,
            func.coalesce(Table.changed_at, Table.created_at).label("changed_at"),
            Table.owner_id,
            Member.role,
            User.name.label("owner"),
        )
        .order_by(key.desc() if query.sort.startswith("-") else key, Table.id.desc())
        .limit(MAX_LISTED)
    )


def _header(query: TableListQuery, name: str) -> ListHeader:
    """Text is sorted from A first, numbers and times from the largest."""
    is_sorted, is_descending = query.sort.removeprefix("-") == name, query.sort.startswith("-")
    first = name if name in ("title", "owner") else f"-{name}"
    turned = name if is_descending else f"-{name}"
    url = replace(query, sort=turned if is_sorted else first).url
    direction = ("descending" if is_descending else "ascending") if is_sorted else None
    return ListHeader(name, _TITLES[name], url, direction)


def _summarise(query: TableListQuery, total: int, matching: int) -> str:
    summary = plural(total, "table")
    if query.search:
        summary = f"{format_number(matching)} of {summary} with “{query.search}” in the title"
    return f"{summary}; the first {MAX_LISTED} are listed" if matching > MAX_LISTED else summary


async def _imports(session: AsyncSession, user_id: int) -> list[tuple[ImportSummary, Progress | None]]:
    ended = (ImportState.DONE, ImportState.CANCELLED)
    is_recent = or_(Import.state != ImportState.FAILED, Import.finished_at > utc_now() - FAILED_FOR)
    statement = Import.visible_to(user_id).with_only_columns(*ImportSummary.columns())
    statement = statement.where(Import.state.not_in(ended), is_recent)
    rows = await session.execute(statement.order_by(Import.created_at.desc()).limit(MAX_LISTED))
    return [(import_, progress_of(jobs(), import_)) for import_ in starmap(ImportSummary, rows)]


def _summarise_pending(imports: Sequence[ImportSummary]) -> str:
    ready = sum(import_.state == ImportState.READY for import_ in imports)
    failed = len(imports) - ready
    parts = [
        f"{format_number(ready)} ready to import" if ready else "",
        f"{format_number(failed)} failed" if failed else "",
    ]
    return ", ".join(filter(None, parts))
