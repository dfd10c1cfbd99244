"""The pages of one's own account: what everybody may see and change of themselves."""

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
    throttles,
    tokens,
)
