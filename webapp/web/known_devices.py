"""Devices that have signed in before, recognised by a signed cookie that grants no access.

It protects people from strangers who guess at their account: guesses without it are counted together, guesses with it
separately ("device cookies", OWASP). It also reveals sign-ins from a new device.
"""

import secrets

from quart import Quart, Response, g

from settings import Settings
from webapp.web.cookies import SignedCookie

MAX_AGE = 400 * 86400  # seconds; browsers keep cookies no longer
MAX_PEOPLE = 8  # who share a device; the least recently seen is dropped
COOKIE = SignedCookie("rowcast-device", "device", MAX_AGE)


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(save)


def known_device(user_id: int) -> str | None:
    """The name of this device if this person has signed in on it before."""
    name, people = _load()
    return name if user_id in people else None


def remember_device(user_id: int) -> None:
    """Remember that this person has proved their identity on this device."""
    name, people = _load()
    people = [user_id, *(other for other in people if other != user_id)][:MAX_PEOPLE]
    g.device = COOKIE.dump([name or secrets.token_urlsafe(9), people])


async def save(response: Response) -> Response:
    if "device" in g:
        COOKIE.set(response, g.device)
    return response


def _load() -> tuple[str, list[int]]:
    try:
        name, people = COOKIE.load() or ("", [])
        return str(name), [int(person) for person in people]
    except (ValueError, TypeError):
        return "", []
