"""A large change is planned, carried out part by part and taken back, but for what others have changed meanwhile."""

import json
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from tests.rowstore.backends import StoredTable, column, make_table
from webapp.rowstore import open_loader
from webapp.rowstore.entries import Entry, cells_to_json, unpack
from webapp.rowstore.loader import ChangeWithdrawn
from webapp.rowstore.table_ref import Field, TableRef

FIELDS = (column(1, "number", "integer"), column(2, "name"))
ROWS = [(str(number), f"name {number}") for number in range(1, 2_501)]
KEPT = TableRef(1, (Field(1, "number", "integer", {}, keeps_texts=True), FIELDS[1]))
PLANNED = (
    *(Entry(number, 1, str(number), f"about {number}") for number in range(1, 2_401)),
    Entry(2_450, 2, "something else", "new"),
    Entry(2_451, None, cells_to_json({1: "2451", 2: "name 2451"}), None),
    Entry(2_452, None, cells_to_json({1: "0", 2: "changed since"}), None),
    Entry(3_000, None, None, cells_to_json({1: "3000", 2: "added"})),
)


def ignore(done: int, total: int) -> None:
    pass


@pytest.fixture
def table(backend: Any) -> StoredTable:
    table = make_table(backend, FIELDS, ROWS)
    for place, field in enumerate(FIELDS):
        backend.execute(
            "INSERT INTO columns (table_id, number, position, title, type, format, facts)"
            " VALUES (1, ?, ?, ?, ?, '{}', '{}')",
            field.number,
            place,
            field.title,
            field.type,
        )
    backend.execute(
        "INSERT INTO large_changes (id, table_id, user_id, kind, via, note, planner, state, columns, parts, entries,"
        ' rows, cells, new_rows, parts_done, "left", is_decided, index_again, arguments, created_at)'
        " VALUES (7, 1, 1, 'cells', 'page', '', 'test', 'planning', '', 0, 0, 0, 0, 0, 0, 0, FALSE, FALSE, '{}',"
        " '2026-11-28 12:00:00')"
    )
    return table


def plan(entries: Sequence[Entry]) -> Generator[Sequence[Entry], None, dict[str, Any]]:
    yield entries
    return {"said": "é"}


def cells(table: StoredTable, ref: TableRef) -> dict[int, tuple[str, ...]]:
    with table.backend.writing() as rows:
        found: dict[int, tuple[str, ...]] = rows.cells(ref, range(1, 3_001), ref.fields)
        return found


def test_a_plan_is_carried_out_and_taken_back(table: StoredTable) -> None:
    backend = table.backend
    with open_loader(backend.address) as loader:
        loader.write_plan(7, plan(PLANNED), ignore)
        (found,) = backend.execute(
            "SELECT parts, entries, cells, first_row, last_row, CAST(report AS TEXT) FROM large_changes"
        )
        assert (*found[:5], json.loads(found[5])) == (3, 2_404, 2_401, 1, 3_000, {"said": "é"})
        backend.execute("UPDATE large_changes SET state = 'applying', seq = 1")
        backend.execute("UPDATE tables SET seq = 1")
        loader.apply_change(7, ignore)
        expected = {number: (f"about {number}", f"name {number}") for number in range(1, 2_401)}
        expected |= {number: ROWS[number - 1] for number in range(2_401, 2_501) if number != 2_451}
        expected[3_000] = ("3000", "added")
        assert cells(table, KEPT) == expected
        assert backend.execute('SELECT parts_done, "left" FROM large_changes') == [(3, 2)]
        assert backend.execute("SELECT row_count FROM tables") == [(2_500,)]
        ((left,),) = backend.execute("SELECT blob FROM large_change_left")
        assert [entry.row_id for entry in unpack(left)] == [2_450, 2_452]
        assert backend.execute("SELECT sum(entries) FROM change_set_parts") == [(2_402,)]

        backend.execute("UPDATE t1 SET c2 = 'mine' WHERE c2 = 'name 5'")
        backend.execute("UPDATE large_changes SET state = 'reverting'")
        loader.revert_change(7, ignore)
    before = dict(enumerate(ROWS, 1)) | {5: ("5", "mine")}
    assert cells(table, KEPT) == before
    assert backend.execute("SELECT count(*) FROM change_set_parts") == [(0,)]
    table.opened.close()


def test_what_others_changed_later_is_left_alone(table: StoredTable) -> None:
    backend = table.backend
    with open_loader(backend.address) as loader:
        loader.write_plan(7, plan([Entry(1, 2, "name 1", "new"), Entry(2, 2, "name 2", "new")]), ignore)
        backend.execute("UPDATE large_changes SET state = 'applying', seq = 1")
        backend.execute("UPDATE tables SET seq = 2")
        backend.execute(
            "INSERT INTO change_sets (table_id, seq, at, kind, via, note, rows, cells, size)"
            " VALUES (1, 2, '2026-11-28 12:00:00', 'cells', 'page', '', 1, 1, 10)"
        )
        backend.execute(
            'INSERT INTO changes (table_id, seq, number, row_id, "column", before, after)'
            " VALUES (1, 2, 1, 2, 2, 'x', 'name 2')"
        )
        loader.apply_change(7, ignore)
    assert [cells(table, table.ref)[number][1] for number in (1, 2)] == ["new", "name 2"]


def test_a_change_that_nobody_wants_stops(table: StoredTable) -> None:
    with open_loader(table.backend.address) as loader:
        with pytest.raises(ChangeWithdrawn):
            loader.apply_change(7, ignore)
        table.backend.execute("UPDATE large_changes SET state = 'cancelled'")
        with pytest.raises(ChangeWithdrawn):
            loader.write_plan(7, plan(PLANNED), ignore)
