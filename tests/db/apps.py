"""An application whose write can be held up, to observe a disconnect on a real server."""

import asyncio

from quart.typing import ResponseReturnValue
from sqlalchemy import text

from settings import Settings
from tests.servers import wait_for
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.web.access import public
from webapp.web.application import Application


def slow_write(settings: Settings) -> Application:
    """`POST /write` creates files as it proceeds: began, left (its client), told. It waits for `go-on`."""
    app = create_app(settings)
    folder = settings.data_dir

    async def verb(work: UnitOfWork) -> None:
        work.after_commit((folder / "told").touch)
        await work.session.execute(text("CREATE TABLE written (n INTEGER)"))
        (folder / "began").touch()
        await asyncio.to_thread(wait_for, (folder / "go-on").exists)
        await work.session.execute(text("INSERT INTO written VALUES (1)"))

    @app.post("/write")
    @public
    async def write() -> ResponseReturnValue:
        try:
            await db().write(verb)
        except asyncio.CancelledError:
            (folder / "left").touch()
            raise
        return "written"

    return app
