"""HTTP concerns shared by all features: what a request passes before its view, and a response after it."""

from quart import Quart

from settings import Settings
from webapp.web import (
    access,
    belongings,
    crosssite,
    devices,
    errors,
    flashes,
    headers,
    hosts,
    limits,
    observe,
    panels,
    ratelimits,
    resuming,
    sessions,
    shared,
    static,
    templating,
)


def init_app(app: Quart, settings: Settings) -> None:
    """Register the checks in the order in which a request passes them; none of them reads the body."""
    observe.init_app(app, settings)
    hosts.init_app(app, settings)
    crosssite.init_app(app, settings)
    limits.init_app(app, settings)
    sessions.init_app(app, settings)
    devices.init_app(app, settings)
    shared.init_app(app, settings)
    ratelimits.init_app(app, settings)
    resuming.init_app(app, settings)
    access.init_app(app, settings)
    flashes.init_app(app, settings)
    headers.init_app(app, settings)
    errors.init_app(app, settings)
    static.init_app(app, settings)
    templating.init_app(app, settings)
    panels.init_app(app, settings)
    belongings.init_app(app, settings)
