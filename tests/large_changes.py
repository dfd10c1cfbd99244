"""Plans of large changes in tests, stored as if a child process had made them."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.database import connect, insert
from webapp.rowstore.entries import Entry, into_parts, pack_part
from webapp.rowstore.sql.set_parts import Extent


def add_plan(
    data_dir: Path,
    table_id: int,
    changes: Sequence[Entry] = (),
    *,
    user_id: int = 1,
    state: str = "ready",
    kind: str = "cells",
) -> int:
    """The id of a change whose plan is ready, unless it has another state."""
    parts, extent = list(into_parts([changes])), Extent().add(changes)
    counts = {"parts": len(parts), "entries": extent.entries, "rows": extent.rows, "cells": extent.cells}
    given = {"table_id": table_id, "user_id": user_id, "kind": kind, "via": "page", "note": "", "planner": "test"}
    given |= {"state": state, "columns": extent.named, "new_rows": extent.new_rows, "parts_done": 0, "left": 0}
    given |= {"is_decided": False, "index_again": False, **counts}
    given |= {"first_row": extent.first_row, "last_row": extent.last_row}
    given |= {"arguments": "{}", "created_at": "2026-11-28 12:00:00"}
    names, marks = ", ".join(f'"{name}"' for name in given), ", ".join("?" * len(given))
    with closing(connect(data_dir / "rowcast.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        change_id = insert(connection, f"INSERT INTO large_changes ({names}) VALUES ({marks})", tuple(given.values()))
        connection.executemany(
            "INSERT INTO large_change_parts (change_id, number, blob) VALUES (?, ?, ?)",
            [(change_id, number, pack_part(part)) for number, part in enumerate(parts, 1)],
        )
        connection.execute("COMMIT")
    return change_id
