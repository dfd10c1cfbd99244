"""Tables: list, create, show, rename and delete them, by the same verbs as the pages."""

from typing import Any
from urllib.parse import urlencode

from quart import Response, request, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, query, response, takes_idempotency_key
from webapp.api.fields import TableId
from webapp.api.responses import empty, etag
from webapp.api.table_schemas import NewTable, TableChange, TableDetail, Tables, TablesQuery, TableSummary
from webapp.extensions import db
from webapp.models import Table
from webapp.models.errors import NotFound
from webapp.models.idempotency import AlreadyDone, Outcome, once
from webapp.models.policy import Action
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Via
from webapp.models.tables.creating import create_table
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.renaming import rename_table
from webapp.models.tables.table_list import listed_table, tables_after
from webapp.models.tables.versions import if_table_version, table_version
from webapp.web.access import may
from webapp.web.idempotency import header_key
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user


@bp.get("/v1/tables")
@tag(["Tables"])
@may(Action.READ_TABLE)
@reads
@response(Tables, headers=("Link",))
@query(TablesQuery)
async def tables_index(query_args: TablesQuery) -> Any:
    """List tables

    Yours and those that are shared with you, the oldest first. A token that is limited to tables lists these.
    """
    async with db().reading() as session:
        found = await tables_after(session, current_user(), query_args.after, query_args.limit + 1, query_args.q)
    page = found[: query_args.limit]
    next_url = _next_url(query_args, page[-1].id) if len(found) > query_args.limit else None
    items = [TableSummary(**TableSummary.values(listed)) for listed in page]
    return Tables(items=items, next=next_url), 200, {"Link": f'<{next_url}>; rel="next"'} if next_url else {}


@bp.post("/v1/tables")
@tag(["Tables"])
@may(Action.CREATE_TABLE)
@writes
@errors(422)
@takes_idempotency_key
@response(TableDetail, 201, headers=("Location", "ETag"))
@body(NewTable)
async def tables_create(data: NewTable) -> Any:
    """Create a table

    Without rows, from its columns; it is yours. To make one of a file, import that.
    """
    columns = [column.column() for column in data.columns]
    try:
        table = await db().write(once, await header_key(), _created, create_table, current_user(), data.title, columns)
        table_id = table.id
    except AlreadyDone as done:
        table_id = int(done.outcome.subject.partition(":")[2])
    shown, headers = await _show(table_id)
    return shown, 201, headers | {"Location": url_for("api.tables_show", table_id=table_id)}


@bp.get("/v1/tables/<id:table_id>")
@tag(["Tables"])
@may(Action.READ_TABLE)
@reads
@response(TableDetail, headers=("ETag",))
async def tables_show(table_id: TableId) -> Any:
    """Show a table

    With its columns. The `ETag` changes with each change of its title, columns or rows.
    """
    shown, headers = await _show(table_id)
    return shown, 200, headers


@bp.patch("/v1/tables/<id:table_id>")
@tag(["Tables"])
@may(Action.CHANGE_TABLE)
@writes
@errors(412)
@response(TableDetail, headers=("ETag",))
@body(TableChange)
async def tables_update(table_id: TableId, data: TableChange) -> Any:
    """Rename a table

    Its owner can.
    """
    versions = request.if_match or None
    await db().write(if_table_version, current_user(), table_id, versions, rename_table, data.title, Via.API)
    shown, headers = await _show(table_id)
    return shown, 200, headers


@bp.delete("/v1/tables/<id:table_id>")
@tag(["Tables"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 412)
async def tables_delete(table_id: TableId) -> Response:
    """Delete a table

    It goes to the trash of its owner, who can restore it there for a while.
    """
    await db().write(if_table_version, current_user(), table_id, request.if_match or None, delete_table)
    return empty()


async def _show(table_id: int) -> tuple[TableDetail, dict[str, str]]:
    """Raises `NotFound`."""
    table = await find_table(db(), current_user(), table_id)
    async with db().reading() as session:
        listed = await listed_table(session, current_user(), table_id)
    if listed is None:  # deleted a moment ago
        raise NotFound("table")
    return TableDetail.of(listed, table), {"ETag": etag(table_version(table))}


def _created(table: Table) -> Outcome:
    return Outcome(subject=f"table:{table.id}")


def _next_url(query: TablesQuery, last_id: int) -> str:
    args = query.model_dump(exclude_unset=True) | {"after": last_id, "limit": query.limit}
    return f"{request.path}?{urlencode(args)}"
