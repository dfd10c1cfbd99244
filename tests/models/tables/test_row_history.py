"""Reading the change log for a row: from listed entries and from large sets, within a time."""

import pytest

from tests.models.tables.test_editing import ADA, CITY, PEOPLE, TABLE, table
from webapp.db.database import Database
from webapp.models.tables import editing, undo
from webapp.models.tables.change_set import Entry
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.history_query import HistoryPage
from webapp.models.tables.row_history import list_row_history

__all__ = ["table"]  # the fixture

pytestmark = pytest.mark.usefixtures("table")
COUNT = 1_002  # rows of one set, which is then stored as a blob, also without one of them


async def row_history(database: Database, row_id: int, column: int | None = None, **more: float) -> HistoryPage:
    return await database.read(lambda connection: list_row_history(connection, TABLE, row_id, column, **more))  # type: ignore[arg-type]


async def test_looking_through_large_changes_ends_in_time_and_goes_on_where_it_stopped(database: Database) -> None:
    await database.write(editing.add_rows, ADA, TABLE, [{CITY: str(number)} for number in range(COUNT)])
    for turn in range(3):
        edits = [CellEdit(number + 4, CITY, None, f"{turn}.{number}") for number in range(COUNT) if number != 5]
        await database.write(editing.change_cells, ADA, TABLE, edits)

    pages, before = list[HistoryPage](), None
    for _ in range(4):
        pages.append(await row_history(database, 9, seconds=0, **({"before": before} if before else {})))
        before = pages[-1].before

    assert [page.stopped for page in pages] == [True, True, True, False]
    assert [list(page.entries) for page in pages] == [[], [], [], [1]]
    assert pages[-1].before is None


async def test_a_cell_has_its_own_changes_and_those_of_its_row(database: Database) -> None:
    await database.write(
        editing.change_cells, ADA, TABLE, [CellEdit(1, PEOPLE, None, "5"), CellEdit(2, CITY, None, "x")]
    )
    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, None, "y")])
    await database.write(editing.delete_rows, ADA, TABLE, [1])
    await database.write(undo.undo_latest, ADA, TABLE)

    page = await row_history(database, 1, PEOPLE)

    assert [one.seq for one in page.sets] == [4, 3, 1]
    assert page.entries[1] == [Entry(1, PEOPLE, "1,000,000", "5")]


async def test_pages_of_a_row_follow_each_other_without_gap(database: Database) -> None:
    for number in range(7):
        await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, None, str(number))])

    found, before = list[int](), None
    while before or not found:
        page = await row_history(database, 1, size=3, **({"before": before} if before else {}))
        found += [one.seq for one in page.sets]
        before = page.before

    assert found == [7, 6, 5, 4, 3, 2, 1]
