"""Large changes that need columns: one set with these, which is undone, redone, cancelled and purged as a whole."""

from pathlib import Path

import pytest

from tests.models.tables.conftest import ADA, Followed
from tests.models.tables.large import carry_out, get, plan, plan_taking_back, work
from tests.models.tables.test_deletions import bring_back, page, purge
from tests.models.tables.test_large_changes import listed_as_left, logged, the_set, the_table
from tests.models.tables.test_large_deletions import finish_begun, stored_names
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import LargeChange, utc_now
from webapp.models.errors import UserError
from webapp.models.tables import columns, editing, large_steps, undo
from webapp.models.tables.access import find_table
from webapp.models.tables.change_feed import read_feed
from webapp.models.tables.change_set import Entry, Kind, cells_to_json
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.history_query import list_entries
from webapp.models.tables.large_changing import apply, cancel
from webapp.models.tables.large_columns import NewColumn
from webapp.models.tables.log_pruning import find_forgotten_columns, prune_until
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.undo import UndoBegun, UndoResult
from webapp.rowstore import create_store, entries
from webapp.rowstore.sql import converting

ROWS = [(f"Planet {number}", str(number)) for number in range(1, 8)]
FIRST, SECOND = 3, 4  # the numbers that the new columns get
NEW = (NewColumn(-1, "Word", behind=1), NewColumn(-2, "Number", behind=-1))
TITLES = ["Planet", "Word", "Number", "Moons"]


@pytest.fixture(autouse=True)
async def planets(database: Database, followed: Followed, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Followed:
    """Table 1 with the columns Planet (1, text) and Moons (2, integer) and seven rows. Parts have three entries."""
    add_table(data_dir, {"Planet": "text", "Moons": "integer"}, ROWS)
    monkeypatch.setattr(entries, "PART_ENTRIES", 3)
    return followed


def split() -> list[Entry]:
    """The words of each planet, in two new columns."""
    made = [(row_id, planet.split()) for row_id, (planet, _) in enumerate(ROWS, 1)]
    return [Entry(row_id, -1 - place, "", word) for row_id, words in made for place, word in enumerate(words)]


async def planned(database: Database, *, is_decided: bool = True) -> LargeChange:
    return await plan(database, split(), Kind.COLUMNS, new_columns=NEW, is_decided=is_decided)


async def done(database: Database) -> LargeChange:
    return await carry_out(database, await planned(database))


async def titles(database: Database) -> list[str]:
    return [field.title for field in (await find_table(database, ADA, 1)).ref.fields]


async def rows(database: Database) -> dict[int, tuple[str, ...]]:
    table = await find_table(database, ADA, 1)
    return await create_store(database).read(lambda rows: rows.cells(table.ref, range(1, 20), table.ref.fields), 5)


async def is_split(database: Database) -> bool:
    wanted = {row_id: (planet, *planet.split(), moons) for row_id, (planet, moons) in enumerate(ROWS, 1)}
    return await titles(database) == TITLES and await rows(database) == wanted


async def is_untouched(database: Database) -> bool:
    return await titles(database) == ["Planet", "Moons"] and await rows(database) == dict(enumerate(ROWS, 1))


async def edit(database: Database, row: int, column: int, text: str) -> None:
    result = await database.write(editing.change_cells, ADA, 1, [CellEdit(row, column, None, text)])
    assert result.seq is not None


async def take_back(database: Database, seq: int) -> LargeChange:
    return await finish_begun(database, await database.write(undo.revert, ADA, 1, seq))  # type: ignore[arg-type]


# -- one set -----------------------------------------------------------------------------------------------------------


async def test_columns_come_with_the_set_that_needs_them(database: Database) -> None:
    change = await planned(database, is_decided=False)
    assert await is_untouched(database)
    await database.write(apply, ADA, 1, change.id)
    assert await titles(database) == TITLES
    change = await carry_out(database, await get(database, change.id))

    assert await is_split(database)
    assert [(one["planned"], one["number"]) for one in change.new_columns] == [(-1, FIRST), (-2, SECOND)]
    found = await logged(database)
    assert [entry.column for entry in found[:2]] == [FIRST, SECOND]
    assert all(entry.is_column and entry.before is None for entry in found[:2])
    assert [entry.place for entry in found[2:4]] == [(1, FIRST), (1, SECOND)]
    one = await the_set(database)
    assert ((await the_table(database)).seq, one.kind, one.note, one.columns) == (1, Kind.COLUMNS, "added", "3,4")
    assert (one.rows, one.cells) == (7, 14)


async def test_the_pages_of_its_entries_begin_with_its_columns(database: Database) -> None:
    await done(database)
    everything = await logged(database)
    found, after = list[Entry](), -1
    while True:
        some = await database.read(lambda connection, at=after: list_entries(connection, 1, 1, at, 5))  # type: ignore[misc]
        found += some.entries
        if some.after is None:
            break
        after = some.after
    assert found == everything
    feed = await database.read(lambda connection: read_feed(connection, 1, 0))
    assert feed is not None
    assert feed.sets is not None
    assert (feed.sets[0].columns, feed.sets[0].extent) == ([FIRST, SECOND], (1, 7, 7))


async def test_new_rows_have_cells_of_new_columns(database: Database) -> None:
    row = cells_to_json({1: "New", 2: "9", -5: "blue"})
    changes = [Entry(1, -5, "", "red"), Entry(-1, None, None, row)]
    change = await plan(database, changes, Kind.IMPORT_UPDATE, new_columns=[NewColumn(-5, "Moons")])
    await carry_out(database, change)
    assert await titles(database) == ["Planet", "Moons", "Moons 2"]
    assert (await rows(database))[8] == ("New", "9", "blue")
    assert (await logged(database))[-1] == Entry(8, None, None, cells_to_json({1: "New", 2: "9", 3: "blue"}))


async def test_a_plan_without_entries_adds_its_columns_all_the_same(database: Database) -> None:
    change = await carry_out(database, await plan(database, [], Kind.IMPORT_UPDATE, new_columns=NEW))
    assert (change.state, await titles(database)) == ("done", TITLES)
    taken = await database.write(undo.undo_latest, ADA, 1)
    assert isinstance(taken, UndoResult)
    assert (taken.done, taken.left, await is_untouched(database)) == (2, [], True)


async def test_without_room_for_its_columns_nothing_is_changed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 4)
    change = await planned(database, is_decided=False)
    with pytest.raises(UserError, match="it is full"):
        await database.write(apply, ADA, 1, change.id)
    assert await is_untouched(database)
    assert (await get(database, change.id)).state == "ready"


async def test_the_search_index_is_built_once_it_is_done(database: Database, planets: Followed) -> None:
    async def has_index(work: UnitOfWork) -> None:
        (await work.session.get_one(type(await the_table(database)), 1)).search_index = SearchIndex.READY

    await database.write(has_index)
    change = await planned(database)
    assert (await the_table(database)).search_index == SearchIndex.NONE
    await carry_out(database, change)
    assert (await the_table(database)).search_index == SearchIndex.BUILDING


# -- undo and redo -----------------------------------------------------------------------------------------------------


async def test_undo_takes_the_columns_and_redo_brings_the_same_ones_back(database: Database) -> None:
    await done(database)
    begun = await database.write(undo.undo_latest, ADA, 1)
    assert isinstance(begun, UndoBegun)
    change = await plan_taking_back(database, begun.change_id)
    assert await titles(database) == ["Planet", "Moons"]
    change = await carry_out(database, change)
    assert (change.state, change.left, await is_untouched(database)) == ("done", 0, True)
    assert (await the_set(database)).undone_by == 2

    begun = await database.write(undo.redo_latest, ADA, 1)
    assert isinstance(begun, UndoBegun)
    change = await carry_out(database, await plan_taking_back(database, begun.change_id))
    assert (change.state, change.left, await is_split(database)) == ("done", 0, True)
    assert [field.number for field in (await find_table(database, ADA, 1)).ref.fields] == [1, FIRST, SECOND, 2]


async def test_a_column_that_somebody_wrote_into_stays_and_is_told(database: Database) -> None:
    await done(database)
    await edit(database, 2, FIRST, "mine")
    change = await take_back(database, 1)
    assert await titles(database) == ["Planet", "Word", "Moons"]
    assert {row_id: row[1] for row_id, row in (await rows(database)).items() if row[1]} == {2: "mine"}
    left = await listed_as_left(database)
    assert (change.left, [entry.place for entry in left]) == (2, [(2, FIRST), (0, FIRST)])


async def test_a_row_added_since_with_a_text_in_a_new_column_keeps_it(database: Database) -> None:
    await done(database)
    await database.write(editing.add_rows, ADA, 1, [{1: "Pluto", SECOND: "134340"}])
    await take_back(database, 1)
    assert await titles(database) == ["Planet", "Number", "Moons"]
    assert (await rows(database))[8] == ("Pluto", "134340", "")


async def test_an_undo_that_is_cancelled_brings_the_columns_back(database: Database) -> None:
    await done(database)
    begun = await database.write(undo.undo_latest, ADA, 1)
    assert isinstance(begun, UndoBegun)
    change = await plan_taking_back(database, begun.change_id)
    work(database, change, parts=2)
    await database.write(cancel, ADA, 1, change.id)
    change = await carry_out(database, change)
    assert (change.state, await is_split(database)) == ("cancelled", True)
    assert (await the_set(database)).undone_by is None
    assert (await page(database, 1)).deletions == []


# -- cancelling and failing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [0, 2])
async def test_cancelling_takes_the_columns_back(database: Database, parts: int) -> None:
    change = await planned(database)
    if parts:
        work(database, change, parts=parts)
    await database.write(cancel, ADA, 1, change.id)
    change = await carry_out(database, change)
    assert (change.state, await is_untouched(database)) == ("cancelled", True)
    assert (await page(database, 1)).deletions == []
    assert [entry.column for entry in await logged(database)] == [FIRST, SECOND, SECOND, FIRST]


async def test_a_failure_takes_the_columns_back(database: Database) -> None:
    change = await planned(database)
    work(database, change, parts=1)
    await database.write(large_steps.fail, change.id, "The disk is full.")
    change = await carry_out(database, change)
    assert (change.state, change.failure, await is_untouched(database)) == ("failed", "The disk is full.", True)


@pytest.mark.parametrize("is_renamed", [False, True])
async def test_what_somebody_did_to_a_new_column_meanwhile_stays(database: Database, is_renamed: bool) -> None:
    change = await planned(database)
    work(database, change, parts=2)
    if is_renamed:
        number, seen = FIRST, {"title": "Word", "rules": {}}
        await database.write(columns.change_column, ADA, 1, number, seen, {"title": "Name", "rules": {}})
    else:
        await edit(database, 7, FIRST, "mine")
    await database.write(cancel, ADA, 1, change.id)
    await carry_out(database, change)
    assert await titles(database) == ["Planet", "Name" if is_renamed else "Word", "Moons"]
    assert [row[1] for row in (await rows(database)).values()] == [""] * 6 + ["" if is_renamed else "mine"]


async def test_a_new_column_that_somebody_has_moved_stays_since_the_log_says_so_later(database: Database) -> None:
    change = await planned(database)
    await database.write(columns.move_column, ADA, 1, FIRST, 0)
    await database.write(cancel, ADA, 1, change.id)
    await carry_out(database, change)
    assert await titles(database) == ["Word", "Planet", "Moons"]
    assert [entry.column for entry in await logged(database)] == [FIRST, SECOND, SECOND]


async def test_a_column_deleted_behind_one_that_went_with_a_cancelled_change_comes_back_at_its_place(
    database: Database,
) -> None:
    await database.write(columns.add_column, ADA, 1, "Rings", "text", 2)
    change = await planned(database)
    deleted = await database.write(columns.delete_column, ADA, 1, 2)
    await database.write(cancel, ADA, 1, change.id)
    await carry_out(database, change)
    assert await titles(database) == ["Planet", "Rings"]
    assert deleted.seq is not None
    await database.write(undo.revert, ADA, 1, deleted.seq)
    assert await titles(database) == ["Planet", "Moons", "Rings"]


# -- the trash and pruning ---------------------------------------------------------------------------------------------


async def test_columns_that_an_undo_took_come_back_from_the_trash(database: Database) -> None:
    await done(database)
    await take_back(database, 1)
    (found,) = (await page(database, 1)).deletions
    assert (found.seq, {entry.column for entry in found.columns}, found.rows) == (2, {FIRST, SECOND}, [])
    change = await finish_begun(database, await bring_back(database, 1, 2))
    assert (change.state, await titles(database)) == ("done", TITLES)
    assert (await page(database, 1)).deletions == []


async def test_columns_that_an_undo_took_are_purged_with_all_of_their_texts(database: Database, data_dir: Path) -> None:
    row = cells_to_json({1: "Row", 2: "9", -1: "Planet-01"})
    new = [Entry(1, -1, "", "Planet-02"), Entry(-1, None, None, row), Entry(2, -1, "", "Planet-03")]
    await carry_out(database, await plan(database, new, Kind.IMPORT_UPDATE, new_columns=NEW[:1]))
    await take_back(database, 1)
    assert await stored_names(database, data_dir) == {"Planet-01", "Planet-02", "Planet-03"}
    assert await purge(database, 1, 2) == 2
    assert await stored_names(database, data_dir) == set()
    assert (await the_set(database, 2)).purged == 4


async def test_a_column_is_kept_as_long_as_the_log_has_its_set(database: Database) -> None:
    await done(database)
    await take_back(database, 1)

    async def prune(work: UnitOfWork, seq: int) -> None:
        await work.run(lambda connection: prune_until(connection, 1, seq, utc_now()))

    await database.write(prune, 1)
    assert await database.read(find_forgotten_columns) == []
    await database.write(prune, 2)
    assert [one.field.number for one in await database.read(find_forgotten_columns)] == [FIRST, SECOND]
