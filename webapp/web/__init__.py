"""All that is HTTP and no feature: what a request passes before a view, and an answer after it."""

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
    static,
    templating,
)


def init_app(app: Quart, settings: Settings) -> None:
    """The order is the order a request is looked at; nothing of its body is read before its view."""
    observe.init_app(app, settings)
    hosts.init_app(app, settings)
    crosssite.init_app(app, settings)
    limits.init_app(app, settings)
    sessions.init_app(app, settings)
    devices.init_app(app, settings)
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
