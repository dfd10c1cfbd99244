"""Writing rows: one or many, all of them or none."""

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec

from quart import Response, request
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import errors, large_body, response, takes_idempotency_key
from webapp.api.fields import RowId, TableId
from webapp.api.keys import from_runs, to_runs, write_once
from webapp.api.responses import empty
from webapp.api.row_schemas import KeyedRows, NewRows, RowChange, RowChanges, RowDeletions, Written
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor
from webapp.models.policy import Action
from webapp.models.tables.row_input import InputStyle, RowInput
from webapp.models.tables.typed_rows import (
    WrittenRows,
    add_typed_rows,
    change_typed_rows,
    delete_typed_rows,
    put_typed_rows,
)
from webapp.web.access import may
from webapp.web.rate_limit.requests import writes
from webapp.web.session import current_user

P = ParamSpec("P")
MAX_BYTES = 32 * 1024 * 1024


@bp.post("/v1/tables/<id:table_id>/rows")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Written, 201)
@large_body(NewRows, MAX_BYTES)
async def rows_create(table_id: TableId, data: NewRows) -> Any:
    """Add rows

    One or up to 10,000, with up to 100,000 cells, behind the last: all of them or none. `errors` names each cell that
    does not fit, with the row it is in.
    """
    rows = [row.cells for row in data.rows]
    return await _written(table_id, add_typed_rows, rows, data.style), 201


@bp.patch("/v1/tables/<id:table_id>/rows")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Written)
@large_body(RowChanges, MAX_BYTES)
async def rows_change(table_id: TableId, data: RowChanges) -> Any:
    """Change rows

    The cells that are named, of one or up to 10,000 rows: all of them or none. With `expected`, only if these cells
    still hold that (409).
    """
    rows = [row.row() for row in data.rows]
    return await _written(table_id, change_typed_rows, rows, data.style)


@bp.put("/v1/tables/<id:table_id>/rows")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Written)
@large_body(KeyedRows, MAX_BYTES)
async def rows_put(table_id: TableId, data: KeyedRows) -> Any:
    """Change or add rows by key

    A row with the same texts in the columns `key` is changed, in the cells that are named; if there is none, it is
    added. All of them or none; a key that several rows of the table have is refused. Sent again, it changes nothing.
    """
    rows = [row.cells for row in data.rows]
    return await _written(table_id, put_typed_rows, data.key, rows, data.style)


@bp.delete("/v1/tables/<id:table_id>/rows")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Written)
@large_body(RowDeletions, MAX_BYTES)
async def rows_remove(table_id: TableId, data: RowDeletions) -> Any:
    """Delete rows

    One or up to 10,000: all of them or none. Undo brings them back.
    """
    rows = [row.row() for row in data.rows]
    return await _written(table_id, delete_typed_rows, rows, data.style)


@bp.patch("/v1/tables/<id:table_id>/rows/<id:row_id>")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(409, 412, 422)
@response(Written)
@large_body(RowChange, MAX_BYTES)
async def rows_update(table_id: TableId, row_id: RowId, data: RowChange) -> Any:
    """Change a row

    The cells that are named.
    """
    return await _change(table_id, row_id, data, replaces=False)


@bp.put("/v1/tables/<id:table_id>/rows/<id:row_id>")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(409, 412, 422)
@response(Written)
@large_body(RowChange, MAX_BYTES)
async def rows_replace(table_id: TableId, row_id: RowId, data: RowChange) -> Any:
    """Replace a row

    Cells that are not named are emptied.
    """
    return await _change(table_id, row_id, data, replaces=True)


@bp.delete("/v1/tables/<id:table_id>/rows/<id:row_id>")
@tag(["Rows"])
@may(Action.EDIT_ROWS)
@writes
@errors(412)
async def rows_delete(table_id: TableId, row_id: RowId) -> Response:
    """Delete a row

    Undo brings it back.
    """
    row, versions = RowInput(row_id, {}), request.if_match or None
    await db().write(delete_typed_rows, current_user(), table_id, [row], InputStyle(), versions=versions)
    return empty()


async def _change(table_id: int, row_id: int, data: RowChange, *, replaces: bool) -> Written:
    rows, versions = [data.row(row_id)], request.if_match or None
    about = (current_user(), table_id, rows, data.style)
    return Written.of(await db().write(change_typed_rows, *about, versions=versions, replaces=replaces))


async def _written(
    table_id: int,
    verb: Callable[Concatenate[UnitOfWork, Actor, int, P], Awaitable[WrittenRows]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Written:
    """Sent again with the same key, the answer is the same."""

    def answer(rows: WrittenRows) -> list[Any]:
        return [rows.seq, to_runs(rows.ids), to_runs(rows.added)]

    seq, ids, added = await write_once(table_id, answer, verb, *args, **kwargs)
    return Written(seq=seq, ids=from_runs(ids), added=from_runs(added))
