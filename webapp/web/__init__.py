"""HTTP concerns shared by all features: what a request passes before its view, and a response after it."""

from quart import Quart

from settings import Settings
from webapp.web import (
    access,
    body_limits,
    csrf,
    errors,
    flashes,
    headers,
    hosts,
    known_devices,
    observability,
    session,
    static,
    templating,
)
from webapp.web.rate_limit import requests, store


def init_app(app: Quart, settings: Settings) -> None:
    """Register the checks in the order in which a request passes them; none of them reads the body."""
    observability.init_app(app, settings)
    hosts.init_app(app, settings)
    csrf.init_app(app, settings)
    body_limits.init_app(app, settings)
    session.init_app(app, settings)
    known_devices.init_app(app, settings)
    store.init_app(app, settings)
    requests.init_app(app, settings)
    access.init_app(app, settings)
    flashes.init_app(app, settings)
    headers.init_app(app, settings)
    errors.init_app(app, settings)
    static.init_app(app, settings)
    templating.init_app(app, settings)
