"""The columns of a table."""

from functools import partial
from typing import Any

from quart import Response, request, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, response, takes_idempotency_key
from webapp.api.fields import Number, TableId
from webapp.api.keys import write_once
from webapp.api.responses import empty, etag
from webapp.api.table_schemas import ColumnChange, PlacedColumn, TableColumn, TableColumns
from webapp.extensions import db
from webapp.models import Table
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Via
from webapp.models.tables.column_changing import change_properties
from webapp.models.tables.columns import add_column, delete_column
from webapp.models.tables.versions import if_table_version, table_version
from webapp.web.access import may
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user


@bp.get("/v1/tables/<id:table_id>/columns")
@tag(["Columns"])
@may(Action.READ_TABLE)
@reads
@response(TableColumns, headers=("ETag",))
async def columns_index(table_id: TableId) -> Any:
    """List the columns of a table

    In their order. The `ETag` is that of the table.
    """
    table = await find_table(db(), current_user(), table_id)
    return TableColumns.of(table), 200, {"ETag": etag(table_version(table))}


@bp.post("/v1/tables/<id:table_id>/columns")
@tag(["Columns"])
@may(Action.EDIT_TABLE)
@writes
@errors(412, 422)
@takes_idempotency_key
@response(TableColumn, 201, headers=("Location", "ETag"))
@body(PlacedColumn)
async def columns_create(table_id: TableId, data: PlacedColumn) -> Any:
    """Add a column

    Of empty cells, at `place` or behind the last.
    """
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    place = len(table.columns) if data.place is None else data.place - 1
    add = partial(add_column, title=data.title, type=data.type, place=place, via=Via.API, format=data.format)
    versions = request.if_match or None
    number = await write_once(table_id, lambda result: result.number, if_table_version, versions, add)
    column, headers = await _show(table_id, number)
    location = url_for("api.columns_show", table_id=table_id, number=number)
    return column, 201, headers | {"Location": location}


@bp.get("/v1/tables/<id:table_id>/columns/<id:number>")
@tag(["Columns"])
@may(Action.READ_TABLE)
@reads
@response(TableColumn, headers=("ETag",))
async def columns_show(table_id: TableId, number: Number) -> Any:
    """Show a column

    The `ETag` is that of the table.
    """
    column, headers = await _show(table_id, number)
    return column, 200, headers


@bp.patch("/v1/tables/<id:table_id>/columns/<id:number>")
@tag(["Columns"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 412, 422)
@response(TableColumn, headers=("ETag",))
@body(ColumnChange)
async def columns_update(table_id: TableId, number: Number, data: ColumnChange) -> Any:
    """Change a column

    Its title, type, format, rules or place, for everybody: all fields given, or none. Another type changes no text,
    only what the texts mean; in a large table that takes a while, and until then the column has the type that it had.
    """
    wanted = {name: getattr(data, name) for name in data.model_fields_set}
    if "rules" in wanted:
        wanted["rules"] = data.rules.checked()
    await db().write(
        if_table_version, current_user(), table_id, request.if_match or None, change_properties, number, wanted
    )
    column, headers = await _show(table_id, number)
    return column, 200, headers


@bp.delete("/v1/tables/<id:table_id>/columns/<id:number>")
@tag(["Columns"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 412)
async def columns_delete(table_id: TableId, number: Number) -> Response:
    """Delete a column

    With its cells. Undo brings it back.
    """
    versions = request.if_match or None
    await db().write(if_table_version, current_user(), table_id, versions, delete_column, number, None, Via.API)
    return empty()


async def _show(table_id: int, number: int) -> tuple[TableColumn, dict[str, str]]:
    """Raises `NotFound`."""
    table = await find_table(db(), current_user(), table_id)
    return _find(table, number), {"ETag": etag(table_version(table))}


def _find(table: Table, number: int) -> TableColumn:
    for place, column in enumerate(table.columns, 1):
        if column.number == number:
            return TableColumn.of(column, place)
    raise NotFound("column")
