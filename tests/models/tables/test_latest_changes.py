"""Who changed a cell last: never somebody who was not, however much was changed since."""

import pytest

from tests.models.tables.test_editing import ADA, CITY, EVE, PEOPLE, TABLE, table
from webapp.db.database import Database
from webapp.models.tables import change_set, editing, latest_changes
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.latest_changes import Place

__all__ = ["table"]  # the fixture

pytestmark = pytest.mark.usefixtures("table")


async def names(database: Database, *places: Place) -> dict[Place, str | None]:
    found = await database.read(lambda connection: latest_changes.latest_changes(connection, TABLE, places))
    return {place: change.name for place, change in found.items()}


async def test_a_large_change_that_is_not_looked_through_may_be_the_latest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_set, "MAX_LISTED", 1)
    monkeypatch.setattr(latest_changes, "MAX_BLOBS", 1)
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, None, "a")])
    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, None, "b"), CellEdit(2, CITY, None, "b")])
    assert await names(database, (1, CITY)) == {(1, CITY): "ada"}
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(row, PEOPLE, None, "1") for row in (1, 2)])

    assert await names(database, (1, CITY), (1, PEOPLE)) == {(1, PEOPLE): "eve"}

    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, None, "c")])
    assert await names(database, (1, CITY), (2, CITY)) == {(1, CITY): "eve"}


async def test_a_row_as_a_whole_was_changed_last_by_whoever_changed_any_cell_of_it(database: Database) -> None:
    (row_id,) = (await database.write(editing.add_rows, ADA, TABLE, [{CITY: "Rena"}])).ids
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(row_id, CITY, None, "Voss")])

    assert await names(database, (row_id, 0), (row_id, PEOPLE)) == {(row_id, 0): "eve", (row_id, PEOPLE): "ada"}
