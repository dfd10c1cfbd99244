"""Saved views in tests, stored without a request."""

from contextlib import closing
from pathlib import Path

from tests.database import connect, insert

ADD = (
    "INSERT INTO saved_views (table_id, owner_id, name, state, layout, version, changed_at)"
    """ VALUES (?, ?, ?, '[["sort", "1"]]', '', 1, '2026-11-28 12:00:00')"""
)


def add_view(data_dir: Path, table_id: int, *, owner: int | None, name: str = "By name") -> int:
    """A view of person `owner`, or for all members; return its id."""
    with closing(connect(data_dir / "rowcast.db")) as connection:
        return insert(connection, ADD, (table_id, owner, name))
