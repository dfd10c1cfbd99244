"""The size limits of request bodies: small by default, larger or smaller where a view says so."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from quart import Quart, request

from settings import Settings
from webapp.extensions import config

P = ParamSpec("P")
T = TypeVar("T")

MAX_FORM_FIELDS = 1000
MAX_FIELD_SIZE = 128 * 1024  # bytes per text field of a multipart form


def init_app(app: Quart, settings: Settings) -> None:
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit
    app.config["MAX_FORM_PARTS"] = MAX_FORM_FIELDS
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FIELD_SIZE
    app.config["BODY_TIMEOUT"] = settings.body_idle_timeout


def body_limit(
    size: int | Callable[[Settings], int], *, fields: int | None = None
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Give the view its own limit of `size` bytes (and `fields` form fields), above or below the default.

    `size` is a number or a function of the settings. It applies once the view is reached: requests refused earlier,
    such as those of strangers, never get more than the default.
    """

    def decorate(view: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(view)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> T:
            limit = size(config()) if callable(size) else size
            _set_limits(limit, fields)
            return await view(*args, **kwargs)

        return limited

    return decorate


def _set_limits(limit: int, fields: int | None) -> None:
    incoming: Any = request
    incoming.max_content_length = limit
    if fields is not None:
        incoming.max_form_parts = fields
        incoming.max_form_memory_size = limit
