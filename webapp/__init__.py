"""Rowcast: `create_app()` is the table of contents of the whole application."""

from quart import Quart

from settings import Settings
from webapp import extensions, web


def create_app(settings: Settings | None = None) -> Quart:
    settings = settings or Settings()
    app = Quart(__name__, static_folder=None)
    extensions.init_app(app, settings)
    web.init_app(app)
    _register_blueprints(app)
    return app
