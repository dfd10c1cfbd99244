"""Accounts: sign up, sign in, sign out."""

from quart import Blueprint

bp = Blueprint("auth", __name__)

from webapp.auth import registrations, sessions, setup, throttles  # noqa: E402, F401  (routes register themselves)
