"""What requests make: the rows of the database, compared by what they say rather than by their numbers and secrets."""

import re
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.database import broken, connect, relations, rows

Rows = Counter[tuple[str, ...]]  # each the name of its table, and its values


@dataclass(frozen=True)
class Made:
    """The rows that were added, and those that went; a changed row is among both."""

    added: Rows
    gone: Rows


# Columns of which only is compared whether they are set: they differ from row to row by nature.
VARYING = re.compile(
    r"(?:.*_)?(?:id|at|until|hash|secret|step)|added_by|created_by|sealed|fingerprint|credential|address|agent|start|url"
    r"(?:.*_)?(?:id|at|until|hash|secret|step)|(?:added|made)_by|sealed|fingerprint|credential|address|agent|start|url"
)
# What the jobs write, whenever their turn comes; what counts the changes of a table; and the keys of requests, which
# are compared by what they lead to.
LEFT_OUT = {
    "import_updates": {"settings", "matches", "comparison", "note", "seq"},
    "large_changes": {"state", "arguments"},
    "imports": {"state", "rows_done", "inspection", "failure", "finished_at", "table_id"},
    "mails": {"tries", "failure"},
    "tables": {"state", "row_count", "version", "seq"},
    "forms": {"answers"},
    "webhooks": {"seq", "lease", "lease_until", "sealed_before"},
    "webhook_deliveries": {"state", "attempts", "status", "ms", "reason", "tried_at"},
    "change_sets": {"seq", "first_row", "last_row"},
    "changes": {"seq"},
}
NOT_COMPARED = {"idempotency_keys", "alembic_version"}
REFUSED = re.compile(r".*\.(?:refused|throttled)")
IDS = re.compile(r'("\w*id\w*": |/)\d+')
SCENE = re.compile(r"\b(actor|member|new|other)\d+\b")
RANDOM = re.compile(r"[A-Za-z0-9_-]{43}|rowcast_[A-Za-z0-9_-]{4}")
ROWS_OF_A_TABLE = re.compile(r"t\d+\w*")


def rows_of(data_dir: Path) -> Rows:
    """Every row but those of uploaded files, and what was refused: the log counts that on purpose."""
    path = data_dir / "rowcast.db"
    with closing(connect(path)) as connection:
        found: Rows = Counter()
        for table in _tables(path):
            found.update(_rows(connection, table))
        return found


def made(before: Rows, after: Rows) -> Made:
    return Made(after - before, before - after)


def more_than(once: Made, often: Made) -> dict[str, int]:
    """How many rows of each table were added beyond what one request adds. The rows must say the same as those, and
    everything else must be equal.
    """
    more = often.added - once.added
    assert not once.added - often.added, (once.added - often.added, more)
    assert often.gone == once.gone, (often.gone - once.gone, once.gone - often.gone)
    assert {row for row in more if not _is_replaced_link(row)} <= set(once.added), more
    return dict(Counter(row[0] for row in more.elements()))


def _is_replaced_link(row: tuple[str, ...]) -> bool:
    return row[0] == "one_time_tokens" and "used_at: some" in row


def ensure_consistent(data_dir: Path) -> None:
    """Every row refers to rows that exist, and the rows of uploaded files belong to a table."""
    path = data_dir / "rowcast.db"
    assert broken(path) == []
    tables = {name for name in relations(path) if re.fullmatch(r"t\d+", name)}
    assert tables <= {f"t{table_id}" for (table_id,) in rows(path, "SELECT id FROM tables")}


def _tables(path: Path) -> list[str]:
    names = [name for name in relations(path) if name not in NOT_COMPARED]
    return [name for name in names if not name.startswith("sqlite_") and not ROWS_OF_A_TABLE.fullmatch(name)]


def _rows(connection: Any, table: str) -> Rows:
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    columns = [column[0] for column in cursor.description]
    rows = ({name: _said(table, name, value) for name, value in zip(columns, row, strict=True)} for row in cursor)
    return Counter((table, *row.values()) for row in rows if not REFUSED.fullmatch(row.get("event", "")))


def _said(table: str, column: str, value: Any) -> str:
    if column in LEFT_OUT.get(table, ()):
        return ""
    if value is None:
        return f"{column}: none"
    if VARYING.fullmatch(column):
        return f"{column}: some"
    text = RANDOM.sub("R", SCENE.sub(r"\1", IDS.sub(r"\1N", str(value))))
    return f"{column}: {text}"
