"""Cells and rows are changed by verbs that write one change set each; undoing takes exactly that back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from settings import Settings
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Actor, ChangeSet, Member, Table, User
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables import editing, undo
from webapp.models.tables.access import find_access
from webapp.models.tables.change_set import Entry, entries_of
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.renaming import rename_table
from webapp.rowstore import create_store
from webapp.rowstore.query import TableQuery

ADA = Actor(1, "ada@example.org", "ada", "owner")
EVE = Actor(2, "eve@example.org", "eve", "member")
GUS = Actor(3, "gus@example.org", "gus", "guest")
BOB = Actor(4, "bob@example.org", "bob", "administrator")
TABLE = 1
ROWS = [("Oslo", "1,000,000", "NA"), ("Bergen", "2,500,000", "7"), ("Moss", "", "8")]
COLUMNS = {"City": "text", "People": "integer", "Score": "integer"}
CITY, PEOPLE, SCORE = 1, 2, 3


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def table(database: Database, settings: Settings) -> None:
    """Of Ada; Eve may edit, Gus may look, Bob has no part in it."""

    async def add_people(work: UnitOfWork) -> None:
        for person in (ADA, EVE, GUS, BOB):
            work.session.add(
                User(id=person.id, email=person.email, name=person.name, password_hash="x", role=person.role)
            )

    async def add_members(work: UnitOfWork) -> None:
        work.session.add(Member(table_id=TABLE, user_id=EVE.id, role="editor"))
        work.session.add(Member(table_id=TABLE, user_id=GUS.id, role="viewer"))

    await database.write(add_people)
    add_table(settings.data_dir, {"City": "text", "People": "integer"}, [row[:2] for row in ROWS])
    await database.write(add_members)


async def texts(database: Database) -> dict[int, tuple[str, ...]]:
    ref = (await find_access(database, ADA, TABLE)).table.ref
    page = await create_store(database).read(lambda rows: rows.page(ref, TableQuery.of(ref.fields)), 5)
    return dict(page.rows)


async def sets(database: Database) -> list[ChangeSet]:
    async with database.reading() as session:
        return list(await session.scalars(select(ChangeSet).order_by(ChangeSet.seq)))


async def entries(database: Database, seq: int) -> list[Entry]:
    return await database.read(lambda connection: entries_of(connection, TABLE, seq))


@pytest.mark.usefixtures("table")
async def test_a_changed_cell_is_in_the_log_with_both_texts(database: Database) -> None:
    result = await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])

    assert (result.seq, result.texts) == (1, {(1, CITY): "Oslo S"})
    assert (await texts(database))[1][0] == "Oslo S"
    assert await entries(database, 1) == [Entry(1, CITY, "Oslo", "Oslo S")]
    (made,) = await sets(database)
    assert (made.actor_id, made.via, made.kind, made.rows, made.cells) == (EVE.id, "grid", "cells", 1, 1)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("typed", "saved"),
    [("1,234,567", "1,234,567"), ("1234567", "1,234,567"), (" 1234567 ", "1,234,567"), ("", ""), ("007", "7")],
)
async def test_a_number_is_saved_as_its_column_writes_numbers(database: Database, typed: str, saved: str) -> None:
    result = await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, PEOPLE, "1,000,000", typed)])

    assert result.texts == {(1, PEOPLE): saved}
    assert (await texts(database))[1][1] == saved


@pytest.mark.usefixtures("table")
async def test_what_is_no_number_is_refused_or_kept_as_a_text(database: Database) -> None:
    edit = CellEdit(1, PEOPLE, "1,000,000", "many")

    (refusal,) = (await database.write(editing.change_cells, ADA, TABLE, [edit])).refusals
    assert "many" in refusal.reason
    assert refusal.is_misfit
    assert (await texts(database))[1][1] == "1,000,000"

    kept = CellEdit(1, PEOPLE, "1,000,000", "many", keeps_text=True)
    assert (await database.write(editing.change_cells, ADA, TABLE, [kept])).texts == {(1, PEOPLE): "many"}
    assert [row[1] for row in (await texts(database)).values()] == ["many", "2,500,000", ""]


@pytest.mark.usefixtures("table")
async def test_a_cell_changed_in_the_meantime_is_a_conflict_and_the_others_are_saved(database: Database) -> None:
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])

    mine = [CellEdit(1, CITY, "Oslo", "OSLO"), CellEdit(2, CITY, "Bergen", "BERGEN"), CellEdit(9, CITY, "x", "y")]
    result = await database.write(editing.change_cells, ADA, TABLE, mine)

    assert [(conflict.edit, conflict.current) for conflict in result.conflicts] == [
        (mine[0], "Oslo S"),
        (mine[2], None),
    ]
    assert [row[0] for row in (await texts(database)).values()] == ["Oslo S", "BERGEN", "Moss"]


@pytest.mark.usefixtures("table")
async def test_saving_what_is_there_writes_no_change_set(database: Database) -> None:
    result = await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo")])

    assert (result.seq, result.texts, await sets(database)) == (None, {(1, CITY): "Oslo"}, [])


Edit = Callable[[UnitOfWork, Actor], Awaitable[Any]]
EDITS: list[Edit] = [
    lambda work, actor: editing.change_cells(work, actor, TABLE, [CellEdit(1, CITY, "Oslo", "x")]),
    lambda work, actor: editing.add_rows(work, actor, TABLE, [{CITY: "x"}]),
    lambda work, actor: editing.duplicate_rows(work, actor, TABLE, [1]),
    lambda work, actor: editing.delete_rows(work, actor, TABLE, [1]),
]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("edit", EDITS)
async def test_viewers_change_nothing_and_strangers_find_nothing(database: Database, edit: Edit) -> None:
    before = await texts(database)

    with pytest.raises(NotAllowed, match="look at this table but not change it"):
        await database.write(edit, GUS)
    with pytest.raises(NotFound):
        await database.write(edit, BOB)

    assert await texts(database) == before
    assert await sets(database) == []


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("edit", EDITS)
async def test_each_change_can_be_undone_and_redone(database: Database, edit: Edit) -> None:
    before = await texts(database)
    await database.write(edit, EVE)
    changed = await texts(database)
    assert changed != before

    for _ in range(2):
        await database.write(undo.undo_latest, EVE, TABLE)
        assert await texts(database) == before
        await database.write(undo.redo_latest, EVE, TABLE)
        assert await texts(database) == changed

    async with database.reading() as session:
        table = await session.get(Table, TABLE)
    assert table is not None
    assert (table.row_count, table.seq) == (len(changed), 5)


@pytest.mark.usefixtures("table")
async def test_undo_leaves_what_somebody_else_changed_since(database: Database) -> None:
    mine = [CellEdit(1, CITY, "Oslo", "OSLO"), CellEdit(2, CITY, "Bergen", "BERGEN")]
    await database.write(editing.change_cells, ADA, TABLE, mine)
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "OSLO", "Oslo S")])

    result = await database.write(undo.undo_latest, ADA, TABLE)

    assert (result.of, result.done, result.total, result.left) == (1, 1, 2, [Entry(1, CITY, "OSLO", "Oslo")])
    assert [row[0] for row in (await texts(database)).values()] == ["Oslo S", "Bergen", "Moss"]


@pytest.mark.usefixtures("table")
async def test_undo_takes_back_only_what_the_same_person_did(database: Database) -> None:
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])

    with pytest.raises(UserError, match="nothing to undo"):
        await database.write(undo.undo_latest, ADA, TABLE)


@pytest.mark.usefixtures("table")
async def test_any_set_can_be_reverted_and_the_reverting_undone(database: Database) -> None:
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])

    await database.write(undo.revert, ADA, TABLE, 1)
    assert (await texts(database))[1][0] == "Oslo"
    with pytest.raises(UserError, match="already"):
        await database.write(undo.revert, EVE, TABLE, 1)

    await database.write(undo.undo_latest, ADA, TABLE)
    assert (await texts(database))[1][0] == "Oslo S"
    assert [one.undone_by for one in await sets(database)] == [None, 3, None]


@pytest.mark.usefixtures("table")
async def test_a_row_that_somebody_wrote_into_is_not_taken_away_by_undoing_its_addition(database: Database) -> None:
    (row_id,) = (await database.write(editing.add_rows, ADA, TABLE, [{CITY: "Moss 2"}])).ids
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(row_id, PEOPLE, "", "5")])

    result = await database.write(undo.undo_latest, ADA, TABLE)

    assert (result.done, len(result.left)) == (0, 1)
    assert (await texts(database))[row_id] == ("Moss 2", "5")


@pytest.mark.usefixtures("table")
async def test_a_set_of_many_cells_is_one_blob_and_can_be_undone(database: Database) -> None:
    before = await texts(database)
    many = [{CITY: f"Town {number}", PEOPLE: str(number)} for number in range(1_500)]
    await database.write(editing.add_rows, ADA, TABLE, many)

    (made,) = await sets(database)
    assert (made.rows, made.first_row, made.last_row) == (1_500, 4, 1_503)
    assert len(await entries(database, 1)) == 1_500

    await database.write(undo.undo_latest, ADA, TABLE)
    assert await texts(database) == before


@pytest.mark.usefixtures("table")
async def test_too_long_texts_half_characters_and_unknown_columns_are_refused(database: Database) -> None:
    for text in ("x" * 1_000_001, "\ud800"):
        (refusal,) = (
            await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", text)])
        ).refusals
        assert not refusal.is_misfit
    with pytest.raises(NotFound):
        await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, 9, "", "x")])
    with pytest.raises(UserError, match="100,000"):
        await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", "x")] * 100_001)


@pytest.mark.usefixtures("table")
async def test_a_text_with_nul_and_its_symbols_comes_back_from_the_log(database: Database) -> None:
    text = "a\0b\u2400c\u241bd"
    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", text)])

    assert await entries(database, 1) == [Entry(1, CITY, "Oslo", text)]
    await database.write(undo.undo_latest, ADA, TABLE)
    assert (await texts(database))[1][0] == "Oslo"


@pytest.mark.usefixtures("table")
async def test_a_title_is_changed_and_taken_back_by_the_owner_only(database: Database) -> None:
    assert await database.write(rename_table, ADA, TABLE, "Planets") is None
    await database.write(rename_table, ADA, TABLE, "Towns")
    assert (await find_access(database, ADA, TABLE)).table.title == "Towns"
    assert await entries(database, 1) == [Entry(None, None, "Planets", "Towns")]
    for verb, given in ((rename_table, ("Mine",)), (undo.revert, (1,))):
        with pytest.raises(NotAllowed, match="owner"):
            await database.write(verb, EVE, TABLE, *given)

    await database.write(undo.undo_latest, ADA, TABLE)
    assert (await find_access(database, ADA, TABLE)).table.title == "Planets"
    await database.write(undo.redo_latest, ADA, TABLE)
    assert (await find_access(database, ADA, TABLE)).table.title == "Towns"


@pytest.mark.usefixtures("table")
async def test_who_is_no_longer_the_owner_undoes_what_came_before_the_title(database: Database) -> None:
    async def hand_over(work: UnitOfWork) -> None:
        (await work.session.get_one(Table, TABLE)).owner_id = BOB.id
        work.session.add(Member(table_id=TABLE, user_id=ADA.id, role="editor"))

    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])
    await database.write(rename_table, ADA, TABLE, "Towns")
    await database.write(hand_over)

    assert (await database.write(undo.undo_latest, ADA, TABLE)).of == 1


@pytest.mark.usefixtures("table")
async def test_who_is_no_longer_the_owner_goes_past_each_step_of_a_title(database: Database) -> None:
    """Renamed, taken back from the history, renamed again and undone, and then handed over."""

    async def hand_over(work: UnitOfWork) -> None:
        (await work.session.get_one(Table, TABLE)).owner_id = BOB.id
        work.session.add(Member(table_id=TABLE, user_id=ADA.id, role="editor"))

    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])
    renamed = await database.write(rename_table, ADA, TABLE, "Towns")
    assert renamed is not None
    await database.write(undo.revert, ADA, TABLE, renamed)
    for _ in range(2):
        await database.write(undo.undo_latest, ADA, TABLE)
    await database.write(undo.redo_latest, ADA, TABLE)
    await database.write(hand_over)
    title = (await find_access(database, BOB, TABLE)).table.title

    assert (await database.write(undo.undo_latest, ADA, TABLE)).of == 1
    assert (await texts(database))[1][0] == "Oslo"
    assert (await database.write(undo.redo_latest, ADA, TABLE)).done == 1
    assert (await texts(database))[1][0] == "Oslo S"
    with pytest.raises(undo.NothingToUndo):
        await database.write(undo.redo_latest, ADA, TABLE)
    assert (await find_access(database, BOB, TABLE)).table.title == title


@pytest.mark.usefixtures("table")
async def test_two_undos_at_once_take_back_one_change_each(database: Database) -> None:
    for text in ("a", "b", "c"):
        await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, None, text)])

    results = await asyncio.gather(*(database.write(undo.undo_latest, ADA, TABLE) for _ in range(2)))

    assert {result.of for result in results} == {2, 3}
    assert (await texts(database))[1][0] == "a"


@pytest.mark.usefixtures("table")
async def test_undo_finds_a_row_that_was_deleted_and_restored_as_it_was(database: Database) -> None:
    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])
    await database.write(editing.delete_rows, EVE, TABLE, [1])
    gone = await database.write(undo.undo_latest, ADA, TABLE)
    assert (gone.done, len(gone.left)) == (0, 1)

    await database.write(undo.redo_latest, ADA, TABLE)
    await database.write(undo.undo_latest, EVE, TABLE)
    assert (await texts(database))[1][0] == "Oslo S"
    back = await database.write(undo.undo_latest, ADA, TABLE)

    assert (back.done, back.left) == (1, [])
    assert (await texts(database))[1][0] == "Oslo"


@pytest.mark.usefixtures("table")
async def test_undoing_an_undo_leaves_what_somebody_typed_in_between(database: Database) -> None:
    mine = [CellEdit(1, CITY, "Oslo", "x"), CellEdit(2, CITY, "Bergen", "y")]
    await database.write(editing.change_cells, ADA, TABLE, mine)
    undone = await database.write(undo.undo_latest, ADA, TABLE)
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "Oslo", "Oslo S")])

    again = await database.write(undo.revert, EVE, TABLE, undone.seq)

    assert (again.done, again.total) == (1, 2)
    assert [row[0] for row in (await texts(database)).values()] == ["Oslo S", "y", "Moss"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("count", [1_000, 1_001])
async def test_sets_at_the_boundary_of_a_blob_are_the_same(database: Database, count: int) -> None:
    await database.write(editing.add_rows, ADA, TABLE, [{CITY: f"a\0{number}"} for number in range(count)])
    before = await texts(database)
    many = [CellEdit(number + 4, CITY, None, f"\u2400{number}") for number in range(count)]
    await database.write(editing.change_cells, ADA, TABLE, many)

    assert await entries(database, 2) == [
        Entry(number + 4, CITY, f"a\0{number}", f"\u2400{number}") for number in range(count)
    ]
    async with database.reading() as session:
        blobs = list(await session.scalars(select(ChangeSet.blob.is_not(None)).order_by(ChangeSet.seq)))
    assert blobs == [count > 1_000] * 2
    assert (await database.write(undo.undo_latest, ADA, TABLE)).done == count
    assert await texts(database) == before
