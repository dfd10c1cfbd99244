"""The server with one route more, which changes a cell as the grid does: `python -m benchmarks.changing PORT`.

The data folder and other settings come from the environment, as for `rowcast serve`.
"""

import sys

from quart import request

from settings import Settings
from webapp import create_app
from webapp.extensions import db
from webapp.models.tables.editing import CellEdit, change_cells
from webapp.server import serve
from webapp.web.application import Application
from webapp.web.session import current_user


def changing(settings: Settings) -> Application:
    """`POST /changes/17` with the JSON of one cell: row, column, the text seen, the new text."""
    app = create_app(settings)

    @app.post("/changes/<id:table_id>")
    async def change(table_id: int) -> dict[str, int | None]:
        edit = CellEdit(*await request.get_json())
        return {"seq": (await db().write(change_cells, current_user(), table_id, [edit])).seq}

    return app


if __name__ == "__main__":
    sys.exit(serve(Settings(port=int(sys.argv[1])), factory=changing))
