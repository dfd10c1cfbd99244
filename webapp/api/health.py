"""The API's health check, for programs."""

from typing import Any

from webapp.api import bp
from webapp.web.access import public
from webapp.web.rate_limit.requests import unlimited


@bp.get("/health")
@public
@unlimited
async def health() -> dict[str, Any]:
    return {"status": "ok"}
