"""What stands above a view of the API: each decorator does something, and tells the documentation of it."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from quart_schema import validate_querystring, validate_request, validate_response

from webapp.api.json import check_body

View = TypeVar("View", bound=Callable[..., Awaitable[Any]])


def takes(model: type[BaseModel]) -> Callable[[View], View]:
    """The body is JSON of this model, handed to the view as `data`."""

    def decorate(view: View) -> View:
        validated = validate_request(model)(view)

        @wraps(validated)
        async def checked(*args: Any, **kwargs: Any) -> Any:
            await check_body()
            return await validated(*args, **kwargs)

        return cast(View, checked)

    return decorate


def asks(model: type[BaseModel]) -> Callable[[View], View]:
    """The parameters of the address, handed to the view as `query_args`."""
    return cast(Callable[[View], View], validate_querystring(model))


def answers(model: type[BaseModel], status: int = 200) -> Callable[[View], View]:
    return cast(Callable[[View], View], validate_response(model, status))


def refuses(*statuses: int) -> Callable[[View], View]:
    """What else it may be answered, besides what its address, body and right say already."""

    def decorate(view: View) -> View:
        view.refusals = statuses  # type: ignore[attr-defined]
        return view

    return decorate
