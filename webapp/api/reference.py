"""The API's documentation: the OpenAPI document for programs, and a page rendered from it for people."""

from typing import Any, cast

from quart import Quart, Response, current_app
from quart.blueprints import BlueprintSetupState
from quart_schema import QuartSchema, hide

from settings import Settings
from webapp.api import bp
from webapp.api.handbook import Handbook
from webapp.extensions import Extension, config
from webapp.web.access import public
from webapp.web.errors import TEXTS, TITLES
from webapp.web.fragments import render
from webapp.web.hosts import own_origin
from webapp.web.rate_limit.requests import READS, WRITES, reads


class Reference:
    """The document, built on first use, when all views are registered."""

    def __init__(self, settings: Settings) -> None:
        self._document: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        if not self._document:
            schema = cast(QuartSchema, current_app.extensions["QUART_SCHEMA"])
            self._document = schema.openapi_provider.schema()
        return self._document


references: Extension[Reference] = Extension("api_reference", Reference)


@bp.record_once
def _make(state: BlueprintSetupState) -> None:
    app = cast(Quart, state.app)
    references.init_app(app, config.of(app))


@bp.get("/v1/openapi.json")
@public
@reads
@hide
async def openapi_show() -> Response:
    """Public: it says what this program can do, and nothing of who uses it."""
    return current_app.json.response(references().document())  # type: ignore[return-value]


@bp.get("/docs")
@public
async def docs_show() -> Response:
    book = Handbook(references().document(), own_origin())
    problems = [(status, title, TEXTS.get(status, "")) for status, title in TITLES.items()]
    return await render("api/docs.html", book=book, problems=problems, reads=READS, writes=WRITES)
