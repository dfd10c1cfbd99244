"""The change log of a table, for programs that follow it: asked for now and then, or as a stream."""

from typing import Any

from quart import Response, request
from quart_schema import tag
from sqlalchemy import Connection

from webapp.api import bp
from webapp.api.change_schemas import Changes, ChangesQuery
from webapp.api.decorators import query, streams
from webapp.api.fields import TableId
from webapp.extensions import db
from webapp.live.streams import push
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_documents import change_document
from webapp.models.tables.change_feed import Feed, read_feed
from webapp.web.access import may
from webapp.web.headers import vary_by
from webapp.web.rate_limit.requests import reads
from webapp.web.session import current_user
from webapp.web.streaming import EVENTS
from webapp.web.templating import to_json

JSON = "application/json"


@bp.get("/v1/tables/<id:table_id>/changes")
@tag(["Changes"])
@may(Action.READ_TABLE)
@reads
@streams(Changes, EVENTS)
@query(ChangesQuery)
async def changes_index(table_id: TableId, query_args: ChangesQuery) -> Response:
    """Follow the changes

    Those after `after`, in their order, whoever made them and by what way. With `Accept: text/event-stream` the
    answer is a stream (server-sent events) that goes on as changes are made: each message is one of the items, with its
    `seq` as the id, so that who connects again goes on with `Last-Event-ID`; `refresh` means what `reset` means,
    `access` that you may do something else now, `deleted` that the table is gone.
    """
    if request.accept_mimetypes.best_match([JSON, EVENTS], default=JSON) == EVENTS:
        return await push({"table": str(table_id), "changes": "all", "after": str(query_args.after)})
    actor = current_user()

    def read(connection: Connection) -> tuple[int, Feed]:
        table = TableAccess.require(connection, actor, table_id, Action.READ_TABLE).table
        feed = _read(connection, table_id, query_args.after, query_args.limit)
        return table.seq, feed

    latest, feed = await db().read(read)
    response = Response(to_json(_document(latest, feed)), mimetype=JSON)
    vary_by(response, "Accept")
    return response


def _read(connection: Connection, table_id: int, after: int, limit: int) -> Feed:
    """Fewer sets than asked for, if these have too many entries. Raises `NotFound`."""
    while True:
        feed = read_feed(connection, table_id, after, after + limit)
        if feed is None:
            raise NotFound("table")
        if feed.sets is not None or limit == 1:
            return feed
        limit //= 2


def _document(latest: int, feed: Feed) -> dict[str, Any]:
    is_gap = feed.sets is None
    items = [change_document(one) for one in feed.sets or ()]
    seq = latest if is_gap else feed.seq
    return {"items": items, "seq": seq, "latest": latest, "growing": feed.growing, "reset": is_gap}
