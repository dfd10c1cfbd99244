"""Sending a form or an API request again: the second time leads to what the first one created."""

import hashlib
import hmac
import re
import secrets
from typing import cast

from quart import Quart, request
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from settings import Settings
from webapp.db import keys
from webapp.extensions import Extension, config
from webapp.models.idempotency import AlreadyDone, RequestKey
from webapp.web import templating
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.paths import url_for
from webapp.web.session import current_user_or_none
from webapp.web.visits import current_visit

fingerprint_key = Extension("fingerprint_key", lambda app: keys.secret_key(config.of(app)).encode())

FIELD = "idempotency_key"  # a hidden field; templates have a macro for it
HEADER = "Idempotency-Key"
KEY = re.compile(r"[!-~]{1,200}")


def init_app(app: Quart, settings: Settings) -> None:
    app.register_error_handler(AlreadyDone, lead_to_the_first)
    templating.templates.of(app).globals["new_idempotency_key"] = lambda: secrets.token_urlsafe(16)


async def form_key(*content: object, is_public: bool = False) -> RequestKey | None:
    """The key of the submitted form. `content` is what the form asks for, without secrets: a page shown from the
    browser's cache may be filled in anew, which is not a repeat. `is_public`: the form signs its sender in, so that
    whoever sends it again is signed in already.
    """
    return content_key((await request.form).get(FIELD), *content, is_public=is_public)


def content_key(key: str | None, *content: object, is_public: bool = False) -> RequestKey | None:
    """The same, for a form that the view reads by itself. None if there is no usable key."""
    if key is None or not KEY.fullmatch(key):
        return None
    fingerprint = _fingerprint(repr(content).encode())
    return _request_key(f"{key} {fingerprint}", fingerprint, is_public=is_public)


async def header_key(scope: str = "", *, is_public: bool = False) -> RequestKey | None:
    """The key that a program sent with this body, or None; `scope` tells apart what has one endpoint. Raises BadRequest
    if it is malformed.
    """
    if (key := _sent_key()) is None:
        return None
    fingerprint = _fingerprint(cast(bytes, await request.get_data()))
    return _request_key(f"{scope} {key}" if scope else key, fingerprint, is_public=is_public)


def upload_key(scope: str, *content: object) -> RequestKey | None:
    """The same, where the body was too large to be kept: `content` tells it from others. Raises BadRequest."""
    key = _sent_key()
    return None if key is None else _request_key(f"{scope} {key}", _fingerprint(repr(content).encode()))


def _sent_key() -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not KEY.fullmatch(key):
        raise BadRequest(f"The header {HEADER} has 1 to 200 printable ASCII characters, without spaces.")
    return key


async def lead_to_the_first(error: AlreadyDone) -> ResponseReturnValue:
    """To the page that the first request led to."""
    if error.outcome.message:
        flash(error.outcome.message)
    visit = current_visit()
    url = error.outcome.url if visit is None else url_for("tables.show", table_id=visit.table_id)
    return redirect_to(url or "/", whole=True)


def _request_key(key: str, fingerprint: str, *, is_public: bool = False) -> RequestKey:
    actor = None if is_public else current_user_or_none()
    operation = request.endpoint or ""
    if actor is not None and actor.link_id is not None:  # nobody's, but of this link alone
        return RequestKey(None, f"{operation} {actor.link_id}", key, fingerprint)
    return RequestKey(actor.id if actor else None, operation, key, fingerprint)


def _fingerprint(content: bytes) -> str:
    """With the server's key: what a program sends may have a password in it, which nobody is to guess from the
    database.
    """
    return hmac.new(fingerprint_key(), content, hashlib.sha256).hexdigest()
