"""Health checks: is the process alive, and can it serve requests?"""

import asyncio

from quart import Response
from sqlalchemy import literal, select

from webapp.db import migrations
from webapp.extensions import config, db, drain
from webapp.main import bp
from webapp.web.access import public
from webapp.web.rate_limit.requests import unlimited


@bp.get("/up")
@public
@unlimited
async def up() -> Response:
    """Liveness: the process answers, without asking anything else. If this fails, a restart helps."""
    return _plain("up")


@bp.get("/ready")
@public
@unlimited
async def ready() -> Response:
    """Readiness: the server can do its work, so send it requests. While it drains it answers 503."""
    if drain().has_begun:
        return _plain("stopping", 503)
    await db().fetch_one(select(literal(1)))
    if await asyncio.to_thread(migrations.current, config()) != migrations.head():
        return _plain("the database is not up to date: run `rowcast db upgrade`", 503)
    return _plain("ready")


def _plain(text: str, status: int = 200) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")
