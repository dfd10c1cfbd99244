"""The health of the API, as programs ask for it."""

from typing import Any

from webapp.api import bp
from webapp.web.access import public


@bp.get("/health")
@public
async def health() -> dict[str, Any]:
    return {"status": "ok"}
