"""The account pages: what people can see and change about themselves."""

from quart import Blueprint

bp = Blueprint("account", __name__, url_prefix="/account")

from webapp.account import (  # noqa: E402, F401  (routes register themselves)
    deletions,
    devices,
    emails,
    exports,
    passkeys,
    passwords,
    profiles,
    recovery,
    second_factor,
    tokens,
)
