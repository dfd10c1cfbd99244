"""Exporting a table: the current view as CSV or NDJSON, and the original file, both streamed."""

import asyncio

from quart import Response, request

from webapp.data.problems import Problem
from webapp.data.sqlite import database_file
from webapp.engine import exporting
from webapp.engine.query import TableQuery
from webapp.extensions import config, db, jobs
from webapp.models import Import
from webapp.models.problems import NotFound
from webapp.tables import bp
from webapp.web.access import find_table, signed_in
from webapp.web.ranges import answer_parts
from webapp.web.streaming import attachment, file_part, streamed

MIMETYPES: dict[exporting.Format, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class UnknownFormat(Problem):
    def __init__(self) -> None:
        super().__init__("A table can be exported as csv or ndjson.")


@bp.get("/<int:table_id>/export")
async def exports_show(table_id: int) -> Response:
    table = await find_table(signed_in(), table_id)
    query = TableQuery.from_args(request.args, table.columns)
    kind = _kind(request.args.get("format", "csv"))
    database, is_safe = database_file(config().sqlalchemy_url), request.args.get("safe") == "1"
    return streamed(
        lambda: exporting.stream(database, table, query, kind, safe=is_safe), MIMETYPES[kind], f"{table.title}.{kind}"
    )


@bp.get("/<int:table_id>/original")
async def originals_show(table_id: int) -> Response:
    """The upload, byte for byte. An interrupted download can be resumed."""
    table = await find_table(signed_in(), table_id)
    async with db().reading() as session:
        upload = (await session.execute(Import.kept_for(table.id))).first()
    if upload is None:
        raise NotFound("file")
    path = jobs().folder(upload.id).original
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("file")
    response = answer_parts(
        lambda begin, end: file_part(path, begin, end), path.stat().st_size, "application/octet-stream", upload.sha256
    )
    response.headers["Content-Disposition"] = attachment(upload.filename)
    return response


def _kind(name: str) -> exporting.Format:
    for kind in MIMETYPES:
        if name == kind:
            return kind
    raise UnknownFormat
