"""Devices that have signed in before, recognised by a signed cookie that grants no access.

It protects people from strangers who guess at their account: guesses without it are counted together, guesses with it
separately ("device cookies", OWASP). It also reveals sign-ins from a new device. A new password or a second factor
makes every device a new one: somebody who knew the old password could have collected such cookies.
"""

import secrets

from quart import Quart, Response, g

from settings import Settings
from webapp.models import User
from webapp.web.cookies import SignedCookie

MAX_AGE = 400 * 86400  # seconds; browsers keep cookies no longer
MAX_PEOPLE = 8  # who share a device; the least recently seen is dropped
COOKIE = SignedCookie("rowcast-device", "device", MAX_AGE)


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(save)


def known_device(user: User) -> str | None:
    """The name of this device if this person has signed in on it with the credentials they have now."""
    name, people = _load()
    return name if people.get(user.id) == user.credentials_version else None


def remember_device(user: User) -> None:
    """Remember that this person has proved their identity on this device. `user` is the row as it is now."""
    name, people = _load()
    others = [(other, version) for other, version in people.items() if other != user.id]
    newest = [(user.id, user.credentials_version), *others][:MAX_PEOPLE]
    g.device = COOKIE.dump([name or secrets.token_urlsafe(9), newest])


async def save(response: Response) -> Response:
    if "device" in g:
        COOKIE.set(response, g.device)
    return response


def _load() -> tuple[str, dict[int, str]]:
    """The name of the device, and the version of the credentials of each person, by id, the newest first."""
    try:
        name, people = COOKIE.load() or ("", [])
        return str(name), {int(user_id): str(version) for user_id, version in people}
    except (ValueError, TypeError):
        return "", {}
