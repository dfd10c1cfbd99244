"""The set-up key: on a server that others can reach, it keeps the first visitor from becoming the owner.

It is derived from the secret key, so that processes and restarts agree without storing it, and it is useless once there
is an account.
"""

import base64
import hashlib
import hmac

import structlog

from settings import Registration, Settings
from webapp.auth import bp
from webapp.db.keys import secret_key
from webapp.extensions import config, db
from webapp.models import User

log = structlog.get_logger("rowcast.setup")


def setup_key(settings: Settings) -> str:
    """Such as `K7QD-2MXA-...`: 100 bits, without easily confused characters."""
    mac = hmac.digest(secret_key(settings).encode(), b"rowcast set-up key", hashlib.sha256)
    letters = base64.b32encode(mac).decode()[:20]
    return "-".join(letters[start : start + 4] for start in range(0, 20, 4))


def is_setup_key(settings: Settings, typed: str) -> bool:
    """Compared in constant time; case, spaces and dashes are ignored."""
    plain = "".join(character for character in typed.upper() if character.isalnum())
    return hmac.compare_digest(plain.encode(), setup_key(settings).replace("-", "").encode())


async def is_first() -> bool:
    """Whether there is no account yet."""
    row = await db().fetch_one(User.anybody())
    return row is None or not row[0]


def is_open() -> bool:
    """Whether people may create accounts once there is an owner."""
    return config().registration is Registration.OPEN


@bp.before_app_serving
async def announce() -> None:
    if config().is_private or not await is_first():
        return
    log.warning("nobody has an account yet; who signs up first needs the set-up key", setup_key=setup_key(config()))
