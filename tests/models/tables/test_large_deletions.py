"""The trash and large changes: what they have deleted is listed, comes back, and can be deleted for good."""

from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.models.tables.conftest import ADA, Followed
from tests.models.tables.large import carry_out, get, ignore, plan, planned, work
from tests.models.tables.test_deletions import (
    bring_back,
    delete,
    find,
    find_next,
    finish,
    page,
    purge,
    scrub,
    scrub_all,
    texts_of,
)
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import ChangeSet, ChangeSetPart, LargeChange, LargeChangeLeft, LargeChangePart, utc_now
from webapp.models.tables import deletion_purging, deletions, large_steps, log_scrubbing, trash
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Entry, Kind, cells_to_json, entries_from_blob, entries_of
from webapp.models.tables.columns import delete_column
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.deletion_purging import find_tables_with_old_deletions, purge_deletions, purge_old_deletions
from webapp.models.tables.editing import CellEdit, change_cells
from webapp.models.tables.large_change import LargeChangeRunning, LargeState, PurgeRunning, list_left
from webapp.models.tables.large_changing import apply, begin, cancel
from webapp.models.tables.restoring import OneAtATime, RestoreResult
from webapp.models.tables.table import SearchIndex, Table
from webapp.models.tables.undo import NotUndoable, UndoBegun, UndoResult, revert
from webapp.planners.plan import PlanInput
from webapp.planners.registry import PLANNERS
from webapp.rowstore import create_store, entries, open_loader, open_reader
from webapp.rowstore.loader import ChangeWithdrawn

NAMES = [f"Planet-{number:02}" for number in range(1, 13)]


@pytest.fixture(autouse=True)
async def planets(database: Database, followed: Followed, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Followed:
    """Table 1 with the columns Planet (1, text) and Moons (2, integer) and twelve rows. Parts have three entries."""
    add_table(data_dir, {"Planet": "text", "Moons": "integer"}, [(name, "1") for name in NAMES])
    monkeypatch.setattr(entries, "PART_ENTRIES", 3)
    return followed


async def rows(database: Database) -> dict[int, tuple[str, ...]]:
    table = await find_table(database, ADA, 1)
    return await create_store(database).read(lambda rows: rows.cells(table.ref, range(1, 40), table.ref.fields), 5)


def deletion_of(*ids: int) -> list[Entry]:
    return [Entry(row, None, cells_to_json({1: NAMES[row - 1], 2: "1"}), None) for row in ids]


async def made(database: Database, changes: list[Entry], kind: Kind) -> int:
    seq = (await carry_out(database, await plan(database, changes, kind))).seq
    assert seq is not None
    return seq


async def delete_many(database: Database, *ids: int, kind: Kind = Kind.DELETE_ROWS) -> int:
    return await made(database, deletion_of(*ids), kind)


async def nothing() -> None:
    pass


async def finish_begun(
    database: Database,
    begun: UndoResult | RestoreResult | UndoBegun,
    meanwhile: Callable[[], Awaitable[None]] = nothing,
) -> LargeChange:
    """As the job does, whichever planner it is. `meanwhile`: done when it is planned, and not applied yet."""
    assert isinstance(begun, UndoBegun)
    table, change = await find_table(database, ADA, 1), await get(database, begun.change_id)
    address = database.address
    with open_loader(address) as loader, open_reader(address) as reader:
        batches = PLANNERS[change.planner]()(PlanInput(table.ref, change.arguments, reader, ignore))
        loader.write_plan(change.id, batches, ignore)
    await meanwhile()
    await database.write(large_steps.finish_planning, change.id)
    return await carry_out(database, change)


def known(data_dir: Path, database_texts: list[str]) -> set[str]:
    """Those of the names that are still stored somewhere."""
    return {name for name in NAMES if any(name in text for text in database_texts)}


async def stored_names(database: Database, data_dir: Path) -> set[str]:
    texts = list(texts_of(data_dir))
    async with database.reading() as session:
        for model in (ChangeSetPart, LargeChangePart, LargeChangeLeft):
            texts += [str(entries_from_blob(blob)) for blob in await session.scalars(select(model.blob))]
    return known(data_dir, texts)


async def set_of(database: Database, seq: int) -> ChangeSet:
    async with database.reading() as session:
        return await session.get_one(ChangeSet, (1, seq))


# -- what is listed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.DELETE_ROWS, Kind.IMPORT_UPDATE])
async def test_what_a_large_change_has_deleted_is_in_the_trash(database: Database, kind: Kind) -> None:
    changes = [Entry(1, 2, "1", "7"), Entry(2, 2, "1", "7"), Entry(3, 2, "1", "7"), Entry(4, 2, "1", "7")]
    added = [Entry(-1, None, None, cells_to_json({1: "New", 2: "1"}))]
    more = [] if kind == Kind.DELETE_ROWS else changes + added
    seq = await made(database, [*more, *deletion_of(5, 6, 7, 8, 9)], kind)

    (found,) = (await page(database, 1)).deletions
    assert (found.seq, found.row_count, found.is_exact, found.is_large) == (seq, 5, True, True)
    assert [entry.row_id for entry in found.rows] == [5, 6, 7, 8, 9]
    assert found.is_whole == (kind == Kind.DELETE_ROWS)


@pytest.mark.parametrize("kind", [Kind.CELLS, Kind.IMPORT_UPDATE])
async def test_a_large_change_that_deleted_nothing_is_not_in_the_trash(database: Database, kind: Kind) -> None:
    await made(database, [Entry(row, 2, "1", "null]") for row in range(1, 9)], kind)
    assert (await page(database, 1)).deletions == []


async def test_while_it_is_applied_it_is_not_in_the_trash(database: Database) -> None:
    change = await plan(database, deletion_of(*range(1, 9)), Kind.DELETE_ROWS)
    work(database, change, 2)
    assert len(await rows(database)) == 6
    assert (await page(database, 1)).deletions == []
    assert change.seq is not None
    with pytest.raises(LargeChangeRunning):
        await database.write(purge_deletions, ADA, 1, [change.seq])


async def test_a_large_deletion_is_read_some_parts_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seq = await delete_many(database, *range(1, 12))
    monkeypatch.setattr(deletions, "ROWS_SIZE", 4)
    monkeypatch.setattr(deletions, "COUNTED_PARTS", 1)

    seen, after = list[int](), 0
    for expected in ([1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11]):
        found = await database.read(
            lambda reading, after=after: deletions.find_deletion(  # type: ignore[misc]
                reading, log_scrubbing.row_reader(reading), 1, seq, after
            )
        )
        assert found is not None
        assert [entry.row_id for entry in found.rows] == expected
        assert (found.row_count, found.is_exact) == (11, False)
        seen += expected
        after = found.following or 0
    assert (seen, after) == (list(range(1, 12)), 0)


# -- what comes back ---------------------------------------------------------------------------------------------------


async def test_restoring_all_of_a_large_deletion_undoes_it_in_the_background(database: Database) -> None:
    before = await rows(database)
    seq = await delete_many(database, *range(1, 12))
    change = await finish_begun(database, await bring_back(database, 1, seq))
    assert (change.kind, change.undo_of) == (Kind.REVERT, seq)
    assert await rows(database) == before
    assert (await page(database, 1)).deletions == []
    assert await bring_back(database, 1, seq) == RestoreResult(None, 0, 0, 0)


async def test_some_rows_of_a_large_deletion_come_back_at_once_and_the_rest_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await rows(database)
    seq = await delete_many(database, *range(1, 12))
    with monkeypatch.context() as patched:
        patched.setattr(deletions, "ROWS_SIZE", 1)  # the others are not read to list it
        restored = await bring_back(database, 1, seq, rows=[2, 7, 12])
    assert restored == RestoreResult(seq + 1, 2, 0, 0)
    found = await find(database, 1, seq)
    assert found is not None
    assert (found.row_count, found.is_whole) == (9, False)
    later = await delete(database, 1, 7)
    assert [one.row_count for one in (await page(database, 1)).deletions] == [1, 9]

    change = await finish_begun(database, await bring_back(database, 1, seq, rows=None))
    assert change.kind == Kind.RESTORE
    assert await find(database, 1, seq) is None
    assert (await rows(database)).keys() >= before.keys() - {7}
    assert later > seq


async def test_only_the_rows_of_a_further_file_come_back_not_what_it_changed(database: Database) -> None:
    changes = [Entry(row, 2, "1", "7") for row in (1, 2)]
    seq = await made(database, [*changes, *deletion_of(*range(3, 9))], Kind.IMPORT_UPDATE)
    change = await finish_begun(database, await bring_back(database, 1, seq))
    assert (change.state, change.kind, change.left) == (LargeState.DONE, Kind.RESTORE, 0)
    now = await rows(database)
    assert len(now) == 12
    assert [now[row][1] for row in (1, 2, 3)] == ["7", "7", "1"]
    assert (await set_of(database, seq)).undone_by is None


async def deleted_twice(database: Database) -> tuple[int, int]:
    """Two large deletions: row 2 was back in between, and has another text since."""
    first = await delete_many(database, *range(1, 9))
    await bring_back(database, 1, first, rows=[2, 3])
    await database.write(change_cells, ADA, 1, [CellEdit(2, 1, NAMES[1], "Later")])
    cells = [cells_to_json({1: name, 2: "1"}) for name in ("Later", NAMES[2], *NAMES[8:11])]
    ids = (2, 3, 9, 10, 11)
    return first, await made(
        database, [Entry(row, None, text, None) for row, text in zip(ids, cells, strict=True)], Kind.DELETE_ROWS
    )


async def test_restoring_the_earlier_of_two_deletions_leaves_the_rows_of_the_later_one(database: Database) -> None:
    first, second = await deleted_twice(database)
    change = await finish_begun(database, await bring_back(database, 1, first))
    assert (change.kind, change.left) == (Kind.RESTORE, 0)
    assert sorted(await rows(database)) == [1, 4, 5, 6, 7, 8, 12]
    await finish_begun(database, await bring_back(database, 1, second))
    assert (await rows(database))[2] == ("Later", "1")
    assert len(await rows(database)) == 12


async def test_undoing_the_earlier_of_two_deletions_gives_no_row_its_older_texts(database: Database) -> None:
    first, second = await deleted_twice(database)
    change = await finish_begun(database, await database.write(revert, ADA, 1, first))
    left = await database.read(lambda reading: list_left(reading, change.id))
    assert [entry.row_id for entry in left.entries] == [2]
    now = await rows(database)
    assert now[3] == (NAMES[2], "1")  # was deleted with the same cells both times
    assert 2 not in now
    await finish_begun(database, await database.write(revert, ADA, 1, second))
    assert (await rows(database))[2] == ("Later", "1")


async def test_a_row_deleted_anew_while_its_restoration_is_planned_keeps_its_latest_texts(database: Database) -> None:
    first = await delete_many(database, *range(1, 9), kind=Kind.IMPORT_UPDATE)
    begun = await bring_back(database, 1, first)

    async def meanwhile() -> None:
        await bring_back(database, 1, first, rows=[2])
        await database.write(change_cells, ADA, 1, [CellEdit(2, 1, NAMES[1], "Later")])
        await delete(database, 1, 2)

    change = await finish_begun(database, begun, meanwhile)
    assert (change.state, change.left) == (LargeState.DONE, 1)
    assert sorted(await rows(database)) == [1, *range(3, 13)]


async def test_a_large_deletion_is_restored_on_its_own(database: Database) -> None:
    large, small = await delete_many(database, *range(1, 9)), await delete(database, 1, 10)
    with pytest.raises(OneAtATime):
        await bring_back(database, 1, small, large)
    assert len(await rows(database)) == 3


# -- what is deleted for good ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.DELETE_ROWS, Kind.IMPORT_UPDATE])
@pytest.mark.parametrize("group", [1, 20_000], ids=["part by part", "at once"])
async def test_a_purged_large_deletion_leaves_no_text_anywhere(
    database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, group: int
) -> None:
    monkeypatch.setattr(log_scrubbing, "GROUP_ROWS", group)
    await database.write(change_cells, ADA, 1, [CellEdit(3, 1, NAMES[2], "Else"), CellEdit(3, 1, "Else", NAMES[2])])
    cells = await made(database, [Entry(row, 2, "1", NAMES[row - 1]) for row in range(1, 13)], Kind.CELLS)
    back = await made(database, [Entry(row, 2, NAMES[row - 1], "1") for row in range(1, 13)], Kind.CELLS)
    seq = await delete_many(database, *range(1, 12), kind=kind)
    assert await stored_names(database, data_dir) == set(NAMES)

    assert await purge(database, 1, seq) == 11

    assert await stored_names(database, data_dir) == {NAMES[11]}
    assert (await page(database, 1)).deletions == []
    for other in (cells, back):
        kept = await database.read(lambda reading, other=other: entries_of(reading, 1, other))  # type: ignore[misc]
        assert [entry.row_id for entry in kept] == [12]
        assert ((await set_of(database, other)).parts, (await set_of(database, other)).purged) == (1, 11)
    gone = await set_of(database, seq)
    assert (gone.parts, gone.purged, gone.size, gone.is_purging) == (0, 11, 0, False)
    with pytest.raises(NotUndoable):
        await database.write(revert, ADA, 1, seq)


async def test_purging_a_row_takes_it_out_of_plans_and_of_what_was_left(database: Database, data_dir: Path) -> None:
    waiting = await plan(database, [Entry(row, 1, NAMES[row - 1], "Planet") for row in range(1, 9)], is_decided=False)

    refused = {"refused": 1, "refusals": [[7, 1, NAMES[1], f"“{NAMES[1]}” is in row 2 already"]]}

    async def sample(work: UnitOfWork) -> None:
        report = {"samples": [[2, 1, NAMES[1], "Planet"], [3, 1, NAMES[2], "Planet"]], **refused}
        await work.session.execute(update(LargeChange).values(report=report))

    await database.write(sample)
    mine = await plan(database, [Entry(row, 1, NAMES[row - 1], f"{NAMES[row - 1]} left") for row in (2, 3, 4, 5)])
    await database.write(change_cells, ADA, 1, [CellEdit(2, 1, NAMES[1], "x"), CellEdit(2, 1, "x", NAMES[1])])
    assert (await carry_out(database, mine)).left == 1

    await purge(database, 1, await delete(database, 1, 2))

    assert NAMES[1] not in await stored_names(database, data_dir)
    assert (await get(database, waiting.id)).report == {
        "samples": [[3, 1, NAMES[2], "Planet"]],
        "refused": 1,
        "refusals": [],
    }
    await database.write(apply, ADA, 1, waiting.id)
    assert (await carry_out(database, waiting)).state == LargeState.DONE
    assert [(await rows(database))[row][0] for row in (1, 6)] == ["Planet", "Planet"]


async def test_a_plan_that_is_being_written_is_given_up_by_a_purge(database: Database, data_dir: Path) -> None:
    change = await database.write(begin, ADA, 1, planned(), is_decided=False)
    seq = await delete(database, 1, 2)
    before = utc_now()
    await database.write(purge_old_deletions, 1, before)  # the schedule waits for the next time
    assert await find(database, 1, seq) is not None

    def batches() -> Generator[list[Entry], None, dict[str, Any]]:
        """From a snapshot that has the row."""
        yield [Entry(2, 1, NAMES[1], "x"), Entry(3, 1, NAMES[2], "x")]
        return {"samples": [[2, 1, NAMES[1], "x"]]}

    await purge(database, 1, seq)

    with pytest.raises(ChangeWithdrawn), open_loader(database.address) as loader:
        loader.write_plan(change.id, batches(), ignore)
    assert NAMES[1] not in await stored_names(database, data_dir)
    change = await get(database, change.id)
    assert (change.state, change.failure) == (LargeState.FAILED, deletion_purging.PLANS_OUTDATED)


async def test_nothing_is_purged_while_a_large_change_is_taken_back(database: Database, data_dir: Path) -> None:
    before = await rows(database)
    gone = await delete(database, 1, 12)
    change = await plan(database, deletion_of(*range(1, 9)), Kind.DELETE_ROWS)
    work(database, change, 2)
    await database.write(cancel, ADA, 1, change.id)
    change = await get(database, change.id)
    work(database, change, 1)
    assert (await get(database, change.id)).state == LargeState.REVERTING

    with pytest.raises(LargeChangeRunning):
        await database.write(purge_deletions, ADA, 1, [gone])
    assert change.seq is not None
    with pytest.raises(LargeChangeRunning):
        await database.write(purge_deletions, ADA, 1, [change.seq])

    await carry_out(database, change)
    assert await rows(database) == {row: cells for row, cells in before.items() if row != 12}
    assert await purge(database, 1, gone) == 1
    assert NAMES[11] not in await stored_names(database, data_dir)


async def test_purging_a_column_takes_it_out_of_parts(database: Database, data_dir: Path) -> None:
    await made(database, [Entry(row, 1, NAMES[row - 1], "x") for row in range(1, 9)], Kind.CELLS)
    deleted = [Entry(row, None, cells_to_json({1: NAMES[row - 1], 2: "1"}), None) for row in range(9, 13)]
    seq = await made(database, deleted, Kind.DELETE_ROWS)
    await database.write(delete_column, ADA, 1, 1)
    last = (await find_table(database, ADA, 1)).seq
    await purge(database, 1, last)
    assert await stored_names(database, data_dir) == set()
    await finish_begun(database, await bring_back(database, 1, seq))
    assert (await rows(database))[9] == ("1",)


async def test_rows_go_and_come_back_without_a_purged_column_that_is_not_emptied_yet(database: Database) -> None:
    await database.write(delete_column, ADA, 1, 1)
    await database.write(purge_deletions, ADA, 1, [(await find_table(database, ADA, 1)).seq])
    await scrub_all(database, 1)
    gone = [Entry(row, None, cells_to_json({2: "1"}), None) for row in range(1, 9)]
    change = await carry_out(database, await plan(database, gone, Kind.DELETE_ROWS))
    assert (change.left, len(await rows(database))) == (0, 4)


@pytest.mark.parametrize("batches", range(1, 9))
async def test_a_large_purge_that_is_interrupted_is_finished_by_the_next_one(
    database: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr(log_scrubbing, "BATCH_ENTRIES", 1)
    monkeypatch.setattr(log_scrubbing, "GROUP_ROWS", 1)
    await plan(database, [Entry(row, 1, NAMES[row - 1], "x") for row in range(1, 12)], is_decided=False)
    await made(database, [Entry(row, 2, "1", NAMES[row - 1]) for row in range(1, 13)], Kind.CELLS)
    await made(database, [Entry(row, 2, NAMES[row - 1], "1") for row in range(1, 13)], Kind.CELLS)
    seq = await delete_many(database, *range(1, 12))
    await database.write(purge_deletions, ADA, 1, [seq])
    found, done = await find_next(database, 1), 0
    for _ in range(batches):
        assert found is not None
        if done == len(found.places):
            found, done = await find_next(database, 1, found), 0
            assert found is not None
        done += await scrub(database, found, done)
    # Here it is killed.
    await finish(database, 1)
    assert await stored_names(database, data_dir) == {NAMES[11]}


async def test_what_is_being_purged_comes_back_by_no_change_of_any_size(database: Database) -> None:
    first = await delete_many(database, *range(1, 9))
    await finish_begun(database, await bring_back(database, 1, first))
    second = await delete_many(database, *range(1, 9))
    await database.write(purge_deletions, ADA, 1, [second])
    assert (await page(database, 1)).deletions == []
    with pytest.raises(NotUndoable):
        await database.write(revert, ADA, 1, second)
    with pytest.raises(PurgeRunning):
        await plan(database, [Entry(12, 2, "1", "2")])
    await finish(database, 1)
    assert len(await rows(database)) == 4


async def test_what_a_large_change_deleted_long_ago_is_purged_by_the_schedule(
    database: Database, data_dir: Path, followed: Followed
) -> None:
    await delete_many(database, *range(1, 12))
    running = await plan(database, [Entry(12, 2, "1", "2")])
    before = utc_now()
    assert await database.read(lambda reading: find_tables_with_old_deletions(reading, before)) == [1]
    assert not await database.write(purge_old_deletions, 1, before)  # waits for the change that is running
    assert len((await page(database, 1)).deletions) == 1
    assert await stored_names(database, data_dir) == set(NAMES)
    await carry_out(database, running)
    await database.write(purge_old_deletions, 1, before)
    assert ("purge_deletions", "1") in followed.tasks
    await finish(database, 1)
    assert await stored_names(database, data_dir) == {NAMES[11]}


# -- tables ------------------------------------------------------------------------------------------------------------


async def test_a_table_comes_back_without_what_a_large_change_had_done_and_with_its_search_index(
    database: Database, followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def index(work: UnitOfWork) -> None:
        (await work.session.get_one(Table, 1)).search_index = SearchIndex.READY

    monkeypatch.setattr(large_steps, "INDEX_ROWS", 1)
    await database.write(index)
    before = await rows(database)
    change = await plan(database, deletion_of(*range(1, 9)), Kind.DELETE_ROWS)
    await database.write(delete_table, ADA, 1)
    assert (await carry_out(database, change)).state == LargeState.CANCELLED
    followed.tasks.clear()

    await database.write(trash.restore_table, ADA, 1)

    assert await rows(database) == before
    assert ("index_table", "1") in followed.tasks
    async with database.reading() as session:
        table = await session.get_one(Table, 1)
        assert (table.growing, table.row_count, table.search_index) == (None, 12, SearchIndex.BUILDING)


async def test_a_purged_table_leaves_nothing_of_large_changes(database: Database) -> None:
    await delete_many(database, *range(1, 9))
    await plan(database, [Entry(12, 2, "1", "2")], is_decided=False)
    await database.write(delete_table, ADA, 1)
    await database.write(trash.purge_table, ADA, 1)
    while await database.write(trash.purge_batch, 1):
        pass
    await database.write(trash.finish_purge, 1)
    async with database.reading() as session:
        for model in (ChangeSet, ChangeSetPart, LargeChange, LargeChangePart, LargeChangeLeft):
            assert await session.scalar(select(func.count()).select_from(model)) == 0
