"""The JSON API: what programs can read and change, with tokens, and its own documentation.

quart-schema validates input and describes output. Its built-in pages stay off, because they load scripts from other
hosts.
"""

from typing import cast

from quart import Blueprint, Quart
from quart.blueprints import BlueprintSetupState
from quart_schema import QuartSchema

from webapp.api.json import StrictJSON
from webapp.api.openapi import INFO, SECURITY, TAGS, Provider

bp = Blueprint("api", __name__, url_prefix="/api")


@bp.record_once
def _describe(state: BlueprintSetupState) -> None:
    app = cast(Quart, state.app)
    test_client = app.test_client_class
    QuartSchema(
        app,
        openapi_path=None,
        info=INFO,
        tags=TAGS,
        security_schemes=SECURITY,
        conversion_preference="pydantic",
        openapi_provider_class=Provider,
    )
    app.test_client_class = test_client  # tests send what programs send, not models
    app.json = StrictJSON(app)


from webapp.api import (  # noqa: E402, F401  (routes register themselves)
    changes,
    columns,
    docs,
    errors,
    exports,
    forms,
    health,
    imports,
    links,
    me,
    members,
    row_changes,
    rows,
    table_errors,
    tables,
    users,
    views,
    webhooks,
)
