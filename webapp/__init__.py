"""Rowcast: `create_app()` is the table of contents of the whole application.

It imports the parts itself: whoever wants one module of this package, a child process or the command line, does not
wait for a web framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settings import Settings
    from webapp.web.application import Application

# Each is a folder: URL -> module -> template folder -> test. Without its line and its folder the rest still works.
BLUEPRINTS = (
    "main",  # welcome, dashboard, health
    "auth",  # sign up, in and out
    "account",  # what people see and change of themselves
    "admin",  # people, audit log, background work, mails, settings
    "tables",  # what this application is about
    "live",  # streams that pages listen to
    "api",  # JSON
)


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
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(f"webapp.{name}").bp)
    return app
