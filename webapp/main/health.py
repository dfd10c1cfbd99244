"""For what watches the server: is the process there, and can it work."""

import asyncio

from quart import Response
from sqlalchemy import literal, select

from webapp.data import migrations
from webapp.extensions import config, db, drain
from webapp.main import bp
from webapp.web.access import public
from webapp.web.ratelimits import unlimited


@bp.get("/up")
@public
@unlimited
async def up() -> Response:
    """The process answers; it asks nobody else. For liveness: a restart would help if it failed."""
    return _plain("up")


@bp.get("/ready")
@public
@unlimited
async def ready() -> Response:
    """It can do its work: send it requests. While it drains it asks for none."""
    if drain().has_begun:
        return _plain("stopping", 503)
    await db().fetch_one(select(literal(1)))
    if await asyncio.to_thread(migrations.current, config()) != migrations.head():
        return _plain("the database is not up to date: run `rowcast db upgrade`", 503)
    return _plain("ready")


def _plain(text: str, status: int = 200) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")
