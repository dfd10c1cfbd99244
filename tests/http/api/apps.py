"""The application with rate limits that a test run cannot reach."""

from settings import Settings
from webapp import create_app
from webapp.web.application import Application
from webapp.web.rate_limit.requests import LIMITS

UNREACHABLE = 10**6  # requests a minute


def unlimited(settings: Settings) -> Application:
    """The limits are in force, but out of reach."""
    LIMITS.update(reads=UNREACHABLE, writes=UNREACHABLE)
    return create_app(settings)
