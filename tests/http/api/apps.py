"""The application with rate limits that a test run cannot reach."""

from settings import Settings
from webapp.web.application import Application
from webapp.web.rate_limit import requests

UNREACHABLE = 10**6  # requests a minute


def unlimited(settings: Settings) -> Application:
    """The limits are in force, but out of reach."""
    requests.READS = requests.WRITES = UNREACHABLE
    from webapp import create_app  # the views take their limits when they are imported

    return create_app(settings)
