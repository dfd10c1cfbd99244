"""Devices that have signed in before, recognised by a signed cookie that grants no access.

It protects people from strangers who guess at their account: guesses without it are counted together, guesses with it
separately ("device cookies", OWASP). It also reveals sign-ins from a new device.
"""

import secrets

from itsdangerous import BadSignature, URLSafeTimedSerializer
from quart import Quart, Response, g, request

from settings import Settings
from webapp.db import keys
from webapp.extensions import Extension, config

MAX_AGE = 400 * 86400  # seconds; browsers keep cookies no longer
MAX_PEOPLE = 8  # who share a device; the least recently seen is dropped


signer: Extension[URLSafeTimedSerializer] = Extension("device_signer", lambda settings: keys.signer(settings, "device"))


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(carry)


def known_device(user_id: int) -> str | None:
    """The name of this device if this person has signed in on it before."""
    name, people = _carried()
    return name if user_id in people else None


def remember_device(user_id: int) -> None:
    """Remember that this person has proved their identity on this device."""
    name, people = _carried()
    people = [user_id, *(other for other in people if other != user_id)][:MAX_PEOPLE]
    g.device = signer().dumps([name or secrets.token_urlsafe(9), people])


async def carry(response: Response) -> Response:
    if "device" in g:
        response.set_cookie(_cookie(), g.device, max_age=MAX_AGE, httponly=True, samesite="Lax", secure=config().is_tls)
    return response


def _carried() -> tuple[str, list[int]]:
    try:
        name, people = signer().loads(request.cookies.get(_cookie(), ""), max_age=MAX_AGE)
        return str(name), [int(person) for person in people]
    except (BadSignature, ValueError, TypeError):
        return "", []


def _cookie() -> str:
    return "__Host-rowcast-device" if config().is_tls else "rowcast-device"
