"""What somebody answers: the fields of the page, or a JSON object with the names of the fields."""

import json
from collections.abc import Mapping
from typing import Any, cast

from quart import current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from webapp.forms.inputs import name_of
from webapp.models.tables.table_form import Ask, PublicForm

MAX_SHOWN = 100  # characters of a name
NO_OBJECT = "The body has to be a JSON object, with the names of the fields."


class UnknownFields(Exception):
    """Names that stand for no field of the form."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(*names)


def is_json() -> bool:
    return bool(request.mimetype == "application/json")


async def read_json(public: PublicForm) -> MultiDict[str, str]:
    """`{"Planet": "Pluto", "Moons": 5, "Rings": false}` as the page would send it. Raises BadRequest, and
    `UnknownFields` for names of no field that whoever answers may fill in.
    """
    try:
        body = current_app.json.loads(cast(bytes, await request.get_data()))
    except (ValueError, RecursionError) as error:
        raise BadRequest(NO_OBJECT) from error
    if not isinstance(body, dict):
        raise BadRequest(NO_OBJECT)
    numbers = {field.name.casefold(): field.column for field, _ in public.fields if field.ask is not Ask.FIXED}
    if unknown := [name for name in body if name.casefold() not in numbers]:
        raise UnknownFields([_printable(name) for name in unknown[:20]])
    return MultiDict({name_of(numbers[name.casefold()]): _text(name, value) for name, value in body.items()})


async def read_page() -> MultiDict[str, str]:
    """With the line breaks of the table: browsers send others."""
    return MultiDict({name: text.replace("\r\n", "\n") for name, text in (await request.form).items()})


def given_of(public: PublicForm, submitted: Mapping[str, str]) -> dict[int, str]:
    """By column, of the form's fields alone."""
    columns = (field.column for field, _ in public.fields if field.ask is not Ask.FIXED)
    return {column: submitted.get(name_of(column), "") for column in columns}


def _printable(name: str) -> str:
    """Of whatever was sent: half of a surrogate pair is no text."""
    return name[:MAX_SHOWN].encode(errors="replace").decode()


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise BadRequest(f"“{name[:MAX_SHOWN]}” has to be a text, a number, true, false or null.")
