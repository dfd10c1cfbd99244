"""A file laid over a table, in a database of its own on the disk."""

from pathlib import Path

import pytest

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from webapp.db.errors import StorageFull
from webapp.rowstore import open_comparison


def test_a_full_disk_is_said_in_words(make: Make, tmp_path: Path) -> None:
    table = make([column(1), column(2)], [("1", "Oslo")])
    with open_comparison(table.backend.address, tmp_path / "draft.db", table.ref, table.fields, [1]) as over:
        over._run("PRAGMA max_page_count = 30")  # type: ignore[attr-defined]
        with pytest.raises(StorageFull):
            over.take([("x" * 5_000, str(number)) for number in range(500)])
