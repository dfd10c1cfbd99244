"""Reads a large body, and the parameters of a grid, into their models."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from quart import request
from quart_schema import RequestSchemaValidationError
from quart_schema.validation import QuerystringValidationError

from webapp.web.json_body import LARGE, load_json

Model = TypeVar("Model", bound=BaseModel)

MAX_ERRORS = 20  # fields in one response


class InvalidBody(RequestSchemaValidationError):
    """With the first errors: to list all of a large body takes long."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__(error)
        self.first_errors = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]


async def load_body(model: type[Model]) -> Model:
    """Raises BadRequest and `InvalidBody`."""
    data = cast(bytes, await request.get_data())
    body = await load_json(data, parse_float=Decimal)
    return await asyncio.to_thread(_validate, model, body) if len(data) >= LARGE else _validate(model, body)


def _validate(model: type[Model], body: Any) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidBody(error) from None


def load_parameters(model: type[Model]) -> Model:
    """Those of the address that are not a grid's. Raises `QuerystringValidationError`."""
    given: Mapping[str, list[str]] = request.args.to_dict(flat=False)
    own = {
        name: values if _is_list(model, name) else values[0]
        for name, values in given.items()
        if not name.startswith("f.")
    }
    try:
        return model.model_validate(own)
    except ValidationError as error:
        raise QuerystringValidationError(error) from None


def _is_list(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and "list" in str(field.annotation)
