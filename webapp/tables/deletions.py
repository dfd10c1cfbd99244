"""The trash of a table's rows and columns: what was deleted, getting it back, and deleting it for good."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import Connection

from webapp.extensions import config, db
from webapp.models import is_allowed
from webapp.models.tables.access import TableAccess, find_access
from webapp.models.tables.deletion_purging import purge_deletions
from webapp.models.tables.deletions import Deletion, find_deletion, list_deletions
from webapp.models.tables.editing import with_deleted_columns
from webapp.models.tables.restoring import RestoreResult, restore
from webapp.models.tables.undo import UndoBegun
from webapp.rowstore import row_reader
from webapp.tables import bp
from webapp.tables.deletion_presenter import present_deletion, shown_titles, words_of
from webapp.tables.edit_answers import answer_begun
from webapp.web.access import Action, may
from webapp.web.application import parse_id
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to, render, render_large
from webapp.web.session import current_user

ROWS_SIZE = 100  # rows of one deletion on a page
MAX_CHOSEN = 100  # deletions in one request


@bp.get("/<id:table_id>/trash")
@may(Action.EDIT_TABLE)
async def deletions_index(table_id: int) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id, Action.EDIT_TABLE)
    before = request.args.get("before", type=int)
    page = await db().read(lambda reading: list_deletions(reading, row_reader(reading), table_id, before))
    more = url_for("tables.deletions_index", table_id=table_id, before=page.before) if page.before else None
    return await render_large(
        "tables/trash/deletions.html",
        lines=await _present(access, page.deletions),
        more_url=more,
        is_first=before is None,
        **_shared(access),
    )


@bp.get("/<id:table_id>/trash/<id:seq>")
@may(Action.EDIT_TABLE)
async def deletions_show(table_id: int, seq: int) -> ResponseReturnValue:
    """All rows of one deletion, to choose some; `?from=100` leaves the first ones out, of a large one parts."""
    access = await find_access(db(), current_user(), table_id, Action.EDIT_TABLE)
    start = request.args.get("from", default=0, type=parse_id)
    deletion = await db().read(lambda reading: find_deletion(reading, row_reader(reading), table_id, seq, start))
    if deletion is None:
        flash("This is not in the trash any more: it was restored, or deleted for good.", "alert")
        return redirect_to(url_for("tables.deletions_index", table_id=table_id))
    end = start + ROWS_SIZE
    (line,) = await _present(access, [deletion], slice(None) if deletion.is_large else slice(start, end))
    following = deletion.following if deletion.is_large else end if end < line.row_count else None
    return await render_large(
        "tables/trash/deletion.html",
        line=line,
        more_url=f"{line.url}?from={following}" if following is not None else None,
        **_shared(access),
    )


@bp.post("/<id:table_id>/trash/restoration")
@may(Action.EDIT_TABLE)
async def deletions_restore(table_id: int) -> ResponseReturnValue:
    """`one` is the deletion whose button was pressed; else those that are checked, or of one the rows that are."""
    await find_access(db(), current_user(), table_id, Action.EDIT_TABLE)
    form = await request.form
    seqs = form.getlist("one", type=parse_id) or form.getlist("seq", type=parse_id)
    rows = form.getlist("row", type=parse_id) if "some" in form else None
    if not seqs or (rows is not None and not rows):
        flash("Nothing was chosen, so nothing was restored.", "alert")
    else:
        result = await db().write(restore, current_user(), table_id, seqs[:MAX_CHOSEN], rows)
        if isinstance(result, UndoBegun):
            return answer_begun(table_id, result)
        _flash_restored(result)
    return redirect_to(url_for("tables.deletions_index", table_id=table_id))


@bp.get("/<id:table_id>/trash/purge")
@may(Action.CHANGE_TABLE)
async def deletions_edit(table_id: int) -> ResponseReturnValue:
    """Asks before the deletions of `?seq=204&seq=199` are deleted for good."""
    access = await find_access(db(), current_user(), table_id, Action.CHANGE_TABLE)
    seqs = request.args.getlist("seq", type=parse_id)[:MAX_CHOSEN]

    def read(connection: Connection) -> list[Deletion]:
        found = (find_deletion(connection, row_reader(connection), table_id, seq) for seq in dict.fromkeys(seqs))
        return [deletion for deletion in found if deletion is not None]

    lines = await _present(access, await db().read(read))
    if not lines:
        flash("Nothing was chosen that is still in the trash.", "alert")
        return redirect_to(url_for("tables.deletions_index", table_id=table_id))
    rows, columns = sum(line.row_count for line in lines), [title for line in lines for title in line.columns]
    return await render(
        "tables/trash/purge_deletions.html", lines=lines, what=words_of(rows, columns), **_shared(access)
    )


@bp.post("/<id:table_id>/trash/purge")
@may(Action.CHANGE_TABLE)
async def deletions_destroy(table_id: int) -> ResponseReturnValue:
    seqs = (await request.form).getlist("seq", type=parse_id)[:MAX_CHOSEN]
    if await db().write(purge_deletions, current_user(), table_id, seqs):
        flash("It is being deleted for good, and leaves the history, too.")
    else:
        flash("None of this is in the trash any more.", "alert")
    return redirect_to(url_for("tables.deletions_index", table_id=table_id))


def _flash_restored(result: RestoreResult) -> None:
    parts = [
        plural(result.rows, "row") if result.rows else "",
        plural(result.columns, "column") if result.columns else "",
    ]
    what = " and ".join(filter(None, parts))
    if not what:
        flash("There was nothing left to restore: it is back already, or was deleted for good.", "alert")
    elif result.left:
        flash(f"{what} restored. {plural(result.left, 'other')} could not come back.", "alert")
    else:
        flash(f"{what} restored.")


async def _present(access: TableAccess, deletions: list[Deletion], some: slice | None = None) -> list[Any]:
    titles, kept = await _titles(access), timedelta(days=config().trash_days)
    return [
        present_deletion(access.table, one, titles, kept, *([some] if some is not None else [])) for one in deletions
    ]


async def _titles(access: TableAccess) -> Mapping[int, str]:
    ref = await db().read(lambda connection: with_deleted_columns(connection, access.table))
    return {field.number: field.title for field in ref.stored}


def _shared(access: TableAccess) -> dict[str, Any]:
    return {
        "table": access.table,
        "titles": shown_titles(access.table),
        "trash_days": config().trash_days,
        "may_purge": is_allowed(current_user(), Action.CHANGE_TABLE, access),
    }
