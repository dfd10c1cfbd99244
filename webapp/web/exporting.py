"""A view of a table as a file: CSV, JSON, NDJSON or a workbook, streamed."""

from quart import Response

from webapp.extensions import row_store
from webapp.models import Table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import EXPORT_CHECK_SECONDS, Blocks, ExportFormat, RowReader
from webapp.web.export_names import name_export
from webapp.web.formatting import STYLES
from webapp.web.session import current_user
from webapp.web.streaming import streamed

BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the encoding of the reader's country
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MIMETYPES: dict[ExportFormat, str] = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "xlsx": XLSX,
}


async def send_export(
    table: Table, query: TableQuery, format: ExportFormat, *, is_safe: bool = False, is_for_excel: bool = False
) -> Response:
    """`is_safe`: no cell of CSV runs as a formula; `is_for_excel`: as the reader's Excel expects CSV. Raises
    `UnfitForExcel`, and `TooManyOpen`.
    """
    excel = excel_delimiter() if is_for_excel else None
    store = row_store()  # the stream outlives the app context
    await store.read(lambda rows: rows.ensure_exportable(table.ref, query, format), seconds=2 * EXPORT_CHECK_SECONDS)

    def read(rows: RowReader) -> Blocks:
        if excel and format == "csv":
            yield BOM
        yield from rows.export(table.ref, query, format, safe=is_safe, delimiter=excel or ",")

    return streamed(lambda: store.stream(read), MIMETYPES[format], name_export(table.title, query, format))


def excel_delimiter() -> str:
    """Excel separates by semicolons where numbers have a decimal comma: that is known of the reader."""
    return ";" if STYLES.get(current_user().number_style, STYLES["comma"])[1] == "," else ","
