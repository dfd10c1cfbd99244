"""The messages of a table's stream: JSON of plain texts, which the page makes into elements, never into markup.

    id: 17                      the change set, from which a page that comes back goes on
    data: {"by": [2, "eve"],    who made it; its id is null if the account is gone, or a form took it
           "page": "...",       the open page that asked for it, as that page calls itself
           "cells": [[row, column, text], [row, column, text, shape]],
           "added": [row, ...], "deleted": [row, ...], "columns": [number, ...], "title": "...",
           "count": rows,       of a set too large to be listed, that added rows
           "extent": [first row, last row]}   of any other: something between them has changed

What does not apply is left out. A `shape` is "b" for the true value of a boolean and "i" for any other, or the address
that the text links to. Further messages, without an id but for `refresh`, have a name: `refresh`, `people`, `access`,
`deleted`.
"""

import json
from collections.abc import Mapping
from typing import Any

from webapp.models.tables.change_documents import change_document
from webapp.models.tables.change_feed import LoggedSet
from webapp.models.tables.change_set import Kind
from webapp.rowstore.page_budget import MAX_CELL
from webapp.rowstore.table_ref import Field
from webapp.tables.grid import address_of
from webapp.tables.presence import Presence

ELLIPSIS = "…"
_ADDS = (Kind.ADD_ROWS, Kind.IMPORT)
_CHANGES_ROWS_ALONE = (Kind.CELLS, Kind.DELETE_ROWS, *_ADDS)


def set_message(
    logged: LoggedSet, fields: Mapping[int, Field], columns: frozenset[int] | None, page: str | None
) -> bytes:
    """One change set, for pages that show these columns (None: all). Always a message: it moves the cursor."""
    cells = [
        _cell(row_id, fields[number], text)
        for row_id, number, text in logged.cells
        if number in fields and (columns is None or number in columns)
    ]
    first, last, count = logged.extent or (0, 0, 0)
    may_change_columns = bool(count) and logged.kind not in _CHANGES_ROWS_ALONE
    message = {
        "by": [logged.author.id, logged.author.name],
        "page": page,
        "cells": cells,
        "added": logged.added,
        "deleted": logged.deleted,
        "columns": logged.columns or ([0] if may_change_columns else []),
        "title": logged.title,
        "count": count if logged.kind in _ADDS else None,
        "extent": [first, last] if count and logged.kind not in _ADDS else None,
    }
    return _message({name: value for name, value in message.items() if value or value == ""}, seq=logged.seq)


def change_message(logged: LoggedSet) -> bytes:
    """One change set, for programs."""
    return _message(change_document(logged), seq=logged.seq)


def refresh_message(seq: int) -> bytes:
    """The page is too far behind: it loads its rows again, which are then those after the set `seq`, or later."""
    return _message({}, "refresh", seq)


def people_message(presence: Presence, columns: frozenset[int] | None) -> bytes:
    """Who is here: [id, name, whether they edit], how many others, and [page, id, row, column, whether they edit]."""
    places = [
        [place.page, place.user_id, place.row_id, place.column, int(place.is_editing)]
        for place in presence.places
        if columns is None or place.column in columns
    ]
    people = [[person.id, person.name, int(person.is_editing)] for person in presence.people]
    return _message({"people": people, "others": presence.others, "places": places}, "people")


def access_message(role: str) -> bytes:
    """What the reader is to the table from now on: `none` if they may not see it any more."""
    return _message({"role": role}, "access")


def deleted_message() -> bytes:
    return _message({}, "deleted")


def _cell(row_id: int, field: Field, text: str) -> list[Any]:
    """As the grid shows it: empty cells are empty there, long ones are cut."""
    text = "" if text == field.empty_text else text
    shown = text if len(text) <= MAX_CELL else text[:MAX_CELL] + ELLIPSIS
    if field.type == "boolean" and text:
        return [row_id, field.number, shown, "b" if text == field.kind.print(1, field.format) else "i"]
    if field.type == "text" and len(text) <= MAX_CELL and (address := address_of(text)):
        return [row_id, field.number, shown, address]
    return [row_id, field.number, shown]


def _message(data: Mapping[str, Any], event: str | None = None, seq: int | None = None) -> bytes:
    """JSON has no line ends of its own."""
    head = (f"id: {seq}\n" if seq is not None else "") + (f"event: {event}\n" if event else "")
    return f"{head}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "replace")
