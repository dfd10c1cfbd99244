"""Decorators for API views: each enforces something and adds it to the documentation."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from quart import request
from quart_schema import (
    document_querystring,
    document_request,
    document_response,
    validate_querystring,
    validate_request,
    validate_response,
)
from werkzeug.exceptions import UnsupportedMediaType

from webapp.api.json import check_body
from webapp.api.loading import load_body, load_parameters
from webapp.web.body import URLENCODED, body_limit

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


def large_body(model: type[BaseModel], size: int) -> Callable[[View], View]:
    """The same for one of many rows, at most `size` bytes: it is read in a thread, and its numbers with a fraction are
    exact (`Decimal`).
    """

    def decorate(view: View) -> View:
        documented = document_request(model)(view)

        @wraps(documented)
        async def loaded(*args: Any, **kwargs: Any) -> Any:
            await check_body()
            return await documented(*args, data=await load_body(model), **kwargs)

        return cast(View, body_limit(size)(loaded))

    return decorate


def grid_query(model: type[BaseModel]) -> Callable[[View], View]:
    """The query parameters of `model`, passed to the view as `query_args`; those of the grid beside them are left to
    `TableQuery`.
    """

    def decorate(view: View) -> View:
        documented = document_querystring(model)(view)

        @wraps(documented)
        async def loaded(*args: Any, **kwargs: Any) -> Any:
            return await documented(*args, query_args=load_parameters(model), **kwargs)

        loaded.has_long_address = True  # type: ignore[attr-defined]
        return cast(View, loaded)

    return decorate


def streams(model: type[BaseModel], *mimetypes: str, headers: tuple[str, ...] = ()) -> Callable[[View], View]:
    """What the view writes by itself: JSON of this model, or on request something of another type."""

    def decorate(view: View) -> View:
        documented = document_response(model)(view)
        documented.response_headers = headers  # type: ignore[attr-defined]
        documented.other_mimetypes = mimetypes  # type: ignore[attr-defined]
        return documented

    return decorate


def files(*mimetypes: str) -> Callable[[View], View]:
    """The view answers with a file of one of these types."""

    def decorate(view: View) -> View:
        view.file_types = mimetypes  # type: ignore[attr-defined]
        return view

    return decorate


def upload(view: View) -> View:
    """The body is a file of any type, which the view receives, or a form with one. A form without files is neither."""

    @wraps(view)
    async def checked(*args: Any, **kwargs: Any) -> Any:
        if request.mimetype == URLENCODED:
            raise UnsupportedMediaType(
                "Send the file with the type that it has, such as text/csv or application/octet-stream."
            )
        return await view(*args, **kwargs)

    checked.takes_file = True  # type: ignore[attr-defined]
    return cast(View, body_limit(lambda settings: settings.upload_limit)(checked))


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
