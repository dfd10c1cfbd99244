"""The application for a program that asks a thousand times a minute."""

from settings import Settings
from webapp.web.application import Application
from webapp.web.rate_limit import requests

MANY = 10**6


def patient(settings: Settings) -> Application:
    """The limits are as everywhere, but nobody reaches them."""
    requests.READS = requests.WRITES = MANY
    from webapp import create_app  # the views take their limits when they are imported

    return create_app(settings)
