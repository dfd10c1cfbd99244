"""The open page that a request comes from, by the name that it gave itself: it is not told what it did itself."""

import re

from quart import Quart, has_request_context, request

from settings import Settings
from webapp.extensions import db

_NAME = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)


def init_app(app: Quart, settings: Settings) -> None:
    """Each write of a request is published with it."""
    db.of(app).page = open_page


def open_page() -> str | None:
    """The header `X-Page`. Anybody may send any name, so a page takes as its own only what its own reader did."""
    name = request.headers.get("X-Page", "") if has_request_context() else ""
    return name if _NAME.fullmatch(name) else None
