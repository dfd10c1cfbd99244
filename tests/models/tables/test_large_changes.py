"""Large changes: what verbs and child processes make of the plan, without a server."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.models.tables.conftest import ADA, Followed
from tests.tables import add_table
from webapp.db.database import Database
from webapp.models import LargeChange
from webapp.models.tables import large_steps, undo
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Entry, Kind, Via, entries_of
from webapp.models.tables.large_changing import Planned, begin
from webapp.planners.plan import PlanInput
from webapp.planners.undo import plan_undo
from webapp.rowstore import create_store, entries, open_loader, open_reader

ROWS = [(f"Planet {number}", str(number)) for number in range(1, 13)]


def ignore(done: int, of: int) -> None:
    pass


@pytest.fixture
async def planets(database: Database, followed: Followed, data_dir: Path) -> Followed:
    """Table 1 with the columns Planet (1, text) and Moons (2, integer), and twelve rows."""
    add_table(data_dir, {"Planet": "text", "Moons": "integer"}, ROWS)
    return followed


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "PART_ENTRIES", 3)


def planned(kind: Kind = Kind.CELLS) -> Planned:
    return Planned("test", {}, kind, Via.PAGE)


async def plan(database: Database, changes: Sequence[Entry], kind: Kind = Kind.CELLS) -> LargeChange:
    """Begun, planned, and applied as far as its set goes."""
    change = await database.write(begin, ADA, 1, planned(kind))

    def batches() -> Generator[Sequence[Entry], None, dict[str, Any]]:
        yield changes
        return {"changed": len(changes)}

    with open_loader(str(database.file)) as loader:
        loader.write_plan(change.id, batches(), ignore)
    await database.write(large_steps.finish_planning, change.id)
    return await get(database, change.id)


async def get(database: Database, change_id: int) -> LargeChange:
    async with database.reading() as session:
        return await session.get_one(LargeChange, change_id)


async def carry_out(database: Database, change: LargeChange) -> LargeChange:
    with open_loader(str(database.file)) as loader:
        loader.apply_change(change.id, ignore)
    await database.write(large_steps.finish, change.id)
    return await get(database, change.id)


async def rows(database: Database) -> dict[int, tuple[str, ...]]:
    table = await find_table(database, ADA, 1)
    ids = range(1, 40)
    return await create_store(database).read(lambda rows: rows.cells(table.ref, ids, table.ref.fields), 5)


def upper() -> list[Entry]:
    return [Entry(row_id, 1, planet, planet.upper()) for row_id, (planet, _) in enumerate(ROWS, 1)]


async def test_a_large_change_is_one_set_in_parts(database: Database, planets: Followed) -> None:
    change = await plan(database, upper())
    assert (change.state, change.parts, change.entries, change.rows, change.seq) == ("applying", 4, 12, 12, 1)
    assert change.report == {"changed": 12}
    assert (await rows(database))[1] == ("Planet 1", "1")
    change = await carry_out(database, change)
    assert (change.state, change.parts_done, change.left) == ("done", 4, 0)
    assert [row[0] for row in (await rows(database)).values()] == [planet.upper() for planet, _ in ROWS]
    assert await database.read(lambda connection: entries_of(connection, 1, 1)) == upper()


async def test_a_large_set_is_undone_by_another_large_change(database: Database, planets: Followed) -> None:
    before = await rows(database)
    await carry_out(database, await plan(database, upper()))
    begun = await database.write(undo.undo_latest, ADA, 1)
    assert isinstance(begun, undo.UndoBegun)
    table = await find_table(database, ADA, 1)
    with open_loader(str(database.file)) as loader, open_reader(str(database.file)) as reader:
        given = PlanInput(table.ref, {"seq": begun.of}, reader, ignore)
        loader.write_plan(begun.change_id, plan_undo(given), ignore)
    await database.write(large_steps.finish_planning, begun.change_id)
    change = await carry_out(database, await get(database, begun.change_id))
    assert change.state == "done"
    assert await rows(database) == before
