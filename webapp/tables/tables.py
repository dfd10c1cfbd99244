"""A table: viewing, renaming and deleting it."""

from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from webapp.extensions import config, db, indexes
from webapp.jobs.indexes import TOO_LONG, WORTH_IT
from webapp.models import Table
from webapp.models.tables.deletion import delete_table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.pages import fetch_rows
from webapp.tables import bp, counts, grid
from webapp.tables.finders import find_table
from webapp.tables.view import Addresses, table_view
from webapp.web import flashes
from webapp.web.access import Action, is_allowed, may
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user


class TitleForm(Form):
    title = StringField(
        "Title", [DataRequired("Give it a title."), Length(max=200)], filters=[lambda t: t and t.strip()]
    )


@bp.get("/<id:table_id>")
async def show(table_id: int) -> ResponseReturnValue:
    table = await find_table(current_user(), table_id)
    query = TableQuery.from_args(request.args, table.columns)
    after, before, at = request.args.get("after"), request.args.get("before"), request.args.get("at", type=int)
    try:
        page = await fetch_rows(db(), table, query, after=after, before=before, at=at, seconds=config().query_timeout)
    finally:
        want_indexes(table, query)  # above all after a sort that took too long
    view = table_view(table, query, page)
    summary = await counts.summary_of(table, query, page)
    may_change = is_allowed(current_user(), Action.CHANGE_TABLE, table)
    shown: dict[str, Any] = {"table": table, "view": view, "summary": summary, "may_change": may_change}
    return await render("tables/show.html", "tables/_results.html", **shown)


def want_indexes(table: Table, query: TableQuery) -> None:
    """People who sort a large table by a column will do so again, so index it."""
    if query.sorts and table.state == "ready" and WORTH_IT <= table.row_count <= TOO_LONG:
        indexes().want(table.id, query.sorts[0].field)


@bp.get("/grid/<int:edition>/<kinds>.css")
async def stylesheets_show(edition: int, kinds: str) -> ResponseReturnValue:
    """The rules for columns of these kinds; immutable for a given edition."""
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(grid.style_sheet(kinds), mimetype="text/css", headers=headers)


@bp.get("/<id:table_id>/edit")
@may(Action.CHANGE_TABLE)
async def edit(table_id: int) -> ResponseReturnValue:
    table = await find_table(current_user(), table_id, Action.CHANGE_TABLE)
    return await _edit_page(table, TitleForm(data={"title": table.title}))


@bp.post("/<id:table_id>")
@may(Action.CHANGE_TABLE)
async def update(table_id: int) -> ResponseReturnValue:
    table = await find_table(current_user(), table_id, Action.CHANGE_TABLE)
    form = TitleForm(await request.form)
    if not form.validate():
        return await _edit_page(table, form, status=422)
    await db().write(Table.rename, table.id, form.title.data)
    return redirect_to(url_for("tables.show", table_id=table.id))


@bp.post("/<id:table_id>/deletion")
@may(Action.CHANGE_TABLE)
async def destroy(table_id: int) -> ResponseReturnValue:
    table = await find_table(current_user(), table_id, Action.CHANGE_TABLE)
    if (await request.form).get("confirmation", "").strip() != table.title.strip():
        error = "This is not its title. Nothing was deleted."
        return await _edit_page(table, TitleForm(data={"title": table.title}), deletion_error=error, status=422)
    await db().write(delete_table, table.id)
    flashes.flash(f"“{table.title}” is deleted.")
    return redirect_to(url_for("main.dashboard"))


async def _edit_page(
    table: Table, form: TitleForm, deletion_error: str | None = None, status: int = 200
) -> ResponseReturnValue:
    url = Addresses(table.id, TableQuery.of(table.columns)).table()
    return await render(
        "tables/edit.html", table=table, form=form, deletion_error=deletion_error, table_url=url, status=status
    )
