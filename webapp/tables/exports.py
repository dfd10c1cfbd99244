"""Exporting a table: the current view as CSV, JSON, NDJSON or a workbook, and the original file, both streamed."""

import asyncio

from quart import Response, request

from webapp.db.errors import UserError
from webapp.extensions import db, jobs, row_store
from webapp.models import Import
from webapp.models.errors import NotFound
from webapp.models.tables.access import find_table
from webapp.rowstore.reader import EXPORT_CHECK_SECONDS, Blocks, ExportFormat, RowReader
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.export_names import name_export
from webapp.tables.selection import parse_selection
from webapp.web.byte_ranges import send_ranges
from webapp.web.formatting import STYLES
from webapp.web.session import current_user
from webapp.web.streaming import attachment, file_part, streamed

BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the encoding of the reader's country
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MIMETYPES: dict[ExportFormat, str] = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "xlsx": XLSX,
}


@bp.get("/<id:table_id>/export")
async def exports_show(table_id: int) -> Response:
    table = await find_table(db(), current_user(), table_id)
    selection = parse_selection(table)
    query = selection.rows if selection else parse_query(table)
    format, is_safe = _parse_format(request.args.get("format", "csv")), request.args.get("safe") == "1"
    excel = excel_delimiter() if request.args.get("excel") == "1" else None
    store = row_store()  # the stream outlives the app context
    await store.read(lambda rows: rows.ensure_exportable(table.ref, query, format), seconds=2 * EXPORT_CHECK_SECONDS)

    def read(rows: RowReader) -> Blocks:
        if excel and format == "csv":
            yield BOM
        yield from rows.export(table.ref, query, format, safe=is_safe, delimiter=excel or ",")

    name = name_export(table.title, query, format)
    return streamed(lambda: store.stream(read), MIMETYPES[format], name)


def excel_delimiter() -> str:
    """Excel separates by semicolons where numbers have a decimal comma: that is known of the reader."""
    return ";" if STYLES.get(current_user().number_style, STYLES["comma"])[1] == "," else ","


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
