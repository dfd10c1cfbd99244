"""Reading rows: a page as JSON, or all of them streamed; each in the view that the address describes, as the grid's."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from quart import Response, request
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import errors, grid_query, streams
from webapp.api.fields import RowId, TableId
from webapp.api.responses import etag
from webapp.api.row_schemas import RowQuery, RowsQuery, TableRow, TableRows, ViewQuery
from webapp.extensions import config, db, row_store
from webapp.models import Table
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.models.tables.access import TableAccess, find_table
from webapp.models.tables.versions import row_version, table_version
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.objects import ObjectStyle
from webapp.rowstore.query import TableQuery, parse_ranges
from webapp.rowstore.reader import RowReader
from webapp.rowstore.values import Count, PageStart
from webapp.web.access import may
from webapp.web.headers import vary_by
from webapp.web.rate_limit.requests import reads
from webapp.web.reader_clock import reader_clock
from webapp.web.row_reads import read_table
from webapp.web.session import current_user
from webapp.web.streaming import streamed
from webapp.web.templating import to_json

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
PAGE_CHARACTERS = 8_000_000  # of the texts of a page, about; a page has at least one row
COUNT_SECONDS = 0.3
_GRID = ("q", "sort", "cols")


@dataclass(frozen=True, slots=True)
class RowsFound:
    """A page of rows as JSON, without what is around it. None for `lines`: they are those that the client has."""

    table: Table
    tag: str | None
    lines: list[bytes] | None = None
    after: str | None = None
    count: Count | None = None


@bp.get("/v1/tables/<id:table_id>/rows")
@tag(["Rows"])
@may(Action.READ_TABLE)
@reads
@errors(422)
@streams(TableRows, NDJSON, CSV, headers=("ETag", "Link"))
@grid_query(RowsQuery)
async def rows_index(table_id: TableId, query_args: RowsQuery) -> Response:
    """List rows

    In the view that the address describes, with the parameters of the grid: search, sort, columns, and one filter for
    each `f.<number of a column>`, such as `f.2=ge:10` or `f.1=oneof:Mars,Venus`. The operators are those of the
    column's type: `eq ne lt le gt ge between oneof noneof contains notcontains starts before after within empty filled
    novalue`; `or.` before one makes it an alternative. Follow `next` until it is null. With `Accept:
    application/x-ndjson` or `text/csv` all rows are streamed instead; CSV has the cells byte for byte.
    """
    mimetype = request.accept_mimetypes.best_match([JSON, NDJSON, CSV], default=JSON)
    if mimetype != JSON:
        return await _stream(table_id, query_args, mimetype)
    found = await read_table(
        table_id, lambda access, rows: _read_page(access, rows, query_args), config().query_timeout
    )
    if found.lines is None:
        return _with_tag(Response(status=304), found.tag)
    next_url = _next_url(found.after) if found.after else None
    response = Response(_page(found, next_url), mimetype=JSON)
    if next_url:
        response.headers["Link"] = f'<{next_url}>; rel="next"'
    return _with_tag(response, found.tag)


@bp.get("/v1/tables/<id:table_id>/rows/<id:row_id>")
@tag(["Rows"])
@may(Action.READ_TABLE)
@reads
@streams(TableRow, headers=("ETag",))
@grid_query(RowQuery)
async def rows_show(table_id: TableId, row_id: RowId, query_args: RowQuery) -> Response:
    """Show a row

    The `ETag` changes with each of its cells: send it as `If-Match` with a change.
    """

    def read(access: TableAccess, rows: RowReader) -> tuple[bytes, str]:
        ref = access.table.ref
        cells = rows.cells(ref, [row_id], ref.fields).get(row_id)
        if cells is None:
            raise NotFound("row")
        numbers = [field.number for field in ref.fields]
        (line,) = rows.objects(ref, TableQuery.of(ref.fields), [row_id], query_args.style)
        return line, row_version(row_id, dict(zip(numbers, cells, strict=True)))

    line, version = await read_table(table_id, read, config().query_timeout)
    if request.if_none_match.contains(version):
        return _with_tag(Response(status=304), etag(version))
    return _with_tag(Response(line, mimetype=JSON), etag(version))


def query_of(table: Table, args: ViewQuery) -> TableQuery:
    """What the address asks for. Raises QueryError."""
    pairs = [(name, value) for name, value in request.args.items(multi=True) if _is_grids(name)]
    query = TableQuery.from_args(pairs, table.ref.fields, reader_clock())
    if ranges := parse_ranges(args.rows):
        query = query.only_rows(ranges)
    if not args.fields:
        return query
    names = ObjectStyle(by_number=args.names == "number")
    by_name = {names.name(field): field for field in table.ref.fields}
    if unknown := [name for name in args.fields if name not in by_name]:
        raise QueryError(f"This table has no column “{unknown[0]}”.", "fields")
    return query.with_visible(tuple(by_name[name] for name in dict.fromkeys(args.fields)))


def _is_grids(name: str) -> bool:
    return name in _GRID or name.startswith("f.")


def _read_page(access: TableAccess, rows: RowReader, args: RowsQuery) -> RowsFound:
    table = access.table
    query = query_of(table, args)
    tag_ = _tag(table, query, JSON)
    if tag_ is not None and request.if_none_match.contains_weak(tag_.removeprefix('W/"').removesuffix('"')):
        return RowsFound(table, tag_)
    bare = replace(query, visible=())
    size, start = args.limit, PageStart(after=args.after or None)
    while True:
        page = rows.page(table.ref, bare, start, size)
        ids = [row_id for row_id, _ in page.rows]
        if size == 1 or rows.text_size(table.ref, ids, query.visible) <= PAGE_CHARACTERS:
            break
        size = max(1, min(size, len(ids)) // 2)
    return RowsFound(
        table, tag_, rows.objects(table.ref, query, ids, args.style), page.after, _count(table, rows, query, args)
    )


def _count(table: Table, rows: RowReader, query: TableQuery, args: RowsQuery) -> Count | None:
    """Exact for the table as a whole; else counted for a moment, with the first page."""
    if not query.is_narrowed:
        return Count(table.row_count)
    if args.after:
        return None
    with suppress(QueryTimeout):
        return rows.count(table.ref, query, seconds=COUNT_SECONDS)
    return None


def _page(found: RowsFound, next_url: str | None) -> bytes:
    count = found.count
    is_known = count is not None and not count.is_capped
    about = {
        "next": next_url,
        "total": count.number if count is not None and is_known else None,
        "counted": is_known,
        "more_than": count.number if count is not None and count.is_capped else None,
        "seq": found.table.seq,
    }
    lines = b",".join(line.rstrip(b"\n") for line in found.lines or ())
    return b'{"items":[' + lines + b"]," + to_json(about).encode()[1:]


async def _stream(table_id: int, args: RowsQuery, mimetype: str) -> Response:
    table = await find_table(db(), current_user(), table_id)
    query, style = query_of(table, args), args.style
    tag_ = _tag(table, query, mimetype)
    if tag_ is not None and request.if_none_match.contains_weak(tag_.removeprefix('W/"').removesuffix('"')):
        return _with_tag(Response(status=304), tag_)
    store, ref = row_store(), table.ref  # the stream outlives the app context
    if mimetype == CSV:
        return _with_tag(streamed(lambda: store.stream(lambda rows: rows.export(ref, query)), CSV), tag_)
    return _with_tag(streamed(lambda: store.stream(lambda rows: rows.stream_objects(ref, query, style)), NDJSON), tag_)


def _next_url(after: str) -> str:
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    return f"{request.path}?{urlencode([*pairs, ('after', after)], safe=':,')}"


def _tag(table: Table, query: TableQuery, mimetype: str) -> str | None:
    """Of what depends on the version of the table, the address, and which day today is; None while rows change without
    another version.
    """
    if table.state != "ready" or table.growing is not None:
        return None
    asked = f"{sorted(request.args.items(multi=True))} {mimetype} {query.clock.today}"
    return f'W/"{table_version(table)}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"'


def _with_tag(response: Response, tag_: str | None) -> Response:
    """A program may keep what it was sent, and asks whether it is still so."""
    if tag_ is not None:
        response.headers["ETag"] = tag_
        response.headers["Cache-Control"] = "private, no-cache"
    if response.status_code == 304:
        del response.headers["Content-Type"]
    vary_by(response, "Accept", "Authorization")
    return response
