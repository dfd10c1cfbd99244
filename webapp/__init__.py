"""Rowcast: `create_app()` is the table of contents of the whole application.

It imports the parts itself: whoever wants one module of this package, a child process or the command line, does not
wait for a web framework.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settings import Settings
    from webapp.web.application import Application


def create_app(settings: "Settings | None" = None) -> "Application":
    from settings import Settings
    from webapp import extensions, web
    from webapp.web.application import Application, refuse_patched_process

    refuse_patched_process()
    settings = settings or Settings()
    app = Application(__name__, static_folder=None)
    app.testing = settings.is_testing
    extensions.init_app(app, settings)
    web.init_app(app, settings)
    _register_blueprints(app)
    return app


def _register_blueprints(app: "Application") -> None:
    from webapp import api, auth, live, main, tables

    app.register_blueprint(main.bp)
    app.register_blueprint(auth.bp)
    app.register_blueprint(tables.bp)
    app.register_blueprint(live.bp)
    app.register_blueprint(api.bp, url_prefix="/api")
