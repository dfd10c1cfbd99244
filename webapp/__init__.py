"""Rowcast: `create_app()` is the table of contents of the whole application.

It imports the web framework inside the function, so that child processes and the command line can import a single
module of this package without loading it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settings import Settings
    from webapp.web.application import Application

# Each name is a package: URL -> module -> template folder -> test. Remove its line and its folder and the rest still
# works.
BLUEPRINTS = (
    "main",  # welcome, dashboard, health
    "auth",  # sign-up, sign-in and sign-out
    "account",  # people's own settings
    "admin",  # people, audit log, background work, mails, settings
    "tables",  # imported tables: what this application is about
    "forms",  # forms of tables: made by editors, answered by anybody with the address
    "live",  # server-sent event streams for pages
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
