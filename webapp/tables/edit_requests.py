"""What an editing request asks for: JSON from the grid's script, or the fields of a form.

A script that sends something else than this has a fault, and is told so with a 400; what a person typed never is.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard, TypeVar, cast

from quart import request
from werkzeug.exceptions import BadRequest

from webapp.models.tables.editing import MAX_CELLS, CellEdit, TooManyCells
from webapp.models.tables.pasting import Paste
from webapp.rowstore.cell_input import MAX_TEXT
from webapp.tables.clipboard import parse_block
from webapp.tables.line_breaks import restore_breaks
from webapp.web.json_body import LARGE, load_json

T = TypeVar("T")

MAX_BYTES = (
    32 * 1024 * 1024
)  # of one request: a hundred thousand cells, or a cell too long to be kept, which is then said
MAX_FIELDS = 10_000  # of a form: several for each column of a row
_MAX_ID = 2**63 - 1


def is_json() -> bool:
    return bool(request.mimetype == "application/json")


async def read_json() -> Mapping[str, Any]:
    """The object that the body is. Raises BadRequest."""
    data = cast(bytes, await request.get_data())
    found = await load_json(data)
    if not isinstance(found, dict):
        raise BadRequest("The body has to be a JSON object.")
    return found


async def read_as(parse: Callable[[Mapping[str, Any]], T]) -> T:
    """What `parse` makes of the object that the body is, in a thread if that may take long. Raises what it raises, and
    BadRequest.
    """
    body = await read_json()
    is_large = len(cast(bytes, await request.get_data())) >= LARGE
    return await asyncio.to_thread(parse, body) if is_large else parse(body)


def parse_edits(body: Mapping[str, Any]) -> list[CellEdit]:
    """`{"edits": [{"row": 12, "column": 3, "seen": "Oslo", "text": "Bergen", "as_text": false}, ...]}`"""
    edits = _list(body, "edits")
    if len(edits) > MAX_CELLS:
        raise TooManyCells(len(edits))
    return [_edit(item) for item in edits]


def parse_rows(body: Mapping[str, Any]) -> list[dict[int, str]]:
    """`{"rows": [{"1": "Oslo"}, {}]}`, cells by column number; without `rows` one empty row."""
    if "rows" not in body:
        return [{}]
    rows = _list(body, "rows")
    if not all(isinstance(row, dict) for row in rows):
        raise BadRequest("Each of “rows” has to be an object of texts by column number.")
    return [{_number(number): _text(text, "rows") for number, text in row.items()} for row in rows]


def parse_ids(body: Mapping[str, Any]) -> list[int]:
    """`{"ids": [12, 13]}`"""
    return [_id(item, "ids") for item in _list(body, "ids")]


def parse_paste(body: Mapping[str, Any]) -> Paste:
    """`{"text": "a\\tb", ...}` or `{"values": [["a", "b"]], ...}`, with `rows` and `columns` from the selection's first
    cell on, its `height` and `width`, and the texts `seen` there, where they are known.
    """
    if "text" in body:
        block = parse_block(_text(body["text"], "text"))
    else:
        block = [[_text(text, "values") for text in _row(row, "values")] for row in _list(body, "values")]
    rows = [_id(item, "rows") for item in _list(body, "rows")]
    columns = [_id(item, "columns") for item in _list(body, "columns")]
    if len(set(rows)) < len(rows) or len(set(columns)) < len(columns):
        raise BadRequest("A row or column is there twice.")
    seen = [
        [None if text is None else _text(text, "seen") for text in _row(row, "seen")]
        for row in _row(body.get("seen", []), "seen")
    ]
    height, width = _id(body.get("height", 1), "height"), _id(body.get("width", 1), "width")
    return Paste(block, rows, columns, height, width, seen)


def _edit(item: object) -> CellEdit:
    match item:
        case {"row": row, "column": column, "seen": str(seen), "text": str(text), **more} if _is_id(row) and _is_id(
            column
        ):
            has_lost_breaks = "\r" in seen and "\r" not in text and len(text) <= MAX_TEXT
            restored = restore_breaks(text, seen) if has_lost_breaks else text
            return CellEdit(row, column, seen, restored, more.get("as_text") is True)
    raise BadRequest("Each edit has a row, a column, the text that was seen, and the new text.")


def _list(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = body.get(name)
    if not isinstance(found, list):
        raise BadRequest(f"“{name}” has to be a list.")
    return found


def _row(found: object, name: str) -> Sequence[Any]:
    if not isinstance(found, list):
        raise BadRequest(f"“{name}” has to be a list of lists.")
    return found


def _text(found: object, name: str) -> str:
    if not isinstance(found, str):
        raise BadRequest(f"“{name}” has to be text.")
    return found


def _is_id(found: object) -> TypeGuard[int]:
    """`True` is a number to Python."""
    return type(found) is int and 0 < found <= _MAX_ID


def _id(found: object, name: str) -> int:
    if not _is_id(found):
        raise BadRequest(f"“{name}” has to be numbers above zero.")
    return found


def _number(name: str) -> int:
    if not (name.isascii() and name.isdigit() and 0 < len(name) < 10):
        raise BadRequest("Columns are named by their numbers.")
    return int(name)
