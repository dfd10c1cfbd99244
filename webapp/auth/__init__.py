"""Accounts: sign-up, sign-in, sign-out, and the links in mails."""

from quart import Blueprint

bp = Blueprint("auth", __name__)

from webapp.auth import (  # noqa: E402, F401  (routes register themselves)
    confirmations,
    invitations,
    links,
    outbox,
    passkeys,
    registrations,
    resets,
    second_step,
    sessions,
    setup,
    verifications,
)
