"""The colours of rows whose values have changed: the page's script asks for them after it heard of that."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import config
from webapp.models.tables.access import TableAccess
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import parse_ranges
from webapp.rowstore.reader import PAGE_SIZE, RowReader
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.colour_presenter import asked_scale
from webapp.tables.colouring import Tint, colouring_of
from webapp.tables.edit_answers import answer_json
from webapp.web.row_reads import read_table

MAX_ROWS = 2 * PAGE_SIZE


@bp.get("/<id:table_id>/colours")
async def colours_show(table_id: int) -> ResponseReturnValue:
    """Of the rows `ids`, as in `1-5,9`, the class and with `named` the value: `{"5": ["t3", "City: Oslo"]}`. `scale`
    is that of the page. Rows without a colour are left out.
    """
    ids = [row_id for first, last in parse_ranges(request.args.get("ids", "")) for row_id in range(first, last + 1)]
    if len(ids) > MAX_ROWS:
        raise QueryError(f"At most {MAX_ROWS} rows are asked for at once.", "ids")

    def read(access: TableAccess, rows: RowReader) -> dict[int, Tint]:
        query = parse_query(access.table)
        if query.colour is None:
            return {}
        return colouring_of(query.colour, asked_scale()).tints(rows, access.table.ref, ids)

    tints, has_names = await read_table(table_id, read, config().query_timeout), "named" in request.args
    found = {row_id: [tint.css, tint.text if has_names else ""] for row_id, tint in tints.items()}
    return answer_json(found)
