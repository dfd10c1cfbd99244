"""Tables in tests, created without an import: for tests that do not care where tables come from."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.database import connect, row_writer
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import StoredRow
from webapp.types import TYPES, Choice, Format
from webapp.types.guess import TypeGuesser

Cells = Sequence[Sequence[str]]

PLANETS = {"Planet": "text", "Moons": "integer", "Radius": "decimal", "Rings": "boolean", "Seen": "date"}
PLANET_ROWS = (
    ("Mercury", "0", "2439.7", "no", ""),
    ("Venus", "0", "6051.8", "no", ""),
    ("Earth", "1", "6371.0", "no", ""),
    ("Mars", "2", "3389.5", "no", "1610-09-01"),
    ("Jupiter", "95", "69911.0", "yes", "1610-01-07"),
    ("Saturn", "146", "58232.0", "yes", "1610-07-25"),
    ("Uranus", "28", "25362.0", "yes", "1781-03-13"),
    ("Neptune", "16", "24622.0", "yes", "1846-09-23"),
)


def add_table(
    data_dir: Path,
    columns: dict[str, str],
    rows: Cells,
    *,
    title: str = "Planets",
    owner: int = 1,
    formats: Mapping[str, Format] | None = None,
) -> int:
    """Add a table of person `owner`, with cells as in a file; return its id. Columns that `formats` does not name have
    a format that reproduces their cells.
    """
    with closing(connect(data_dir / "rowcast.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        table_id = _add(connection, columns, rows, title, owner, formats or {})
        connection.execute("COMMIT")
    return table_id


def _add(
    connection: Any,
    columns: dict[str, str],
    rows: Cells,
    title: str,
    owner: int,
    formats: Mapping[str, Format],
) -> int:
    cursor = connection.execute(
        "INSERT INTO tables (owner_id, title, created_at, row_count, next_row_id, state, version, search_index)"
        " VALUES (?, ?, '2026-11-22 12:00:00', ?, ?, 'ready', 0, 'none') RETURNING id",
        (owner, title, len(rows), len(rows) + 1),
    )
    table_id = int(cursor.fetchone()[0])
    fields = [
        Field(number, name, kind, formats.get(name) or _format(kind, [row[number - 1] for row in rows]))
        for number, (name, kind) in enumerate(columns.items(), 1)
    ]
    for field in fields:
        connection.execute(
            "INSERT INTO columns (table_id, number, position, title, type, format, facts)"
            ' VALUES (?, ?, ?, ?, ?, ?, \'{"reason": "said by the test", "width": 9}\')',
            (table_id, field.number, field.number - 1, field.title, field.type, json.dumps(field.format)),
        )
    ref, writer = TableRef(table_id, tuple(fields)), row_writer(connection)
    writer.create(ref)
    writer.insert(ref, [StoredRow(row_id, tuple(cells)) for row_id, cells in enumerate(rows, 1)])
    return table_id


def _format(kind: str, cells: Sequence[str]) -> dict[str, Any]:
    """The format that reproduces all of these cells."""
    guess = TypeGuesser()
    guess.add(cells)
    decision = guess.decide()
    choices = [decision.choice, *decision.choices, Choice("text"), Choice(kind, TYPES[kind].default_format)]
    return next(choice.format for choice in choices if choice.type == kind and not choice.keeps_texts)
