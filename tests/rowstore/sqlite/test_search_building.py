"""A search index is built in many steps, between which rows change."""

import pytest

from tests.rowstore.backends import column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.values import CellChange, StoredRow

FIELDS = (column(1, "a"), column(2, "b", "decimal", {"style": "fixed", "scale": 2}), column(3, "c"))


def test_an_index_that_is_being_built_follows_every_change(always_indexed: None, make: Make) -> None:
    """Rows it has reached are updated, rows it has not reached are read later, rows added at the end as well."""
    table = make(FIELDS, [(f"row {number:03}", "", "") for number in range(1, 901)])
    steps: list[int] = []

    def change(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 1:
            assert done < 900
            for row_id in (1, 900):
                changes = [CellChange(row_id, FIELDS[0], f"row {row_id:03}", f"changed {row_id}")]
                table.write(lambda rows, changes=changes: rows.apply(table.ref, changes))
            table.write(lambda rows: rows.delete(table.ref, [2, 899]))
        if done == 900:
            table.write(lambda rows: rows.insert(table.ref, [StoredRow(901, ("added", "", ""))]))

    assert table.build_search_index(change)
    assert ids(table.page(("q", "changed"))) == [1, 900]
    assert ids(table.page(("q", "added"))) == [901]
    for gone in ("row 001", "row 002", "row 899", "row 900"):
        assert ids(table.page(("q", gone))) == []
    assert ids(table.page(("q", "row 003"))) == [3]


def test_an_interrupted_build_is_started_again(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [(f"row {number}", "", "") for number in range(900)])

    def interrupt(done: int, total: int) -> None:
        assert total == 900
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.build_search_index(interrupt)
    assert len(table.page(("q", '"row 89"')).rows) == 11
    assert table.build_search_index()
    assert table.build_search_index()
    assert len(table.page(("q", '"row 89"')).rows) == 11
