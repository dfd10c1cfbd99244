"""The account pages: what people can see and change about themselves."""

from quart import Blueprint

from webapp.auth.rate_limits import limit_own_changes
from webapp.auth.responses import render_unusable_link
from webapp.models import TokenUnusable

bp = Blueprint("account", __name__, url_prefix="/account")
bp.before_request(limit_own_changes)
bp.register_error_handler(TokenUnusable, render_unusable_link)

from webapp.account import (  # noqa: E402, F401  (register routes)
    data,
    devices,
    identities,
    passkeys,
    password,
    profile,
    second_factor,
    tokens,
)
