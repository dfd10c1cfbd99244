"""Exporting a table: the current view as CSV, JSON, NDJSON or a workbook, and the original file, both streamed."""

import asyncio

from quart import Response, request

from webapp.db.errors import UserError
from webapp.extensions import db, jobs
from webapp.models import Import
from webapp.models.errors import NotFound
from webapp.models.tables.access import find_table
from webapp.rowstore.reader import ExportFormat
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.selection import parse_selection
from webapp.web.byte_ranges import send_ranges
from webapp.web.exporting import MIMETYPES, send_export
from webapp.web.session import current_user
from webapp.web.streaming import attachment, file_part


@bp.get("/<id:table_id>/export")
async def exports_show(table_id: int) -> Response:
    table = await find_table(db(), current_user(), table_id)
    selection = parse_selection(table)
    query = selection.rows if selection else parse_query(table)
    format, args = _parse_format(request.args.get("format", "csv")), request.args
    is_safe, is_for_excel = args.get("safe") == "1", args.get("excel") == "1"
    return await send_export(table, query, format, is_safe=is_safe, is_for_excel=is_for_excel)


@bp.get("/<id:table_id>/original")
async def originals_show(table_id: int) -> Response:
    """The upload, byte for byte. An interrupted download can be resumed."""
    table = await find_table(db(), current_user(), table_id)
    async with db().reading() as session:
        upload = (await session.execute(Import.upload_of(table.id))).first()
    if upload is None:
        raise NotFound("file")
    path = jobs().folder(upload.id).original
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("file")
    response = send_ranges(
        lambda begin, end: file_part(path, begin, end), path.stat().st_size, "application/octet-stream", upload.sha256
    )
    response.headers["Content-Disposition"] = attachment(upload.filename)
    return response


def _parse_format(name: str) -> ExportFormat:
    for format in MIMETYPES:
        if name == format:
            return format
    raise UserError("A table can be exported as csv, json, ndjson or xlsx.")
