"""Rows are added, duplicated and deleted, and changes are undone and redone: by the grid's script, which sends and gets
JSON, and by forms, which are led to a page that says what happened.
"""

from collections.abc import Awaitable, Callable, Sequence

from quart import request
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor
from webapp.models.errors import NotFound
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Via
from webapp.models.tables.editing import RowsResult, add_rows, delete_rows, duplicate_rows
from webapp.models.tables.undo import UndoBegun, UndoResult, redo_latest, undo_latest
from webapp.tables import bp
from webapp.tables.edit_answers import answer_begun, answer_json, describe_undo, undo_url
from webapp.tables.edit_once import write_keyed, write_once
from webapp.tables.edit_requests import MAX_BYTES, MAX_FIELDS, is_json, parse_ids, parse_rows, read_as
from webapp.tables.row_pages import create_from_form
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to
from webapp.web.idempotency import form_key
from webapp.web.paths import url_for
from webapp.web.session import current_user


@bp.post("/<id:table_id>/rows")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_FIELDS)
async def rows_create(table_id: int) -> ResponseReturnValue:
    """Rows behind the last (`parse_rows`), or the one of the form."""
    if not is_json():
        return await create_from_form(table_id)
    return await write_once(table_id, _answer("added"), add_rows, await read_as(parse_rows))


@bp.post("/<id:table_id>/rows/duplicate")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_FIELDS)
async def rows_duplicate(table_id: int) -> ResponseReturnValue:
    if is_json():
        return await write_once(table_id, _answer("added"), duplicate_rows, await read_as(parse_ids))
    await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    ids = await _form_ids()
    result = await write_keyed(await form_key(*ids), table_id, duplicate_rows, ids, via=Via.PAGE)
    flash(f"{plural(len(result.ids), 'copy', 'copies')} added behind the last row.")
    return redirect_to(_row_url(table_id, result.ids))


@bp.post("/<id:table_id>/rows/deletion")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_FIELDS)
async def rows_destroy(table_id: int) -> ResponseReturnValue:
    """Deleting what is gone already is no mistake: the answer says what was deleted by this request."""
    await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    ids = await read_as(parse_ids) if is_json() else await _form_ids()
    result = await db().write(delete_rows, current_user(), table_id, ids, via=_way())
    if is_json():
        return await _answer("deleted")(result)
    flash(f"{plural(len(result.ids), 'row')} deleted.", undo_url=undo_url(table_id, result.seq))
    return redirect_to(url_for("tables.show", table_id=table_id))


@bp.post("/<id:table_id>/undo")
@may(Action.EDIT_TABLE)
async def undo_create(table_id: int) -> ResponseReturnValue:
    """Take back one's own latest change that is in force."""
    return await _step(table_id, undo_latest, "undone")


@bp.post("/<id:table_id>/redo")
@may(Action.EDIT_TABLE)
async def redo_create(table_id: int) -> ResponseReturnValue:
    return await _step(table_id, redo_latest, "redone")


async def _step(
    table_id: int, verb: Callable[[UnitOfWork, Actor, int, Via], Awaitable[UndoResult | UndoBegun]], done: str
) -> ResponseReturnValue:
    """A form leads back to the page that it is on: its field `page`."""
    result = await db().write(verb, current_user(), table_id, _way())
    if isinstance(result, UndoBegun):
        return answer_begun(table_id, result)
    message = await describe_undo(table_id, result, done)
    if is_json():
        left = [entry.place for entry in result.left]
        numbers = {"seq": result.seq, "of": result.of, "done": result.done, "total": result.total}
        return answer_json(numbers | {"left": left, "message": message})
    flash(message, "alert" if result.left else "done")
    is_history = (await request.form).get("page") == "history"
    return redirect_to(url_for("tables.histories_index" if is_history else "tables.show", table_id=table_id))


def _way() -> Via:
    """The grid's script, or a form."""
    return Via.GRID if is_json() else Via.PAGE


def _answer(done: str) -> Callable[[RowsResult], Awaitable[ResponseReturnValue]]:
    async def answer(result: RowsResult) -> ResponseReturnValue:
        message = f"{plural(len(result.ids), 'row')} {done}."
        return answer_json({"seq": result.seq, "ids": result.ids, "message": message})

    return answer


async def _form_ids() -> list[int]:
    """The fields `id` of the form."""
    texts = (await request.form).getlist("id")
    if not texts or not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise BadRequest("The form names no rows.")
    return [int(text) for text in texts]


def _row_url(table_id: int, ids: Sequence[int]) -> str:
    """Of the only row, or of the table from the first one on."""
    if not ids:
        raise NotFound("row")
    if len(ids) == 1:
        return url_for("tables.rows_show", table_id=table_id, row_id=ids[0])
    return url_for("tables.show", table_id=table_id, at=ids[0])
