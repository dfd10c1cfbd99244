"""Decorators for API views: each enforces something and adds it to the documentation."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from quart_schema import validate_querystring, validate_request, validate_response

from webapp.api.json import check_body

View = TypeVar("View", bound=Callable[..., Awaitable[Any]])


def body(model: type[BaseModel]) -> Callable[[View], View]:
    """The body is JSON of this model, passed to the view as `data`."""

    def decorate(view: View) -> View:
        validated = validate_request(model)(view)

        @wraps(validated)
        async def checked(*args: Any, **kwargs: Any) -> Any:
            await check_body()
            return await validated(*args, **kwargs)

        return cast(View, checked)

    return decorate


def query(model: type[BaseModel]) -> Callable[[View], View]:
    """The query parameters, passed to the view as `query_args`."""
    return cast(Callable[[View], View], validate_querystring(model))


def response(model: type[BaseModel], status: int = 200, *, headers: tuple[str, ...] = ()) -> Callable[[View], View]:
    """What the view returns on success; `headers` are names from `webapp/api/openapi.py`."""

    def decorate(view: View) -> View:
        validated = validate_response(model, status)(view)
        validated.response_headers = headers
        return cast(View, validated)

    return decorate


def errors(*statuses: int) -> Callable[[View], View]:
    """Further error responses, besides those that follow from the route, the body and the right."""

    def decorate(view: View) -> View:
        view.error_statuses = statuses  # type: ignore[attr-defined]
        return view

    return decorate


def takes_idempotency_key(view: View) -> View:
    """Documents the header `Idempotency-Key`; the view reads it with `header_key()`."""
    view.takes_idempotency_key = True  # type: ignore[attr-defined]
    return view
