"""Links to a table as their owner's pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.db.sealing import BrokenSeal
from webapp.extensions import sealer
from webapp.models import Link, Table, utc_now
from webapp.models.tables.link_views import Part, part_query
from webapp.models.tables.linking import token_of
from webapp.models.tables.narrowing import narrow, parse_scope
from webapp.models.tables.saved_view import ViewRecord
from webapp.rowstore.query import TableQuery, describe_query
from webapp.web.formatting import plural
from webapp.web.hosts import own_origin
from webapp.web.paths import url_for

MAX_TITLES = 5  # columns that are named; the others are counted


@dataclass(frozen=True, slots=True)
class LinkView:
    """The saved view that a link was made of. `shows` is what it has by now, in words; None if it uses columns that are
    not there any more. `has_changed`: that is not what the link shows.
    """

    name: str
    version: int
    shows: str | None
    has_changed: bool


@dataclass(frozen=True, slots=True)
class ShownLink:
    """`address` is None if no key of the server opens it any more. `shows` is in words; None: nothing any more."""

    id: int
    name: str
    address: str | None
    shows: str | None
    may_edit: bool
    may_search: bool
    may_export: bool
    has_password: bool
    origins: Sequence[str]
    expires_at: datetime | None
    has_expired: bool
    made_at: datetime
    used_at: datetime | None
    view: LinkView | None


def present_link(table: Table, link: Link, view: ViewRecord | None = None) -> ShownLink:
    """`view` is the saved view that it was made of, if the owner still finds it."""
    return ShownLink(
        link.id,
        link.name,
        _address(link),
        _shows(table, link),
        link.may_edit,
        link.may_search,
        link.may_export,
        link.password_hash is not None,
        link.origins,
        link.expires_at,
        link.expires_at is not None and link.expires_at <= utc_now(),
        link.made_at,
        link.used_at,
        _present_view(table, link, view) if view else None,
    )


def _present_view(table: Table, link: Link, view: ViewRecord) -> LinkView:
    part = Part.of_view(table, view)
    shows = describe_view(part_query(table, view.state)) if part else None
    return LinkView(view.name, view.version, shows, part != Part.of_link(link))


def describe_view(query: TableQuery) -> str:
    """As in “Rows where team is red; 2 columns: name, team”."""
    return _describe(query, [field.title for field in query.visible] if query.cols else None)


def _shows(table: Table, link: Link) -> str | None:
    query, narrowed = parse_scope(link.scope, table.ref.fields), narrow(table, link.scope, link.shown)
    if query is None or narrowed is None:
        return None
    return _describe(query, None if link.shown is None else [column.title for column in narrowed.columns])


def _describe(query: TableQuery, titles: list[str] | None) -> str:
    rows = f"Rows{describe_query(query.sorted_by())}" if query.is_narrowed else "All rows"
    if titles is None:
        return f"{rows}; all columns"
    more = f" and {len(titles) - MAX_TITLES} more" if len(titles) > MAX_TITLES else ""
    return f"{rows}; {plural(len(titles), 'column')}: {', '.join(titles[:MAX_TITLES])}{more}"


def _address(link: Link) -> str | None:
    try:
        token = token_of(link, sealer())
    except BrokenSeal:
        return None
    return f"{own_origin()}{url_for('shared.show', token=token)}"
