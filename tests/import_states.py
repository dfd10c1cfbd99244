"""Imports in any state, created without running them, so that a page can show one moment of an import for as long as a
test needs.
"""

import json
import secrets
from contextlib import closing
from pathlib import Path

from tests.database import connect
from webapp.imports.comparison_report import Clash, ComparisonReport, Misfit, SampleRow
from webapp.imports.inspect_file import inspect_file

COLUMNS = (
    "id, user_id, table_id, state, failure, created_at, finished_at, filename, size, sha256, overrules, inspection,"
    " rows_done"
)


COMPARED = ComparisonReport(
    seq=1, rows=9, added=1, changed=1, cells=2, same=3, missing=1, refused={"repeated": 2}, keyless=1, entries=3,
    clashes={"cell": 1, "both": 1, "deleted": 1}, settled=1, authors={1: 2},
    samples={
        "changed": [SampleRow(5, 2, [(2, "95", "97")], 3)],
        "added": [SampleRow(0, 3, [(1, None, "Pluto")])],
        "missing": [SampleRow(6, 0, [(1, "Saturn", None)])],
        "repeated": [SampleRow(0, 4, [(1, None, "Mars")])],
    },
    misfits=[Misfit(2, 1, ["many"])],
    listed=[Clash(0, "cell", 1, 5, 2, "95", "96", "97"), Clash(1, "deleted", 1, 9, None, None, None, None)],
)  # fmt: skip


def add_update(
    data_dir: Path,
    path: Path,
    table_id: int,
    state: str,
    *,
    user_id: int = 1,
    seq: int | None = None,
    comparison: ComparisonReport | None = None,
) -> str:
    """Add a further file for a table, which has been compared if there is a comparison; return its URL."""
    import_id = add_import(data_dir, path, state, table_id=table_id if state == "done" else None).rpartition("/")[2]
    with closing(connect(data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE imports SET is_update = 1, user_id = ? WHERE id = ?", (user_id, import_id))
        settings = json.dumps({"columns": {"0": 1}, "mode": "append"})
        connection.execute(
            "INSERT INTO import_updates"
            " (import_id, table_id, source, settings, matches, decision, note, seq, comparison)"
            " VALUES (?, ?, 'x', ?, '[]', '{}', '', ?, ?)",
            (import_id, table_id, settings, seq, json.dumps(comparison.to_json()) if comparison else None),
        )
    return f"/tables/{table_id}/imports/{import_id}"


def add_import(
    data_dir: Path, path: Path, state: str, *, failure: str | None = None, table_id: int | None = None
) -> str:
    """Add an import of `path` for the first person, in `state`; return its URL."""
    import_id = secrets.token_hex(16)
    found = None if state in ("inspecting", "failed") else inspect_file(path, path.name)
    kept = json.dumps(found.to_json()) if found else None
    rows = found.rows if found else 0
    when = "2026-11-22 12:00:00"
    values = (
        import_id, 1, table_id, state, failure, when, when if state in ("done", "failed") else None, path.name,
        path.stat().st_size, "0" * 64, "{}", kept, rows if state == "done" else rows // 3,
    )  # fmt: skip
    with closing(connect(data_dir / "rowcast.db")) as connection:
        marks = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO imports ({COLUMNS}) VALUES ({marks})", values)
    return f"/tables/imports/{import_id}"
