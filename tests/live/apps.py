"""The application with a route that changes a table, so that tests of live pages need none of the editing."""

from quart import request
from quart.typing import ResponseReturnValue

from settings import Settings
from webapp import create_app
from webapp.extensions import db
from webapp.models.tables import columns, editing, undo
from webapp.models.tables.editing import CellEdit
from webapp.web.application import Application
from webapp.web.body import body_limit
from webapp.web.session import current_user


def changing(settings: Settings) -> Application:
    """`POST /changes/17` with JSON: `cells` of [row, column, seen, text], `add` rows, `delete` ids, `undo`, or
    `delete_column` with its number and title.
    """
    app = create_app(settings)

    @app.post("/changes/<id:table_id>")
    @body_limit(10_000_000)
    async def change(table_id: int) -> ResponseReturnValue:
        asked, actor, seq = await request.get_json(), current_user(), None
        if cells := asked.get("cells"):
            seq = (await db().write(editing.change_cells, actor, table_id, [CellEdit(*cell) for cell in cells])).seq
        if rows := asked.get("add"):
            texts = [{int(number): text for number, text in row.items()} for row in rows]
            seq = (await db().write(editing.add_rows, actor, table_id, texts)).seq
        if ids := asked.get("delete"):
            seq = (await db().write(editing.delete_rows, actor, table_id, ids)).seq
        if asked.get("undo"):
            seq = (await db().write(undo.undo_latest, actor, table_id)).seq
        if column := asked.get("delete_column"):
            seq = (await db().write(columns.delete_column, actor, table_id, *column)).seq
        return {"seq": seq}

    return app
