"""The trash of tables: what is in it, getting a table back, and deleting for good. Everybody sees only their own."""

from datetime import timedelta

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db
from webapp.models.policy import Role, can_own_tables
from webapp.models.tables import trash
from webapp.models.tables.access import TableInTrash
from webapp.tables import bp
from webapp.web.access import Action, may
from webapp.web.application import parse_id
from webapp.web.errors import error_response, wants_page
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user

TITLE_DIFFERS = "The title does not match. Nothing was deleted."


@bp.get("/trash")
async def trash_index() -> ResponseReturnValue:
    async with db().reading() as session:
        tables = await trash.list_trash(session, current_user().id)
    return await render(
        "tables/trash/index.html",
        tables=tables,
        kept=timedelta(days=config().trash_days),
        trash_days=config().trash_days,
        may_own=can_own_tables(Role(current_user().role)),
    )


@bp.post("/trash/<id:table_id>/restoration")
@may(Action.CHANGE_TABLE)
async def trash_restore(table_id: int) -> ResponseReturnValue:
    title = await db().write(trash.restore_table, current_user(), table_id)
    flash(f"“{title}” is restored, as it was when it was deleted.")
    return redirect_to(url_for("tables.show", table_id=table_id))


@bp.get("/trash/<id:table_id>/purge")
@may(Action.CHANGE_TABLE)
async def trash_edit(table_id: int) -> ResponseReturnValue:
    return await _confirm(table_id)


@bp.post("/trash/<id:table_id>/purge")
@may(Action.CHANGE_TABLE)
async def trash_destroy(table_id: int) -> ResponseReturnValue:
    async with db().reading() as session:
        title = (await trash.find_trashed(session, current_user(), table_id)).title
    if (await request.form).get("confirmation", "").strip() != title.strip():
        return await _confirm(table_id, TITLE_DIFFERS, status=422)
    await db().write(trash.purge_table, current_user(), table_id)
    flash(f"“{title}” is deleted for good.")
    return redirect_to(url_for("tables.trash_index"))


@bp.get("/trash/purge")
@may(Action.CHANGE_TABLE)
async def trash_edit_all() -> ResponseReturnValue:
    async with db().reading() as session:
        tables = await trash.list_trash(session, current_user().id)
    return await render("tables/trash/purge_all.html", tables=tables) if tables else redirect_to(_index())


@bp.post("/trash/purge")
@may(Action.CHANGE_TABLE)
async def trash_destroy_all() -> ResponseReturnValue:
    """Those that the page has listed: what somebody deletes meanwhile stays in the trash."""
    listed = (await request.form).getlist("id", type=parse_id)
    count = await db().write(trash.purge_tables, current_user(), listed)
    if count:
        flash(f"{plural(count, 'table')} {'is' if count == 1 else 'are'} deleted for good.")
    return redirect_to(_index())


@bp.errorhandler(TableInTrash)
async def answer_table_in_trash(error: TableInTrash) -> Response:
    """An old link to a deleted table: its owner is offered to restore it, for everybody else there is no such table."""
    if not wants_page():
        return error_response(404, str(error))
    return await render("tables/trash/gone.html", status=404, table_id=error.table_id, title=error.title)


async def _confirm(table_id: int, error: str | None = None, status: int = 200) -> ResponseReturnValue:
    async with db().reading() as session:
        table = await trash.find_trashed(session, current_user(), table_id)
    return await render("tables/trash/purge.html", table=table, error=error, status=status)


def _index() -> str:
    return url_for("tables.trash_index")
