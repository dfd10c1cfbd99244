"""Large changes: what their verbs and child processes make of a plan."""

from collections.abc import Generator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.models.tables.conftest import ADA, Followed
from tests.models.tables.large import carry_out, get, plan, plan_taking_back, planned, work
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Actor, ChangeSet, LargeChange, LargeChangeLeft, LargeChangePart, Member, Table, User, utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables import column_reversal, columns, editing, large_steps, log_since, trash, type_changing, undo
from webapp.models.tables.access import find_table
from webapp.models.tables.bulk_changing import MAX_PLANS, plan_large
from webapp.models.tables.change_feed import read_feed
from webapp.models.tables.change_set import Entry, Kind, SetState, cells_to_json, entries_from_blob, entries_of
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.history_query import list_entries
from webapp.models.tables.large_change import LargeChangeRunning
from webapp.models.tables.large_changing import LargeChangeOver, apply, begin, cancel, withdraw_changes
from webapp.models.tables.latest_changes import latest_changes
from webapp.models.tables.log_pruning import prune_batch, prune_parts
from webapp.models.tables.log_since import changed_rows
from webapp.models.tables.row_history import list_row_history
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.type_change import TypeChangeRunning
from webapp.models.tables.type_changing import change_type
from webapp.rowstore import create_store, entries, open_loader
from webapp.rowstore.loader import ChangeWithdrawn

ROWS = [(f"Planet {number}", str(number)) for number in range(1, 13)]
EVE = Actor(2, "eve@example.org", "eve", "member")


@pytest.fixture(autouse=True)
async def planets(database: Database, followed: Followed, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Followed:
    """Table 1 with the columns Planet (1, text) and Moons (2, integer), twelve rows, and Eve as its editor. Parts have
    three entries.
    """

    async def add_eve(work: UnitOfWork) -> None:
        work.session.add(User(id=2, email=EVE.email, name="eve", password_hash="", role="member"))
        await work.session.flush()
        work.session.add(Member(table_id=1, user_id=2, role="editor"))

    add_table(data_dir, {"Planet": "text", "Moons": "integer"}, ROWS)
    await database.write(add_eve)
    monkeypatch.setattr(entries, "PART_ENTRIES", 3)
    return followed


async def rows(database: Database) -> dict[int, tuple[str, ...]]:
    table, ids = await find_table(database, ADA, 1), range(1, 40)
    return await create_store(database).read(lambda rows: rows.cells(table.ref, ids, table.ref.fields), 5)


async def the_table(database: Database) -> Table:
    async with database.reading() as session:
        return await session.get_one(Table, 1)


async def the_set(database: Database, seq: int = 1) -> ChangeSet:
    async with database.reading() as session:
        return await session.get_one(ChangeSet, (1, seq))


async def logged(database: Database, seq: int = 1) -> list[Entry]:
    return await database.read(lambda connection: entries_of(connection, 1, seq))


async def listed_as_left(database: Database) -> list[Entry]:
    async with database.reading() as session:
        blobs = await session.scalars(select(LargeChangeLeft.blob).order_by(LargeChangeLeft.number))
        return [entry for blob in blobs for entry in entries_from_blob(blob)]


async def edit(database: Database, row: int, text: str, actor: Actor = EVE) -> None:
    result = await database.write(editing.change_cells, actor, 1, [CellEdit(row, 1, None, text)])
    assert not result.conflicts


def as_json(row_id: int) -> str:
    return cells_to_json(dict(enumerate(ROWS[row_id - 1], 1)))


def upper() -> list[Entry]:
    return [Entry(row_id, 1, planet, planet.upper()) for row_id, (planet, _) in enumerate(ROWS, 1)]


# -- applying ----------------------------------------------------------------------------------------------------------


async def test_a_large_change_is_one_set_in_parts(database: Database, planets: Followed) -> None:
    change = await plan(database, upper())
    assert (change.state, change.parts, change.entries, change.rows, change.seq) == ("applying", 4, 12, 12, 1)
    assert change.report == {"changed": 12}
    assert (await rows(database))[1] == ("Planet 1", "1")
    assert (await the_table(database)).growing == 1
    change = await carry_out(database, change)
    assert (change.state, change.parts_done, change.left) == ("done", 4, 0)
    assert [row[0] for row in (await rows(database)).values()] == [planet.upper() for planet, _ in ROWS]
    assert await logged(database) == upper()
    one = await the_set(database)
    assert (one.rows, one.cells, one.columns, one.first_row, one.last_row) == (12, 12, "1", 1, 12)
    assert (one.parts, one.state, (await the_table(database)).growing) == (4, SetState.WHOLE, None)
    async with database.reading() as session:
        assert (await session.scalars(select(LargeChangePart))).all() == []
    assert planets.topics.count("table:1") == 2  # at the beginning and at the end


async def test_a_runner_that_is_killed_is_followed_by_one_that_goes_on(database: Database) -> None:
    change = await plan(database, upper())
    for done in (1, 2, 3):
        work(database, change, parts=1)
        change = await get(database, change.id)
        assert change.parts_done == done
        assert len(await logged(database)) == 3 * done
    assert (await carry_out(database, change)).state == "done"
    assert await logged(database) == upper()


async def test_two_processes_that_work_on_one_change_do_each_part_once(database: Database) -> None:
    """The command line, and the server whose schedule finds what is unfinished."""
    change, others = await plan(database, upper()), 0

    def meanwhile(done: int, of: int) -> None:
        nonlocal others
        others += 1
        if others == 1:
            work(database, change, parts=2)

    with open_loader(database.address) as loader:
        loader.apply_change(change.id, meanwhile)
    assert await logged(database) == upper()
    assert (await get(database, change.id)).parts_done == 4
    await database.write(cancel, ADA, 1, change.id)
    change, others = await get(database, change.id), 0
    with open_loader(database.address) as loader:
        loader.revert_change(change.id, meanwhile)
    assert (await carry_out(database, change)).state == "cancelled"
    assert await logged(database) == []
    assert [row[0] for row in (await rows(database)).values()] == [planet for planet, _ in ROWS]


async def test_a_plan_that_another_process_has_finished_is_not_made_again(database: Database) -> None:
    change = await plan(database, upper(), is_decided=False)
    await database.write(lambda work: work.session.execute(update(LargeChange).values(state="planning")))

    def never() -> Generator[Sequence[Entry], None, dict[str, Any]]:
        raise AssertionError
        yield

    with open_loader(database.address) as loader:
        loader.write_plan(change.id, never(), lambda done, of: None)
    async with database.reading() as session:
        assert len((await session.scalars(select(LargeChangePart))).all()) == 4


async def test_rows_come_and_go_and_new_ones_get_their_ids_when_it_is_applied(database: Database) -> None:
    gone = [
        Entry(row_id, None, cells_to_json({1: ROWS[row_id - 1][0], 2: ROWS[row_id - 1][1]}), None) for row_id in (2, 3)
    ]
    new = [Entry(-number, None, None, cells_to_json({1: f"new {number}"})) for number in (1, 2)]
    change = await plan(database, [*gone, *new, Entry(4, 2, "4", "40")], Kind.IMPORT_UPDATE, is_decided=False)
    assert change.new_rows == 2
    added = await database.write(editing.add_rows, EVE, 1, [{1: "by hand"}])
    await database.write(apply, ADA, 1, change.id)
    await carry_out(database, change)
    found = await rows(database)
    assert added.ids == [13]
    assert {row_id: found[row_id] for row_id in (4, 13, 14, 15)} == {
        4: ("Planet 4", "40"),
        13: ("by hand", ""),
        14: ("new 1", ""),
        15: ("new 2", ""),
    }
    assert not {2, 3} & found.keys()
    assert (await the_table(database)).row_count == len(found) == 13
    one = await the_set(database, 2)
    assert (one.rows, one.cells, one.first_row, one.last_row) == (5, 1, 2, 15)


async def test_a_text_that_has_no_value_is_kept_by_its_column(database: Database) -> None:
    change = await plan(database, [Entry(1, 2, "1", "one"), Entry(12, 2, "12", "0012")])
    await carry_out(database, change)
    found = await rows(database)
    assert (found[1][1], found[2][1], found[12][1]) == ("one", "2", "0012")
    table = await find_table(database, ADA, 1)
    assert [field.keeps_texts for field in table.ref.fields] == [False, True]


async def test_a_plan_without_entries_is_no_change(database: Database) -> None:
    change = await plan(database, [])
    assert (change.state, change.seq, (await the_table(database)).seq) == ("done", None, 0)


# -- what others do meanwhile ------------------------------------------------------------------------------------------


async def test_what_somebody_has_changed_before_is_left_and_listed(database: Database) -> None:
    change = await plan(database, upper())
    work(database, change, parts=1)
    await edit(database, 5, "Eve's")
    await edit(database, 6, "for a moment")
    await edit(database, 6, "Planet 6")  # as the plan expects it, but the log has later changes of it
    await edit(database, 1, "after it was made")
    await database.write(editing.delete_rows, EVE, 1, [7])
    change = await carry_out(database, change)
    found = await rows(database)
    assert (change.state, change.left) == ("done", 3)
    assert [found[row][0] for row in (1, 4, 5, 6)] == ["after it was made", "PLANET 4", "Eve's", "Planet 6"]
    assert [entry.row_id for entry in await listed_as_left(database)] == [5, 6, 7]
    assert [entry.row_id for entry in await logged(database)] == [1, 2, 3, 4, 8, 9, 10, 11, 12]


async def test_what_changed_since_it_was_planned_is_left_too(database: Database) -> None:
    change = await plan(database, upper(), is_decided=False)
    await edit(database, 1, "Eve's")
    await edit(database, 2, "PLANET 2")  # as it is to become
    await database.write(apply, ADA, 1, change.id)
    change = await carry_out(database, change)
    assert (change.left, [entry.row_id for entry in await listed_as_left(database)]) == (1, [1])
    assert [entry.row_id for entry in await logged(database, 3)] == list(range(3, 13))


async def test_a_row_somebody_wrote_into_is_not_deleted(database: Database) -> None:
    change = await plan(database, [Entry(row_id, None, as_json(row_id), None) for row_id in (1, 2)], Kind.DELETE_ROWS)
    await edit(database, 2, "worth keeping")
    await carry_out(database, change)
    assert sorted(await rows(database)) == list(range(2, 13))


async def test_cells_of_a_column_that_is_deleted_meanwhile_still_go_with_their_rows(database: Database) -> None:
    change = await plan(database, [Entry(row, 2, str(row), "0") for row in range(1, 13)])
    work(database, change, parts=1)
    await database.write(columns.delete_column, EVE, 1, 2)
    assert (await carry_out(database, change)).left == 0
    await database.write(undo.revert, ADA, 1, 2)
    assert {row[1] for row in (await rows(database)).values()} == {"0"}


# -- cancelling --------------------------------------------------------------------------------------------------------


async def test_cancelling_takes_back_what_was_applied_but_not_what_others_changed_since(database: Database) -> None:
    before = await rows(database)
    change = await plan(database, upper())
    work(database, change, parts=3)
    await edit(database, 1, "Eve's")
    await edit(database, 2, "for a moment")
    await edit(database, 2, "PLANET 2")
    await database.write(cancel, ADA, 1, change.id)
    await database.write(cancel, ADA, 1, change.id)
    change = await get(database, change.id)
    assert change.state == "reverting"
    work(database, change, parts=1)
    change = await carry_out(database, await get(database, change.id))
    assert (change.state, change.parts_done) == ("cancelled", 0)
    assert await rows(database) == before | {1: ("Eve's", "1"), 2: ("PLANET 2", "2")}
    one = await the_set(database)
    assert (one.state, one.rows, one.parts) == (SetState.CANCELLED, 2, 1)
    assert [entry.row_id for entry in await logged(database)] == [1, 2]
    assert not await database.write(large_steps.forget_parts, change.id)
    async with database.reading() as session:
        assert (await session.scalars(select(LargeChangePart))).all() == []


async def test_a_cancelled_change_is_no_step_to_be_undone(database: Database) -> None:
    await edit(database, 1, "mine", ADA)
    change = await plan(database, upper()[1:])
    work(database, change, parts=1)
    await database.write(cancel, ADA, 1, change.id)
    await carry_out(database, change)
    result = await database.write(undo.undo_latest, ADA, 1)
    assert isinstance(result, undo.UndoResult)
    assert (result.of, (await rows(database))[1][0]) == (1, "Planet 1")


async def test_it_can_be_cancelled_before_anything_is_applied(database: Database) -> None:
    change = await plan(database, upper(), is_decided=False)
    assert (change.state, (await the_table(database)).seq) == ("ready", 0)
    await database.write(cancel, ADA, 1, change.id)
    assert (await get(database, change.id)).state == "cancelled"
    with pytest.raises(LargeChangeOver):
        await database.write(apply, ADA, 1, change.id)


async def test_only_its_person_and_the_owner_cancel_it(database: Database) -> None:
    by_ada = await plan(database, upper())
    with pytest.raises(NotAllowed):
        await database.write(cancel, EVE, 1, by_ada.id)
    await carry_out(database, by_ada)
    by_eve = await plan(database, [Entry(1, 2, "1", "100")], actor=EVE)
    await database.write(cancel, ADA, 1, by_eve.id)
    assert (await carry_out(database, by_eve)).state == "cancelled"
    with pytest.raises(NotFound):
        await database.write(cancel, ADA, 1, 99)


async def test_a_failure_takes_everything_back_and_says_why(database: Database) -> None:
    before = await rows(database)
    change = await plan(database, upper())
    work(database, change, parts=2)
    await database.write(large_steps.fail, change.id, "The disk is full.")
    await database.write(large_steps.fail, change.id, "And a second reason.")
    change = await carry_out(database, change)
    assert (change.state, change.failure) == ("failed", "The disk is full.")
    assert await rows(database) == before
    assert ((await the_set(database)).state, await logged(database)) == (SetState.FAILED, [])


async def test_whoever_loses_the_right_meanwhile_does_not_finish(database: Database) -> None:
    async def remove(work: UnitOfWork) -> None:
        await work.session.execute(delete(Member))

    before = await rows(database)
    change = await plan(database, upper(), actor=EVE)
    work(database, change, parts=2)
    await database.write(remove)
    assert (await carry_out(database, change)).failure == large_steps.NO_LONGER
    assert await rows(database) == before


async def test_a_change_whose_person_is_deleted_is_taken_back(database: Database) -> None:
    async def remove(work: UnitOfWork) -> None:
        await work.session.execute(delete(User).where(User.id == EVE.id))

    before = await rows(database)
    change = await plan(database, upper(), actor=EVE)
    work(database, change, parts=2)
    await database.write(remove)
    await database.write(large_steps.ensure_allowed, change.id)
    change = await carry_out(database, change)
    assert (change.state, change.user_id) == ("failed", None)
    assert await rows(database) == before


async def test_a_table_that_is_deleted_for_good_takes_its_change_along(database: Database) -> None:
    change = await plan(database, upper())
    work(database, change, parts=1)
    await database.write(delete_table, ADA, 1)
    await database.write(trash.purge_table, ADA, 1)
    while await database.write(trash.purge_batch, 1):
        pass
    await database.write(trash.finish_purge, 1)
    with pytest.raises(ChangeWithdrawn):
        work(database, change)
    await database.write(large_steps.finish, change.id)
    async with database.reading() as session:
        assert (await session.scalars(select(LargeChange))).all() == []


async def test_whoever_takes_a_table_away_withdraws_its_changes(database: Database) -> None:
    change = await plan(database, upper(), actor=EVE)
    await database.write(withdraw_changes, 1)
    assert (await carry_out(database, change)).state == "cancelled"


# -- one at a time -----------------------------------------------------------------------------------------------------


async def test_one_change_of_a_table_is_applied_at_a_time(database: Database) -> None:
    ready = await plan(database, upper()[:2], is_decided=False, actor=EVE)
    change = await plan(database, upper())
    with pytest.raises(LargeChangeRunning, match="by ada"):
        await database.write(begin, EVE, 1, planned(number=2))
    with pytest.raises(LargeChangeRunning):
        await database.write(apply, EVE, 1, ready.id)
    with pytest.raises(LargeChangeRunning):
        await database.write(change_type, EVE, 1, 2, "text", {})
    with pytest.raises(undo.NotUndoable, match="still being applied"):
        await database.write(undo.undo_latest, ADA, 1)
    await carry_out(database, change)
    assert (await database.write(begin, EVE, 1, planned(number=2))).state == "planning"


async def test_no_change_begins_while_a_type_is_changed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_changing, "AT_ONCE", 0)
    await database.write(change_type, ADA, 1, 2, "text", {})
    with pytest.raises(TypeChangeRunning):
        await database.write(begin, ADA, 1, planned())


async def test_asking_twice_is_asking_once(database: Database, planets: Followed) -> None:
    first = await database.write(begin, ADA, 1, planned(column=1))
    assert (await database.write(begin, ADA, 1, planned(column=1))).id == first.id
    assert planets.tasks == [("change_rows", str(first.id))]
    change = await plan(database, upper(), is_decided=False, actor=EVE)
    await database.write(cancel, ADA, 1, first.id)
    assert {(await database.write(apply, EVE, 1, change.id)).seq for _ in range(2)} == {1}


async def test_nobody_keeps_more_plans_waiting_than_some(database: Database, data_dir: Path) -> None:
    """Each may take as much room as its table."""
    plans = list[LargeChange]()
    for _ in range(MAX_PLANS + 2):
        table_id = add_table(data_dir, {"Planet": "text"}, [])
        plans.append(await database.write(plan_large, ADA, table_id, planned()))
    theirs = await database.write(plan_large, EVE, 1, planned())
    states = [(await get(database, one.id)).state for one in (*plans, theirs)]
    assert states == ["cancelled"] * 2 + ["planning"] * (MAX_PLANS + 1)


async def test_a_plan_nobody_decides_about_is_given_up(database: Database) -> None:
    async def age(work: UnitOfWork) -> None:
        await work.session.execute(update(LargeChange).values(created_at=utc_now() - timedelta(days=8)))

    change = await plan(database, upper(), is_decided=False)
    await database.write(large_steps.give_up_undecided)
    assert (await get(database, change.id)).state == "ready"
    assert not await database.read(large_steps.has_undecided)
    await database.write(age)
    assert await database.read(large_steps.has_undecided)
    await database.write(large_steps.give_up_undecided)
    assert (await get(database, change.id)).state == "cancelled"
    await database.write(large_steps.forget_parts, change.id)
    async with database.reading() as session:
        assert (await session.scalars(select(LargeChangePart))).all() == []


# -- undo --------------------------------------------------------------------------------------------------------------


async def test_a_large_set_is_undone_and_redone_by_large_changes(database: Database) -> None:
    before = await rows(database)
    changes = [*upper()[:10], Entry(12, None, as_json(12), None), Entry(-1, None, None, cells_to_json({1: "new"}))]
    await carry_out(database, await plan(database, changes, Kind.IMPORT_UPDATE))
    after = await rows(database)
    begun = await database.write(undo.undo_latest, ADA, 1)
    assert isinstance(begun, undo.UndoBegun)
    await carry_out(database, await plan_taking_back(database, begun.change_id))
    assert await rows(database) == before
    assert ((await the_set(database)).undone_by, (await the_set(database, 2)).undo_of) == (2, 1)
    with pytest.raises(undo.NotUndoable, match="already"):
        await database.write(undo.revert, ADA, 1, 1)
    begun = await database.write(undo.redo_latest, ADA, 1)
    assert isinstance(begun, undo.UndoBegun)
    await carry_out(database, await plan_taking_back(database, begun.change_id))
    assert await rows(database) == after
    assert (await the_set(database)).undone_by is None


async def test_an_undo_that_is_cancelled_has_undone_nothing(database: Database) -> None:
    await carry_out(database, await plan(database, upper()))
    after = await rows(database)
    begun = await database.write(undo.revert, ADA, 1, 1)
    assert isinstance(begun, undo.UndoBegun)
    change = await plan_taking_back(database, begun.change_id)
    work(database, change, parts=2)
    await database.write(cancel, ADA, 1, change.id)
    await carry_out(database, change)
    assert await rows(database) == after
    assert (await the_set(database)).undone_by is None


# -- the log -----------------------------------------------------------------------------------------------------------


async def test_all_who_read_the_log_know_the_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await carry_out(database, await plan(database, upper()))
    await edit(database, 5, "later")

    def pages(connection: object) -> list[list[int | None]]:
        first = list_entries(connection, 1, 1, size=5)  # type: ignore[arg-type]
        second = list_entries(connection, 1, 1, first.after or 0, size=5)  # type: ignore[arg-type]
        third = list_entries(connection, 1, 1, second.after or 0, size=5)  # type: ignore[arg-type]
        assert third.after is None
        return [[entry.row_id for entry in page.entries] for page in (first, second, third)]

    assert await database.read(pages) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12]]
    history = await database.read(lambda connection: list_row_history(connection, 1, 5))
    assert {seq: found[0].before for seq, found in history.entries.items()} == {2: "PLANET 5", 1: "Planet 5"}
    latest = await database.read(lambda connection: latest_changes(connection, 1, [(4, 1), (5, 1), (4, 2)]))
    assert {place: one.seq for place, one in latest.items()} == {(4, 1): 1, (5, 1): 2}
    assert await database.read(lambda connection: changed_rows(connection, 1, 1, 0)) == set(range(1, 13))
    monkeypatch.setattr(log_since, "ROWS", 5)  # that are told, and thus in memory, at once
    then = await database.read(lambda connection: list(log_since.texts_then(connection, 1, 1, 0)))
    assert [len(some) for some in then] == [5, 5, 2]
    assert then[0] | then[1] | then[2] == {row_id: planet for row_id, (planet, _) in enumerate(ROWS, 1)}
    feed = await database.read(lambda connection: read_feed(connection, 1, 0))
    assert feed is not None
    assert feed.sets is not None
    assert [one.extent for one in feed.sets] == [(1, 12, 12), None]


async def test_a_large_set_is_pruned_after_its_change_has_ended(database: Database) -> None:
    change = await plan(database, upper())
    work(database, change, parts=2)
    for row in range(8, 12):
        await edit(database, row, "x")
    assert await database.write(prune_batch, 1, utc_now(), 0) == 0
    await carry_out(database, change)
    assert await database.write(prune_batch, 1, utc_now(), 0) > 0
    assert not await database.write(prune_parts)
    assert await logged(database) == []
    assert (await the_table(database)).log_from == 6


async def test_indexes_go_before_a_change_of_many_rows_and_that_of_the_search_is_built_again(
    database: Database, planets: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sort_index = "i1_1"

    async def index(work: UnitOfWork) -> None:
        await work.session.execute(update(Table).values(search_index=SearchIndex.READY))
        await work.session.execute(text(f"CREATE INDEX {sort_index} ON t1 (c1)"))

    async def drop(work: UnitOfWork) -> None:
        await work.session.execute(text(f"DROP INDEX {sort_index}"))

    monkeypatch.setattr(large_steps, "INDEX_ROWS", 5)
    await database.write(index)
    change = await plan(database, upper())
    assert ((await the_table(database)).search_index, change.index_again) == (SearchIndex.NONE, True)
    with pytest.raises(DBAPIError, match=sort_index):
        await database.write(drop)
    await database.write(cancel, ADA, 1, change.id)
    await carry_out(database, change)
    assert (await the_table(database)).search_index == SearchIndex.BUILDING
    assert ("index_table", "1") in planets.tasks


def test_a_large_change_keeps_the_cells_of_a_row_together() -> None:
    cells = [Entry(row, column, "", "x") for row in range(1, 4) for column in (1, 2)]
    assert [[entry.row_id for entry in part] for part in entries.into_parts([cells])] == [[1, 1, 2, 2], [3, 3]]


@pytest.mark.parametrize("is_large", [False, True])
async def test_a_type_comes_back_with_all_texts_though_rows_were_made_anew_by_a_cancelled_deletion(
    database: Database, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    before = await rows(database)
    await database.write(change_type, ADA, 1, 2, "text", {})
    gone = [Entry(row, None, cells_to_json({1: name, 2: moons}), None) for row, (name, moons) in enumerate(ROWS, 1)]
    change = await plan(database, gone, Kind.DELETE_ROWS)
    work(database, change, 2)
    await database.write(cancel, ADA, 1, change.id)
    assert (await carry_out(database, change)).state == "cancelled"
    if is_large:  # what is stored of the column from before lacks these rows, and no one compares so many
        monkeypatch.setattr(column_reversal, "AT_ONCE", 0)
        with pytest.raises(column_reversal.TypeNotUndoable, match="no longer stored"):
            await database.write(undo.revert, ADA, 1, 1)
    else:
        await database.write(undo.revert, ADA, 1, 1)
        assert (await find_table(database, ADA, 1)).ref.fields[1].type == "integer"
    assert await rows(database) == before
