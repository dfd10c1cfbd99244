"""The saved views of a table for its templates: the menu, and how what is seen differs from the view it came from."""

from dataclasses import dataclass

from webapp.extensions import db
from webapp.models import Action, Table, is_allowed
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess
from webapp.models.tables.saved_view import State, ViewRecord, find_view, list_views
from webapp.models.tables.view_layout import ViewLayout
from webapp.models.tables.view_saving import may_change
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.tables.stale_views import fit_pairs
from webapp.tables.table_urls import TableUrls
from webapp.web.paths import paths
from webapp.web.reader_clock import reader_clock
from webapp.web.session import current_user


@dataclass(frozen=True, slots=True)
class OpenView:
    """The view that the page came from. `save_url` is None for whom may not change it."""

    id: int
    name: str
    layout: ViewLayout
    version: int
    is_changed: bool
    reset_url: str
    save_url: str | None


@dataclass(frozen=True, slots=True)
class Views:
    """What the toolbar says: see tables/show.html. Whoever comes by a link has none."""

    menu_url: str | None
    new_url: str | None
    open: OpenView | None

    @property
    def layout(self) -> ViewLayout:
        """Of what is seen."""
        return self.open.layout if self.open else ViewLayout()


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A line of the menu. `edit_url` is None for whom may not change the view."""

    id: int
    name: str
    url: str
    edit_url: str | None
    is_shared: bool
    is_default: bool
    is_open: bool


async def present_views(access: TableAccess, query: TableQuery) -> Views:
    if not paths().leads_to("tables.views_index"):
        return Views(None, None, None)
    urls = TableUrls(access.table.id, query)
    view = await _open_view(access, urls)
    return Views(urls.to("tables.views_index"), urls.to("tables.views_new"), view)


async def present_links(access: TableAccess, urls: TableUrls) -> list[ViewLink]:
    """Those for all members first."""
    table, actor = access.table, current_user()
    records = await db().read(lambda connection: list_views(connection, table.id, actor.id))
    return [
        ViewLink(
            record.id,
            record.name,
            view_url(table.id, record.id),
            urls.to("tables.views_edit", view_id=record.id) if may_change(actor, access, record) else None,
            record.is_shared,
            record.is_default,
            record.id == urls.query.view,
        )
        for record in records
    ]


def view_url(table_id: int, view_id: int) -> str:
    """Where the view is opened."""
    return TableUrls(table_id, TableQuery.of(())).to("tables.views_show", view_id=view_id)


def plain_url(table: Table) -> str:
    """The whole table, also if it opens with a view."""
    more = {} if table.default_view_id is None else {"view": 0}
    return TableUrls(table.id, TableQuery.of(table.ref.fields)).table(**more)


def may_share(access: TableAccess) -> bool:
    """Whether views for all members are this person's to make."""
    return is_allowed(current_user(), Action.EDIT_TABLE, access)


async def fit_view(table: Table, view: ViewRecord) -> tuple[TableQuery, str]:
    """What the view shows, and in words what it cannot any more, if there is something."""
    try:
        return _parse(table, view.state), ""
    except QueryError:
        left, note = await fit_pairs(table, view.state, is_saved=True)
        return _parse(table, left), note


def _parse(table: Table, state: State) -> TableQuery:
    return TableQuery.from_args(state, table.ref.fields, reader_clock())


async def _open_view(access: TableAccess, urls: TableUrls) -> OpenView | None:
    """None without one, or if it was deleted or is somebody else's: then the address stands for itself."""
    table, query, actor = access.table, urls.query, current_user()
    view_id = query.view
    if not view_id:
        return None
    try:
        view = await db().read(lambda connection: find_view(connection, table.id, actor.id, view_id))
    except NotFound:
        return None
    saved, note = await fit_view(table, view)
    is_changed = bool(note) or saved.state != query.state
    save_url = urls.to("tables.views_save", view_id=view.id) if may_change(actor, access, view) else None
    return OpenView(view.id, view.name, view.layout, view.version, is_changed, view_url(table.id, view.id), save_url)
