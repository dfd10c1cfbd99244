"""The change log keeps what its limits say: the oldest sets go, a batch at a time, and what only they could restore."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from settings import MIB
from tests.models.tables.test_editing import ADA, CITY, EVE, PEOPLE, TABLE, sets, table, texts
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import ChangeSet, Column, SpareColumn, Table, utc_now
from webapp.models.tables import columns, editing, log_pruning, undo
from webapp.models.tables.access import find_access
from webapp.models.tables.change_log import record
from webapp.models.tables.change_set import Entry, Kind, Via
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.history_query import log_size
from webapp.models.tables.log_pruning import (
    drop_column,
    empty_column,
    find_forgotten_columns,
    find_overdue,
    prune_batch,
)
from webapp.models.tables.spare_columns import empty_spare_column
from webapp.models.tables.undo import NotUndoable

__all__ = ["table"]  # the fixture

pytestmark = pytest.mark.usefixtures("table")
LONG_AGO = utc_now() - timedelta(days=900)


async def change(database: Database, *cells: str) -> None:
    for cell in cells:
        await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, None, cell)])


async def age(database: Database, until: int) -> None:
    """Make the sets up to this one old."""

    async def verb(work: UnitOfWork) -> None:
        await work.session.execute(update(ChangeSet).where(ChangeSet.seq <= until).values(at=LONG_AGO))

    await database.write(verb)


async def prune(database: Database, days: int = 30, most: int = MIB) -> int:
    """Prune whatever there is to; return in how many batches."""
    oldest, batches = utc_now() - timedelta(days=days), 0
    for overdue in await database.read(lambda connection: find_overdue(connection, oldest, most)):
        excess = overdue.excess
        while freed := await database.write(prune_batch, overdue.table_id, oldest, excess):
            excess, batches = max(0, excess - freed), batches + 1
    return batches


async def found(database: Database) -> Table:
    return (await find_access(database, ADA, TABLE)).table


async def test_what_is_too_old_goes_and_the_rest_stays_as_it_is(database: Database) -> None:
    await change(database, "a", "b", "c")
    await database.write(undo.undo_latest, ADA, TABLE)
    await age(database, 2)
    before = await texts(database)

    assert await prune(database) == 1
    assert await prune(database) == 0

    assert [one.seq for one in await sets(database)] == [3, 4]
    kept = await found(database)
    assert (kept.log_from, kept.log_pruned_to, kept.seq) == (3, LONG_AGO, 4)
    assert await texts(database) == before
    async with database.reading() as session:
        assert (await session.execute(text("SELECT min(seq) FROM changes"))).scalar_one() == 3


async def test_what_was_pruned_cannot_be_undone_and_what_is_kept_can(database: Database) -> None:
    await change(database, "a", "b", "c")
    await age(database, 2)
    await prune(database)

    with pytest.raises(NotUndoable, match="no longer kept"):
        await database.write(undo.revert, ADA, TABLE, 2)
    assert (await database.write(undo.undo_latest, ADA, TABLE)).of == 3
    with pytest.raises(undo.NothingToUndo):
        await database.write(undo.undo_latest, ADA, TABLE)
    assert (await database.write(undo.redo_latest, ADA, TABLE)).done == 1
    assert (await texts(database))[1][0] == "c"


async def test_an_undo_whose_change_was_pruned_can_be_taken_back(database: Database) -> None:
    await change(database, "a")
    await database.write(undo.undo_latest, ADA, TABLE)
    await age(database, 1)
    await prune(database)

    await database.write(undo.redo_latest, ADA, TABLE)

    assert (await texts(database))[1][0] == "a"


async def test_a_log_that_is_too_large_loses_its_oldest_sets_but_never_the_latest(database: Database) -> None:
    await change(database, *(f"{number}" * 1_000 for number in range(9)))

    await prune(database, most=5_000)
    kept = await sets(database)
    assert 1 < len(kept) < 5
    assert sum(one.size for one in kept) <= 5_000

    await prune(database, most=1)
    assert [one.seq for one in await sets(database)] == [9]


async def test_a_batch_is_small(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await change(database, *"abcdefgh")
    await database.write(editing.add_rows, ADA, TABLE, [{CITY: str(number)} for number in range(50)])
    await age(database, 9)
    monkeypatch.setattr(log_pruning, "BATCH_ENTRIES", 5)

    assert await prune(database) == 4  # 3, 3 and 2 cells, and the rows, which are a batch by themselves
    assert await sets(database) == []
    await change(database, "z")
    assert [one.seq for one in await sets(database)] == [10]


async def delete_column(work: UnitOfWork) -> None:
    """As deleting a column does: it is marked, and the change is in the log."""
    await work.session.execute(update(Column).where(Column.number == PEOPLE).values(deleted_at=LONG_AGO))
    await work.session.execute(update(Table).values(version=Table.version + 1))
    entry = Entry(None, PEOPLE, '{"title": "People"}', None)
    await work.run(lambda connection: record(connection, ADA, Via.GRID, TABLE, Kind.COLUMNS, [entry]))


async def forget(database: Database) -> None:
    for forgotten in await database.read(find_forgotten_columns):
        after: int | None = 0
        while after is not None:
            after = await database.write(empty_column, forgotten, after)
        await database.write(drop_column, forgotten)


async def stored(database: Database) -> list[str]:
    async with database.reading() as session:
        return list((await session.execute(text(f"SELECT * FROM t{TABLE} LIMIT 0"))).keys())


async def test_a_deleted_column_is_dropped_once_nothing_can_bring_it_back(database: Database) -> None:
    await database.write(delete_column)
    await change(database, "a")
    await forget(database)
    assert await stored(database) == ["id", "c1", "c2"]

    await age(database, 1)
    await prune(database)
    await forget(database)

    assert await stored(database) == ["id", "c1"]
    async with database.reading() as session:
        dropped = await session.scalar(text("SELECT is_dropped FROM columns WHERE number = 2"))
    assert dropped == 1
    row = (await database.write(editing.delete_rows, EVE, TABLE, [1])).ids
    await database.write(undo.undo_latest, EVE, TABLE)
    assert ((await texts(database))[row[0]], await database.read(find_forgotten_columns)) == (("a",), [])


async def test_the_cells_of_a_forgotten_column_of_a_large_table_are_emptied_in_small_parts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pruning, "MAX_ROWS_TO_DROP", 2)
    monkeypatch.setattr(log_pruning, "BATCH_ROWS", 2)
    await database.write(delete_column)
    await age(database, 1)
    await prune(database)

    (forgotten,) = await database.read(find_forgotten_columns)
    assert [await database.write(empty_column, forgotten, after) for after in (0, 2, 3)] == [2, 3, None]
    await database.write(drop_column, forgotten)

    async with database.reading() as session:
        left = await session.scalar(text("SELECT count(*) FROM t1 WHERE c2 IS NOT NULL"))
    assert (await stored(database), left) == (["id", "c1", "c2"], 0)
    assert await database.read(find_forgotten_columns) == []


async def test_the_place_of_a_forgotten_column_of_a_large_table_is_another_column_s_once_it_is_empty(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undo may have brought a row back, with its cell of the column, while the others were emptied."""
    monkeypatch.setattr(log_pruning, "MAX_ROWS_TO_DROP", 0)
    await database.write(columns.add_column, ADA, TABLE, "Mayor", "text", 2)
    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, 3, "", "Ola")])
    await database.write(columns.delete_column, ADA, TABLE, 3)
    await database.write(delete_column_long_ago)
    await age(database, 3)
    await database.write(editing.delete_rows, ADA, TABLE, [1])
    await prune(database)
    (forgotten,) = await database.read(find_forgotten_columns)
    after: int | None = 0
    while after is not None:
        after = await database.write(empty_column, forgotten, after)
    await database.write(undo.undo_latest, ADA, TABLE)
    await database.write(drop_column, forgotten)

    assert await add_text_column(database, "Too early") != 3
    async with database.reading() as session:
        (spare,) = await session.scalars(select(SpareColumn))
    while await database.write(empty_spare_column, spare.id):
        pass

    assert await add_text_column(database, "Chair") == 3
    assert {cells[-1] for cells in (await texts(database)).values()} == {""}


async def delete_column_long_ago(work: UnitOfWork) -> None:
    await work.session.execute(update(Column).where(Column.number == 3).values(deleted_at=LONG_AGO))


async def add_text_column(database: Database, title: str) -> int:
    """Return the number of its stored column."""
    await database.write(columns.add_column, ADA, TABLE, title, "text", 9)
    return (await found(database)).ref.fields[-1].storage


@pytest.mark.sqlite  # which has pages to be used again
async def test_what_is_pruned_makes_the_log_smaller_and_its_pages_are_used_again(database: Database) -> None:
    """Also of rows that were deleted, which nothing can bring back then."""
    ids = (await database.write(editing.add_rows, ADA, TABLE, [{CITY: "x" * 10_000} for _ in range(100)])).ids
    await database.write(editing.delete_rows, ADA, TABLE, ids)
    await change(database, "a")
    count, size = await database.read(lambda connection: log_size(connection, TABLE))
    assert (count, size > 2_000_000) == (3, True)
    await age(database, 2)

    await prune(database)

    count, size = await database.read(lambda connection: log_size(connection, TABLE))
    assert (count, size < 1_000) == (1, True)
    async with database.reading() as session:
        free, page = [
            (await session.execute(text(f"PRAGMA {name}"))).scalar_one() for name in ("freelist_count", "page_size")
        ]
    assert free * page > 2_000_000
    with pytest.raises(NotUndoable, match="no longer kept"):
        await database.write(undo.revert, ADA, TABLE, 2)


async def test_a_column_that_was_deleted_again_since_is_kept(database: Database) -> None:
    await database.write(delete_column)
    await database.write(delete_column)  # after it was restored
    await age(database, 1)
    await prune(database)

    assert await database.read(find_forgotten_columns) == []
