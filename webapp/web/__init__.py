"""HTTP concerns shared by all features: what a request passes before its view, and a response after it."""

from quart import Quart

from settings import Settings
from webapp.web import (
    access,
    application,
    body,
    compression,
    csrf,
    errors,
    flashes,
    headers,
    hosts,
    idempotency,
    known_devices,
    mailer,
    observability,
    open_pages,
    session,
    static,
    templating,
    visits,
)
from webapp.web.rate_limit import requests, store


def init_app(app: Quart, settings: Settings) -> None:
    """Register the checks in the order in which a request passes them; none of them reads the body.

    Before all of them `connection.py` gives the request its id, and after the last response header it logs it. What is
    registered for responses runs in reverse order.
    """
    observability.init_app(app, settings)  # no check: trusted proxies, the time spent on queries
    compression.init_app(app, settings)  # response: what is left to do once it is complete
    application.init_app(app, settings)  # no check: the time limit, and more of it for a write
    open_pages.init_app(app, settings)  # no check: which open page asks for a write
    hosts.init_app(app, settings)  # is the host one of ours?
    csrf.init_app(app, settings)  # does another site change something?
    body.init_app(app, settings)  # no check yet: the size is checked while the body is read
    session.init_app(app, settings)  # response: the cookie of a sign-in
    known_devices.init_app(app, settings)  # response: the cookie of a device
    store.init_app(app, settings)  # no check: the shared counts, which close with the server
    requests.init_app(app, settings)  # who is it, and is the rate limit used up? response: the headers that say so
    visits.init_app(app, settings)  # did they come by a link, and is there one?
    access.init_app(app, settings)  # signed in? allowed? with a second factor, a fresh proof, if need be?
    flashes.init_app(app, settings)  # response: the messages for the next page
    headers.init_app(app, settings)  # response: what a browser may do with it and who may cache it
    errors.init_app(app, settings)
    static.init_app(app, settings)
    templating.init_app(app, settings)
    mailer.init_app(app, settings)  # no check: the mails of jobs
    idempotency.init_app(app, settings)  # error handler: a form sent again leads to what the first one made
