"""A table: viewing it, counting what a view shows, renaming it, and moving it to the trash."""

from contextlib import suppress
from secrets import token_urlsafe

from quart import Response, request
from quart.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from webapp.extensions import config, db, indexes, row_store
from webapp.jobs.indexes import MIN_ROWS
from webapp.models import Table, is_allowed
from webapp.models.tables.access import TableAccess, find_table
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.history_query import log_size
from webapp.models.tables.renaming import rename_table
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import GROUPS, RowReader
from webapp.rowstore.values import Count, Groups, Page, PageStart
from webapp.tables import bp, grid
from webapp.tables.address import parse_query
from webapp.tables.colour_presenter import ColouredRows, read_coloured_page
from webapp.tables.grid_presenter import is_part_of, needs_count, present_count, present_status, present_table
from webapp.tables.groups_presenter import describe_groups, present_groups
from webapp.tables.page_size import read_page
from webapp.tables.saved_view_presenter import present_views
from webapp.tables.saved_views import open_view
from webapp.tables.stale_views import answer_stale_view
from webapp.tables.table_urls import TableUrls
from webapp.web.access import Action, may, public
from webapp.web.forms import Form
from webapp.web.fragments import is_partial, redirect_to, render
from webapp.web.paths import url_for
from webapp.web.row_reads import read_rows, read_table
from webapp.web.session import current_user

COUNT_SECONDS = 0.3  # that a whole page waits for its count


class TitleForm(Form):
    title = StringField(
        "Title", [DataRequired("Give it a title."), Length(max=200)], filters=[lambda t: t and t.strip()]
    )


@bp.get("/<id:table_id>")
async def show(table_id: int) -> ResponseReturnValue:
    reading = _Reading()
    try:
        access, query, page, count, found, colours = await read_table(table_id, reading.read, config().query_timeout)
    except _OpensWithView as default:
        return await open_view(default.table, default.view_id)
    except QueryError as error:
        if reading.access is None:
            raise
        return await answer_stale_view(reading.access.table, error)
    finally:
        if reading.access is not None and reading.query is not None:
            request_index(reading.access, reading.query)  # above all after a sort that took too long
    table = access.table
    views, line, groups = await present_views(access, query), present_status(table, query, page, count), None
    if query.group and found:
        line = describe_groups(line, query.group, found)
        groups = present_groups(table, query, query.group, found, GROUPS)
    return await render(
        "tables/show.html",
        "tables/_results.html",
        table=table,
        view=present_table(table, query, page, views.layout, colours),
        views=views,
        status_line=line,
        groups=groups,
        may_edit=table.state == "ready" and is_allowed(current_user(), Action.EDIT_ROWS, access),
        page_id=token_urlsafe(9),
        may_change=is_allowed(current_user(), Action.CHANGE_TABLE, access),
    )


class _OpensWithView(Exception):
    """The address says nothing about what to show, and the table has a view for that."""

    def __init__(self, table: Table, view_id: int) -> None:
        super().__init__()
        self.table, self.view_id = table, view_id


Found = tuple[TableAccess, TableQuery, Page, Count | None, Groups | None, ColouredRows | None]


class _Reading:
    """What a request reads of its table, in a thread; and how far it came.

    A fragment requests the count later. A whole page may be all its reader ever gets, so it waits briefly.
    """

    def __init__(self) -> None:
        args = request.args
        self._start = PageStart(args.get("after"), args.get("before"), args.get("at", type=int), "last" in args)
        self._first_group = args.get("groups", 0, int)
        self._is_whole = not is_partial()
        self._is_bare = self._is_whole and not args
        self.access: TableAccess | None = None
        self.query: TableQuery | None = None

    def read(self, access: TableAccess, rows: RowReader) -> Found:
        self.access, table = access, access.table
        if self._is_bare and table.default_view_id is not None:
            raise _OpensWithView(table, table.default_view_id)
        self.query = query = parse_query(table)
        if query.group:
            groups = rows.groups(table.ref, query, query.group, max(self._first_group, 0), GROUPS)
            return access, query, Page([], None, None), Count(groups.rows), groups, None
        page = read_page(rows, table.ref, query, self._start)
        colours = read_coloured_page(rows, table, query, page)
        if self._is_whole and needs_count(table, query, page):
            with suppress(QueryTimeout):
                return access, query, page, rows.count(table.ref, query, seconds=COUNT_SECONDS), None, colours
        return access, query, page, None, None, colours


def request_index(access: TableAccess, query: TableQuery) -> None:
    """People who sort a large table by a column will do so again, so index it, if they may change the table at all."""
    table = access.table
    is_large = table.state == "ready" and MIN_ROWS <= table.row_count <= row_store().limits.sorted_rows
    if query.sorts and is_large and is_allowed(current_user(), Action.EDIT_TABLE, access):
        indexes().request(table.id, query.sorts[0].field)


@bp.get("/<id:table_id>/count")
async def counts_show(table_id: int) -> ResponseReturnValue:
    """The status line asks for it, where the page did not say how many rows it shows."""
    table = await find_table(db(), current_user(), table_id)
    query = parse_query(table)
    count = None
    if is_part_of(table, query):
        with suppress(QueryTimeout):
            count = await read_rows(lambda rows: rows.count(table.ref, query), config().query_timeout)
    return await render("tables/_status.html", status_line=present_count(table, query, count))


@bp.get("/grid/<int:edition>/<kinds>.css")
@public
async def stylesheets_show(edition: int, kinds: str) -> ResponseReturnValue:
    """The rules for columns of these kinds, of any table; immutable for a given edition."""
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(grid.style_sheet(kinds), mimetype="text/css", headers=headers)


@bp.get("/<id:table_id>/edit")
@may(Action.CHANGE_TABLE)
async def edit(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    return await _edit_page(table, TitleForm(data={"title": table.title}))


@bp.post("/<id:table_id>")
@may(Action.CHANGE_TABLE)
async def update(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    form = await TitleForm.load()
    if form.validate_on_submit():
        await db().write(rename_table, current_user(), table.id, form.title.data or "")
        return redirect_to(url_for("tables.show", table_id=table.id))
    return await _edit_page(table, form, status=422)


@bp.post("/<id:table_id>/deletion")
@may(Action.CHANGE_TABLE)
async def destroy(table_id: int) -> ResponseReturnValue:
    """Nobody is asked first: the next page offers to undo it."""
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    await db().write(delete_table, current_user(), table.id)
    return redirect_to(url_for("main.dashboard", deleted=table.id))


async def _edit_page(table: Table, form: TitleForm, status: int = 200) -> ResponseReturnValue:
    url = TableUrls(table.id, TableQuery.of(table.ref.fields)).table()
    changes, log_bytes = await db().read(lambda connection: log_size(connection, table.id))
    return await render(
        "tables/edit.html",
        table=table,
        form=form,
        table_url=url,
        changes=changes,
        log_bytes=log_bytes,
        history_days=config().history_days,
        history_mb=config().history_mb,
        trash_days=config().trash_days,
        status=status,
    )
