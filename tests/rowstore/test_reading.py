"""Reading in threads, on one snapshot."""

from typing import Any

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import RowReader
from webapp.rowstore.values import PageStart

FIELDS = (column(1, "name"), column(2, "price", "integer"))


def make_numbered(make: Make) -> StoredTable:
    return make(FIELDS, [(f"row {number}", str(number)) for number in range(1, 301)])


async def test_a_page_a_count_and_a_row_are_read_in_a_thread(make: Make, open_store: Any) -> None:
    table = make_numbered(make)
    store, query = await open_store(table), table.query(("sort", "-2"))
    first = await store.read(lambda rows: rows.page(table.ref, query, size=2), 5)
    assert first.rows == [(300, ("row 300", "300")), (299, ("row 299", "299"))]
    assert ids(await store.read(lambda rows: rows.page(table.ref, query, PageStart(after=first.after), size=2), 5)) == [
        298,
        297,
    ]
    row = await store.read(lambda rows: rows.row(table.ref, query, 299), 5)
    assert (row.cells, row.previous, row.next) == (("row 299", "299"), 300, 298)


async def test_one_read_sees_one_snapshot(make: Make, open_store: Any) -> None:
    """The parts of an answer belong together, whoever writes in between."""
    table = make_numbered(make)
    store, query = await open_store(table), TableQuery.of(FIELDS)

    def count_twice(rows: RowReader) -> list[int]:
        before = rows.count(table.ref, query).number
        table.write(lambda writer: writer.delete(table.ref, [7]))
        return [before, rows.count(table.ref, query).number]

    assert await store.read(count_twice, 5) == [300, 300]
    assert (await store.read(lambda rows: rows.count(table.ref, query), 5)).number == 299
