"""Accounts: sign-up, sign-in, sign-out, and the links in mails."""

from quart import Blueprint

bp = Blueprint("auth", __name__)
RESET_PATH = "/reset/<token>"  # also of the links that the command line prints

from webapp.auth import (  # noqa: E402, F401  (routes register themselves)
    confirmations,
    invitations,
    outbox,
    passkeys,
    rate_limits,
    registrations,
    resets,
    responses,
    sessions,
    single_sign_on,
    verifications,
)

bp.before_request(rate_limits.limit_own_changes)
