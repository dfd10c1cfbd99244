"""Exporting a table: the current view as CSV or NDJSON, and the original file, both streamed."""

import asyncio

from quart import Response, request

from webapp.db.errors import UserError
from webapp.extensions import db, jobs, row_store
from webapp.models import Import
from webapp.models.errors import NotFound
from webapp.models.tables.table import find_table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.store import ExportFormat
from webapp.tables import bp
from webapp.web.byte_ranges import send_ranges
from webapp.web.session import current_user
from webapp.web.streaming import attachment, file_part, streamed

MIMETYPES: dict[ExportFormat, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


@bp.get("/<id:table_id>/export")
async def exports_show(table_id: int) -> Response:
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    format, is_safe = _parse_format(request.args.get("format", "csv")), request.args.get("safe") == "1"
    store = row_store()  # the stream outlives the app context
    return streamed(
        lambda: store.stream(lambda rows: rows.export(table.ref, query, format, safe=is_safe)),
        MIMETYPES[format],
        f"{table.title}.{format}",
    )


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
    raise UserError("A table can be exported as csv or ndjson.")
