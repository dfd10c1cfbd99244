"""Large changes in tests: planned and carried out as child processes do it, without starting any."""

from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

from tests.models.tables.conftest import ADA
from webapp.db.database import Database
from webapp.models import Actor, LargeChange, LargeState
from webapp.models.tables import large_steps
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Entry, Kind, Via
from webapp.models.tables.large_changing import Planned, begin
from webapp.models.tables.large_columns import NewColumn
from webapp.planners.plan import PlanInput
from webapp.planners.undo import plan_undo
from webapp.rowstore import open_loader, open_reader


class Killed(Exception):
    pass


def ignore(done: int, of: int) -> None:
    pass


def planned(kind: Kind = Kind.CELLS, new_columns: Sequence[NewColumn] = (), **arguments: Any) -> Planned:
    return Planned("test", arguments, kind, Via.PAGE, new_columns=new_columns)


async def plan(
    database: Database,
    changes: Sequence[Entry],
    kind: Kind = Kind.CELLS,
    actor: Actor = ADA,
    *,
    is_decided: bool = True,
    new_columns: Sequence[NewColumn] = (),
) -> LargeChange:
    """Begun and planned, and if it is decided its set is begun, too."""
    change = await database.write(begin, actor, 1, planned(kind, new_columns), is_decided=is_decided)

    def batches() -> Generator[Sequence[Entry], None, dict[str, Any]]:
        yield changes
        return {"changed": len(changes)}

    with open_loader(database.address) as loader:
        loader.write_plan(change.id, batches(), ignore)
    await database.write(large_steps.finish_planning, change.id)
    return await get(database, change.id)


async def get(database: Database, change_id: int) -> LargeChange:
    async with database.reading() as session:
        return await session.get_one(LargeChange, change_id)


def work(database: Database, change: LargeChange, parts: int = 1_000) -> None:
    """Carry out some parts of the plan, or take them back, and be killed then."""
    left = parts

    def stop(done: int, of: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    with suppress(Killed), open_loader(database.address) as loader:
        (loader.apply_change if change.state == LargeState.APPLYING else loader.revert_change)(change.id, stop)


async def carry_out(database: Database, change: LargeChange) -> LargeChange:
    """To the end, whichever that is."""
    change = await get(database, change.id)
    if change.state == LargeState.APPLYING:
        work(database, change)
        await database.write(large_steps.finish, change.id)
        change = await get(database, change.id)
    if change.state == LargeState.REVERTING:
        work(database, change)
        await database.write(large_steps.finish_reverting, change.id)
    return await get(database, change.id)


async def plan_taking_back(database: Database, change_id: int) -> LargeChange:
    table, change = await find_table(database, ADA, 1), await get(database, change_id)
    address = database.address
    with open_loader(address) as loader, open_reader(address) as reader:
        loader.write_plan(change_id, plan_undo(PlanInput(table.ref, change.arguments, reader, ignore)), ignore)
    await database.write(large_steps.finish_planning, change_id)
    return await get(database, change_id)
