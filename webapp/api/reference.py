"""The API's documentation: the OpenAPI document for programs, and a page rendered from it for people."""

from typing import Any, cast

from quart import Response, current_app
from quart_schema import QuartSchema, hide

from settings import Settings
from webapp.api import bp
from webapp.api.handbook import Handbook
from webapp.extensions import Extension
from webapp.web.access import public
from webapp.web.errors import TEXTS, TITLES
from webapp.web.fragments import render
from webapp.web.hosts import own_origin
from webapp.web.rate_limit.requests import READS, WRITES, reads


def _describe(settings: Settings) -> dict[str, Any]:
    return cast(QuartSchema, current_app.extensions["QUART_SCHEMA"]).openapi_provider.schema()


# Built on first use, when all views are registered.
document: Extension[dict[str, Any]] = Extension("openapi_document", _describe)


@bp.get("/v1/openapi.json")
@public
@reads
@hide
async def openapi_show() -> Response:
    """Public: it says what this program can do, and nothing of who uses it."""
    return current_app.json.response(document())  # type: ignore[return-value]


@bp.get("/docs")
@public
async def docs_show() -> Response:
    book = Handbook(document(), own_origin())
    problems = [(status, title, TEXTS.get(status, "")) for status, title in TITLES.items()]
    return await render("api/docs.html", book=book, problems=problems, reads=READS, writes=WRITES)
