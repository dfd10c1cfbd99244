"""POST /tables/17/presence: in which cell somebody is."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.live.hubs import hubs
from webapp.models import Action, is_allowed
from webapp.models.base import MAX_ID
from webapp.models.tables.access import find_access
from webapp.tables import bp
from webapp.tables.presence import Place
from webapp.tables.table_stream import TableSubject, table_key
from webapp.web.open_pages import open_page
from webapp.web.session import current_user


@bp.post("/<id:table_id>/presence")
async def presence_update(table_id: int) -> ResponseReturnValue:
    """`row` and `column` of the cell, none if they have left the grid; `edits` while its editor is open."""
    actor, form, page = current_user(), await request.form, open_page()
    access = await find_access(db(), actor, table_id)
    hub = hubs().find(table_key(table_id))
    if hub is None or page is None or not isinstance(hub.subject, TableSubject):
        return "", 204
    row_id, column = form.get("row", type=int), form.get("column", type=int)
    if row_id is None or column is None or not (0 < row_id < MAX_ID and 0 < column < MAX_ID):
        hub.subject.presence.remove(actor.id, page)
    else:
        is_editing = "edits" in form and is_allowed(actor, Action.EDIT_ROWS, access)
        hub.subject.presence.put(Place(page, actor.id, row_id, column, is_editing))
    hub.stir()
    return "", 204
