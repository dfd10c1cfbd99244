"""Cells: the field that edits one, saving one or many, and pasting a block."""

import asyncio

from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models.tables.access import find_table
from webapp.models.tables.editing import EditResult, change_cells
from webapp.models.tables.pasting import missing_rows, paste
from webapp.tables import bp
from webapp.tables.edit_answers import answer_json, find_authors, present_result
from webapp.tables.edit_once import write_once
from webapp.tables.edit_requests import MAX_BYTES, MAX_FIELDS, is_json, parse_edits, parse_paste, read_as, read_json
from webapp.tables.row_pages import update_from_form
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.session import current_user


@bp.post("/<id:table_id>/cells")
@may(Action.EDIT_ROWS)
@body_limit(MAX_BYTES, fields=MAX_FIELDS)
async def cells_update(table_id: int) -> ResponseReturnValue:
    """Save each cell that still holds what its editor saw (`parse_edits`); the answer says what became of each
    (`present_result`). Sending it again does no harm: what a cell holds already is saved. Or the one cell of a form.
    """
    if not is_json():
        return await update_from_form(table_id)
    edits = await read_as(parse_edits)
    return await _answer(table_id, await db().write(change_cells, current_user(), table_id, edits))


@bp.post("/<id:table_id>/paste")
@may(Action.EDIT_ROWS)
@body_limit(MAX_BYTES)
async def pastes_create(table_id: int) -> ResponseReturnValue:
    """A block of texts (`parse_paste`) as one change. With `Idempotency-Key` it is pasted once, however often it is
    sent. `needs_rows` in the answer: nothing was pasted, because so many rows would have to be added, which `add_rows`
    allows.
    """
    await find_table(db(), current_user(), table_id, Action.EDIT_ROWS)
    body = await read_json()
    pasted = await asyncio.to_thread(parse_paste, body)
    if (missing := missing_rows(pasted)) and body.get("add_rows") is not True:
        return answer_json({"seq": None, "needs_rows": missing})
    return await write_once(table_id, lambda result: _answer(table_id, result), paste, pasted)


async def _answer(table_id: int, result: EditResult) -> ResponseReturnValue:
    places = [(conflict.edit.row_id, conflict.edit.column) for conflict in result.conflicts]
    return answer_json(present_result(table_id, result, await find_authors(table_id, places)))
