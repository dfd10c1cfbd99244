"""Exports of a table: the files that its page offers, of the view that the address describes."""

from typing import Literal

from pydantic import Field
from quart import Response
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import errors, files, grid_query
from webapp.api.fields import TableId
from webapp.api.row_schemas import ViewQuery
from webapp.api.rows import query_of
from webapp.extensions import db
from webapp.models.policy import Action
from webapp.models.tables.access import find_table
from webapp.rowstore.reader import ExportFormat
from webapp.web.access import may
from webapp.web.exporting import MIMETYPES, send_export
from webapp.web.rate_limit.requests import reads
from webapp.web.session import current_user

Flag = Literal["0", "1"]


class ExportQuery(ViewQuery):
    format: ExportFormat = Field(default="csv", description="The type of the file.")
    safe: Flag = Field(default="0", description="1: no cell of CSV is a formula for a spreadsheet.")
    excel: Flag = Field(default="0", description="1: CSV as your Excel expects it.")


@bp.get("/v1/tables/<id:table_id>/export")
@tag(["Rows"])
@may(Action.READ_TABLE)
@reads
@errors(422)
@files(*MIMETYPES.values())
@grid_query(ExportQuery)
async def exports_show(table_id: TableId, query_args: ExportQuery) -> Response:
    """Export a table

    All rows of the view that the address describes, as a file: `format` is `csv`, `json`, `ndjson` or `xlsx`. Cells
    are as in the file that they came from. `safe=1` makes no cell of CSV a formula; `excel=1` writes CSV as your Excel
    reads it.
    """
    table = await find_table(db(), current_user(), table_id)
    is_safe, is_for_excel = query_args.safe == "1", query_args.excel == "1"
    query = query_of(table, query_args)
    return await send_export(table, query, query_args.format, is_safe=is_safe, is_for_excel=is_for_excel)
