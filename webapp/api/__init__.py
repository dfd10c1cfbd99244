"""The JSON API: what programs read and change here, with tokens, and the documentation it writes about itself.

quart-schema checks what comes in and describes what goes out. Its own pages stay off: they load scripts of other hosts.
"""

from typing import cast

from quart import Blueprint, Quart
from quart.blueprints import BlueprintSetupState
from quart_schema import QuartSchema

from webapp.api.document import INFO, SECURITY, TAGS, Provider
from webapp.api.json import StrictJSON

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
    app.test_client_class = test_client  # tests send what a program sends, not models
    app.json = StrictJSON(app)


from webapp.api import health, me, problems, reference, users  # noqa: E402, F401  (routes register themselves)
