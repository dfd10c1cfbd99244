"""Columns are added, changed, moved and deleted by verbs that write one change set each, and undo takes that back."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from itertools import count
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from settings import Settings
from tests.database import connect, relations
from tests.models.tables.conftest import Followed
from tests.models.tables.test_editing import ADA, BOB, EVE, GUS, ROWS, TABLE, entries
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Actor, Column, Member, SpareColumn, Table, TypeChange, User
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables import editing, type_changing
from webapp.models.tables.access import find_access
from webapp.models.tables.change_set import Entry, cells_from_json
from webapp.models.tables.column_properties import TitleRefused, properties_from
from webapp.models.tables.column_reversal import TypeNotUndoable
from webapp.models.tables.column_sheet import LastColumn
from webapp.models.tables.columns import (
    ColumnChanged,
    ColumnResult,
    add_column,
    change_column,
    delete_column,
    move_column,
)
from webapp.models.tables.editing import CellEdit, CellsRefused, RowsResult
from webapp.models.tables.log_pruning import ForgottenColumn, drop_column
from webapp.models.tables.pasting import Paste, paste
from webapp.models.tables.search_indexing import finish_search_index
from webapp.models.tables.spare_columns import empty_spare_column
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.type_changing import NoSuchType, change_type
from webapp.models.tables.undo import NotUndoable, redo_latest, revert, undo_latest
from webapp.rowstore import create_store, within
from webapp.rowstore.column_rules import ColumnRules, RulesRefused
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import converting
from webapp.rowstore.sqlite import search_index
from webapp.rowstore.sqlite.schema import search_name
from webapp.rowstore.table_ref import Field, TableRef

CITY, PEOPLE = 1, 2
INTEGER = {"group": ","}


@pytest.fixture
async def table(database: Database, settings: Settings) -> Followed:
    """Of Ada, with the columns City and People; Eve may edit, Gus may look, Bob has no part in it."""

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
    database.queue = database.broker = made = Followed()
    return made


def seq_of(result: ColumnResult | RowsResult) -> int:
    assert result.seq is not None
    return result.seq


async def found(database: Database) -> Table:
    return (await find_access(database, ADA, TABLE)).table


async def titles(database: Database) -> list[str]:
    return [column.title for column in (await found(database)).columns]


async def export(database: Database) -> str:
    ref = (await found(database)).ref
    query = TableQuery.of(ref.fields)
    made = await create_store(database).read(lambda rows: b"".join(rows.export(ref, query)), 5)
    return made.decode().replace("\r\n", "\n")


async def cell(database: Database, row: int, number: int) -> str:
    ref = (await found(database)).ref
    field = next(field for field in ref.fields if field.number == number)
    return (await create_store(database).read(lambda rows: rows.cells(ref, [row], [field]), 5))[row][0]


def seen(**more: Any) -> dict[str, Any]:
    return {"title": "City", "rules": {}, "behind": 0} | more


async def rename(database: Database, title: str, actor: Any = ADA, was: str = "City") -> None:
    await database.write(change_column, actor, TABLE, CITY, seen(title=was), {"title": title})


async def with_rules(database: Database, number: int, **rules: Any) -> None:
    made = ColumnRules.checked(**({"required": False, "unique": False, "choices": []} | rules)).to_json()
    await database.write(change_column, ADA, TABLE, number, {"rules": {}}, {"rules": made})


async def test_an_added_column_is_empty_and_takes_cells_at_once(database: Database, table: Followed) -> None:
    result = await database.write(add_column, EVE, TABLE, " Area ", "decimal", 1)

    assert (result.seq, result.number, await titles(database)) == (1, 3, ["City", "Area", "People"])
    assert await export(database) == 'City,Area,People\nOslo,,"1,000,000"\nBergen,,"2,500,000"\nMoss,,\n'
    (entry,) = await entries(database, 1)
    assert (entry.row_id, entry.column, entry.before) == (None, 3, None)
    assert (properties_from(entry.after) or {})["behind"] == CITY
    assert table.topics == [f"table:{TABLE}"]
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(2, 3, "", "465.3")])
    assert await cell(database, 2, 3) == "465.3"


async def do_add(database: Database) -> None:
    await database.write(add_column, EVE, TABLE, "Area", "decimal", 1)


async def do_rename(database: Database) -> None:
    await rename(database, "Town", EVE)


async def do_rules(database: Database) -> None:
    await database.write(change_column, EVE, TABLE, CITY, seen(), {"rules": {"required": True}})


async def do_move(database: Database) -> None:
    await database.write(move_column, EVE, TABLE, CITY, 1)


async def do_delete(database: Database) -> None:
    await database.write(delete_column, EVE, TABLE, PEOPLE)


async def do_retype(database: Database) -> None:
    await database.write(change_type, EVE, TABLE, PEOPLE, "text", {})


ALL = [do_add, do_rename, do_rules, do_move, do_delete, do_retype]


async def state(database: Database) -> tuple[Any, ...]:
    made = (await found(database)).columns
    return [(each.number, each.title, each.type, each.format, each.rules) for each in made], await export(database)


@pytest.mark.parametrize("do", ALL)
async def test_each_change_of_columns_can_be_undone_and_redone(database: Database, table: Followed, do: Any) -> None:
    before = await state(database)
    await do(database)
    after = await state(database)
    assert after != before

    for _ in range(3):
        assert (await database.write(undo_latest, EVE, TABLE)).left == []
        assert await state(database) == before
        assert (await database.write(redo_latest, EVE, TABLE)).left == []
        assert await state(database) == after
    assert (await found(database)).seq == 7
    assert table.topics == [f"table:{TABLE}"] * 7


@pytest.mark.parametrize("do", ALL)
async def test_viewers_change_no_column_and_strangers_find_none(
    database: Database, table: Followed, do: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await state(database)
    for actor, error in ((GUS, NotAllowed), (BOB, NotFound)):
        monkeypatch.setitem(do.__globals__, "EVE", actor)
        with pytest.raises(error):
            await do(database)
    assert await state(database) == before


async def test_a_number_is_never_used_again(database: Database, table: Followed) -> None:
    first = await database.write(add_column, ADA, TABLE, "A", "text", 9)
    await database.write(delete_column, ADA, TABLE, first.number)
    second = await database.write(add_column, ADA, TABLE, "B", "text", 9)
    assert (first.number, second.number) == (3, 4)
    await database.write(delete_column, ADA, TABLE, 4)

    async def forget(work: UnitOfWork) -> None:
        await drop_column(work, ForgottenColumn(TABLE, Field(4, "B", "text", {})))

    await database.write(forget)
    assert (await database.write(add_column, ADA, TABLE, "C", "text", 9)).number == 5
    assert (await database.write(revert, ADA, TABLE, 4)).left != []  # nothing can bring back what was forgotten


async def test_deleted_columns_come_back_with_their_cells_after_rows_came_and_went(
    database: Database, table: Followed
) -> None:
    before = await export(database)
    deleted = await database.write(delete_column, ADA, TABLE, PEOPLE)
    added = await database.write(editing.add_rows, ADA, TABLE, [{CITY: "Voss"}])
    gone = await database.write(editing.delete_rows, ADA, TABLE, [1])
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(2, CITY, "Bergen", "Bergen!")])

    assert (await database.write(revert, ADA, TABLE, seq_of(deleted))).left == []

    assert await export(database) == 'City,People\nBergen!,"2,500,000"\nMoss,\nVoss,\n'
    await database.write(revert, ADA, TABLE, seq_of(gone))
    await database.write(editing.delete_rows, ADA, TABLE, added.ids)
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(2, CITY, "Bergen!", "Bergen")])
    assert await export(database) == before


async def test_a_row_deleted_without_the_column_comes_back_with_its_cell_of_it(
    database: Database, table: Followed
) -> None:
    before = await export(database)
    await database.write(delete_column, ADA, TABLE, PEOPLE)
    await database.write(editing.delete_rows, ADA, TABLE, [1])
    await database.write(undo_latest, ADA, TABLE)
    await database.write(undo_latest, ADA, TABLE)
    assert await export(database) == before


async def test_saving_into_a_column_that_was_just_deleted_is_refused_in_words(
    database: Database, table: Followed
) -> None:
    edit = [CellEdit(1, PEOPLE, "1,000,000", "7"), CellEdit(1, CITY, "Oslo", "Oslo!")]
    results = await asyncio.gather(
        database.write(delete_column, ADA, TABLE, PEOPLE),
        database.write(editing.change_cells, EVE, TABLE, edit),
        return_exceptions=True,
    )
    assert isinstance(results[1], NotFound)
    assert "no such column" in str(results[1])
    assert await export(database) == "City\nOslo\nBergen\nMoss\n"  # nothing half saved


async def test_two_people_who_change_columns_at_once_keep_both_changes(database: Database, table: Followed) -> None:
    results = await asyncio.gather(
        database.write(add_column, ADA, TABLE, "Area", "decimal", 2),
        database.write(add_column, EVE, TABLE, "Mayor", "text", 2),
        database.write(move_column, EVE, TABLE, CITY, 1),
        rename(database, "Town"),
    )
    assert {results[0].number, results[1].number} == {3, 4}
    assert sorted(await titles(database)) == ["Area", "Mayor", "People", "Town"]
    assert [column.position for column in (await found(database)).columns] == [0, 1, 2, 3]


async def test_a_change_based_on_an_older_state_is_refused_and_other_properties_are_not(
    database: Database, table: Followed
) -> None:
    await rename(database, "Town", EVE)
    with pytest.raises(ColumnChanged, match="“Town” was changed by somebody else"):
        await rename(database, "Place")
    wanted = {"title": "City", "rules": {"unique": True}}
    result = await database.write(change_column, ADA, TABLE, CITY, seen(), wanted)
    assert (await found(database)).columns[0].title == "Town"
    (entry,) = await entries(database, seq_of(result))
    assert entry == Entry(None, CITY, '{"rules": {}}', '{"rules": {"unique": true}}')
    assert (await database.write(change_column, ADA, TABLE, CITY, seen(), seen())).seq is None


@pytest.mark.parametrize("title", ["", " \u200b ", "people", "x" * 121])
async def test_titles_are_short_one_line_and_differ_regardless_of_case(
    database: Database, table: Followed, title: str
) -> None:
    with pytest.raises(TitleRefused):
        await database.write(add_column, ADA, TABLE, title, "text", 0)
    with pytest.raises(TitleRefused):
        await rename(database, title)
    assert await titles(database) == ["City", "People"]


async def test_a_column_whose_title_was_taken_meanwhile_comes_back_with_a_number(
    database: Database, table: Followed
) -> None:
    deleted = await database.write(delete_column, ADA, TABLE, PEOPLE)
    await database.write(add_column, EVE, TABLE, "People", "text", 1)
    await database.write(revert, ADA, TABLE, seq_of(deleted))
    assert await titles(database) == ["City", "People 2", "People"]


async def test_a_column_that_came_back_with_a_number_has_its_own_title_again_once_all_is_undone(
    database: Database, table: Followed
) -> None:
    before = await state(database)
    deleted = seq_of(await database.write(delete_column, ADA, TABLE, PEOPLE))
    added = seq_of(await database.write(add_column, EVE, TABLE, "People", "text", 1))
    restored = (await database.write(revert, ADA, TABLE, deleted)).seq

    for seq in (restored, added, deleted):
        assert (await database.write(revert, ADA, TABLE, seq)).left == []

    assert await state(database) == before


async def test_undo_leaves_what_somebody_else_did_to_the_column_since(database: Database, table: Followed) -> None:
    await rename(database, "Town")
    await rename(database, "Place", EVE, was="Town")
    assert len((await database.write(undo_latest, ADA, TABLE)).left) == 1
    added = await database.write(add_column, ADA, TABLE, "Area", "text", 2)
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, added.number, "", "of Eve")])
    assert len((await database.write(revert, ADA, TABLE, seq_of(added))).left) == 1  # her text stays
    assert await cell(database, 1, added.number) == "of Eve"
    moved = await database.write(move_column, ADA, TABLE, CITY, 1)
    await database.write(move_column, EVE, TABLE, CITY, 2)
    assert len((await database.write(revert, ADA, TABLE, seq_of(moved))).left) == 1
    assert await titles(database) == ["People", "Area", "Place"]


async def test_redoing_a_deletion_leaves_a_column_only_if_it_has_other_texts_than_when_it_came_back(
    database: Database, table: Followed
) -> None:
    for texts, left in ((["5", "1,000,000"], 0), (["5"], 1)):
        await database.write(delete_column, ADA, TABLE, PEOPLE)
        await database.write(undo_latest, ADA, TABLE)
        for text in texts:
            await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, PEOPLE, None, text)])
        assert len((await database.write(redo_latest, ADA, TABLE)).left) == left
        if not left:
            await database.write(undo_latest, ADA, TABLE)
    assert await cell(database, 1, PEOPLE) == "5"


async def test_a_column_added_beside_a_moved_one_does_not_keep_it_from_moving_back(
    database: Database, table: Followed
) -> None:
    moved = await database.write(move_column, ADA, TABLE, CITY, 1)
    await database.write(add_column, EVE, TABLE, "Area", "text", 1)
    assert (await database.write(revert, ADA, TABLE, seq_of(moved))).left == []
    assert await titles(database) == ["City", "People", "Area"]


async def test_what_is_refused(database: Database, table: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoSuchType):
        await database.write(add_column, ADA, TABLE, "Area", "colour", 0)
    for verb, more in ((delete_column, ()), (move_column, (0,)), (change_column, (seen(), {"title": "x"}))):
        with pytest.raises(NotFound):
            await database.write(verb, ADA, TABLE, 9, *more)
    await database.write(delete_column, ADA, TABLE, CITY)
    with pytest.raises(LastColumn, match="only column"):
        await database.write(delete_column, ADA, TABLE, PEOPLE)
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 3)
    with pytest.raises(UserError, match="it is full"):
        await database.write(add_column, ADA, TABLE, "Area", "text", 0)
    assert (await found(database)).seq == 1


async def test_deleting_a_column_ends_the_change_of_its_type(
    database: Database, table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_changing, "AT_ONCE", 0)
    change = await database.write(change_type, ADA, TABLE, PEOPLE, "text", {})
    assert change is not None
    await database.write(delete_column, ADA, TABLE, PEOPLE)
    async with database.reading() as session:
        assert (await session.get_one(TypeChange, change.id)).state == "cancelled"
        assert list(await session.scalars(select(SpareColumn.storage))) == [change.storage]


@pytest.mark.parametrize("do", [do_add, do_delete])
async def test_the_search_index_is_built_again_with_the_columns_that_are_there(
    database: Database, table: Followed, do: Any
) -> None:
    async def ready(work: UnitOfWork) -> None:
        await work.session.execute(update(Table).values(search_index=SearchIndex.READY))

    await database.write(ready)
    await do_rename(database)
    await do_move(database)
    assert table.tasks == []
    for step in (do(database), database.write(undo_latest, EVE, TABLE), database.write(redo_latest, EVE, TABLE)):
        await step
        assert table.tasks.pop() == ("index_table", str(TABLE))
        assert (await found(database)).search_index == SearchIndex.BUILDING


# -- types --


def begin_index(settings: Settings, ref: TableRef) -> bool:
    """Index the first row, as a build does that goes on in a moment; whether there was none."""
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        search_index._create(connection, ref)
        return search_index._extend(connection, ref, 0, 1) == 1


def is_building(settings: Settings) -> bool:
    return search_name(TABLE, building=True) in relations(settings.data_dir / "rowcast.db")


@pytest.mark.sqlite  # elsewhere it is no half of a table: see `tests/rowstore/postgresql/test_search_index.py`
async def test_an_index_being_built_is_given_up_where_cells_are_stored_elsewhere(
    database: Database, table: Followed, settings: Settings
) -> None:
    """It would not have what is stored there, and the next edit of such a cell could not take it out again."""

    async def keep_a_text() -> None:
        await database.write(editing.change_cells, EVE, TABLE, [CellEdit(3, PEOPLE, "", "few", keeps_text=True)])

    async def change() -> None:
        await database.write(change_type, ADA, TABLE, PEOPLE, "text", {})

    async def change_back() -> None:
        await database.write(undo_latest, ADA, TABLE)

    for act in (keep_a_text, change, change_back):
        begin_index(settings, (await found(database)).ref)
        assert is_building(settings)
        await act()
        assert not is_building(settings), act


async def test_undoing_a_change_of_type_takes_the_stored_column_back_with_all_that_changed_since(
    database: Database, table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.write(change_type, ADA, TABLE, PEOPLE, "text", {})
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, PEOPLE, "1,000,000", "many")])
    await database.write(editing.add_rows, EVE, TABLE, [{CITY: "Voss", PEOPLE: "14,000"}])
    gone = await database.write(editing.delete_rows, EVE, TABLE, [2])
    await database.write(revert, EVE, TABLE, seq_of(gone))
    before = await export(database)
    monkeypatch.setattr("webapp.models.tables.column_reversal.AT_ONCE", 0)  # nothing is converted from the beginning

    assert (await database.write(undo_latest, ADA, TABLE)).left == []

    column = (await found(database)).columns[1]
    assert (column.type, column.storage, column.keeps_texts) == ("integer", PEOPLE, True)
    assert await export(database) == before
    assert (await database.write(redo_latest, ADA, TABLE)).left == []
    assert (await found(database)).columns[1].storage == 3
    assert await export(database) == before


async def test_without_the_stored_column_the_rows_are_converted_again(
    database: Database, table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await export(database)
    await database.write(change_type, ADA, TABLE, PEOPLE, "text", {})
    async with database.reading() as session:
        spare_id = (await session.scalars(select(SpareColumn.id))).one()
    while await database.write(empty_spare_column, spare_id):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("webapp.models.tables.column_reversal.AT_ONCE", 0)
        with pytest.raises(TypeNotUndoable, match="Change the type on the column's page"):
            await database.write(undo_latest, ADA, TABLE)
    assert (await database.write(undo_latest, ADA, TABLE)).left == []
    assert (await found(database)).columns[1].type == "integer"
    assert await export(database) == before


async def test_cells_changed_while_a_type_is_converted_are_converted_too(
    database: Database, table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_changing, "AT_ONCE", 0)
    change = await database.write(change_type, ADA, TABLE, PEOPLE, "text", {})
    assert change is not None
    ref = (await found(database)).ref
    source = ref.fields[1]

    async def convert(work: UnitOfWork) -> Any:
        """As the child process does."""
        made = await work.session.get_one(TypeChange, change.id)

        def run(rows: Any) -> int:
            return int(rows.convert(ref, source, made.target(source), 0, 10).last_row)

        made.last_row = await within(work, run)

    await database.write(convert)
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, PEOPLE, "1,000,000", "3")])
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(2, PEOPLE, "2,500,000", "many", True)])
    gone = await database.write(editing.delete_rows, EVE, TABLE, [3])
    await database.write(revert, EVE, TABLE, seq_of(gone))
    before = await export(database)
    compared = await create_store(database).read(lambda rows: rows.compare(ref, source, change.target(source), 0, 3), 5)
    assert compared.rows  # what the child process sees in between

    await database.write(type_changing.finish_type_change, change.id, compared)

    assert (await found(database)).columns[1].type == "text"
    assert await export(database) == before
    async with database.reading() as session:
        assert (await session.get_one(TypeChange, change.id)).state == "done"


# -- rules --


async def refusals(database: Database, *edits: CellEdit) -> list[str]:
    return [refusal.reason for refusal in (await database.write(editing.change_cells, ADA, TABLE, edits)).refusals]


async def test_a_required_column_takes_no_empty_cell_from_an_edit(database: Database, table: Followed) -> None:
    await with_rules(database, CITY, required=True)
    assert await refusals(database, CellEdit(1, CITY, "Oslo", "")) == ["This column needs a text in every row."]
    with pytest.raises(CellsRefused, match="City: This column needs a text"):
        await database.write(editing.add_rows, ADA, TABLE, [{PEOPLE: "5"}])
    assert (await database.write(editing.add_rows, ADA, TABLE, [{}])).ids == [4]  # to be filled in


async def test_a_column_with_choices_takes_only_these(database: Database, table: Followed) -> None:
    await with_rules(database, PEOPLE, choices=["5", "7000", "7,000", "5", ""])
    assert await refusals(database, CellEdit(1, PEOPLE, None, "6")) == ["This column takes only: 5, 7,000."]
    assert await refusals(database, CellEdit(1, PEOPLE, None, "x", True)) == ["This column takes only: 5, 7,000."]
    assert await refusals(database, CellEdit(1, PEOPLE, None, "7000"), CellEdit(2, PEOPLE, None, "")) == []
    assert await cell(database, 1, PEOPLE) == "7,000"
    with pytest.raises(RulesRefused, match="“many” is no choice for this column"):
        await database.write(
            change_column, ADA, TABLE, PEOPLE, {"rules": {"choices": ["5", "7,000"]}}, {"rules": {"choices": ["many"]}}
        )
    with pytest.raises(RulesRefused):
        await with_rules(database, CITY, choices=[str(number) for number in range(501)])


async def test_a_unique_column_takes_no_text_twice(database: Database, table: Followed) -> None:
    await with_rules(database, CITY, unique=True)
    (reason,) = await refusals(database, CellEdit(1, CITY, "Oslo", "Moss"))
    assert reason == "“Moss” is in row 3 already, and no two cells of this column may have the same text."
    twice = await refusals(database, CellEdit(1, CITY, "Oslo", "Voss"), CellEdit(2, CITY, "Bergen", "Voss"))
    assert twice == ["“Voss” is in row 1 already, and no two cells of this column may have the same text."]
    assert await refusals(database, CellEdit(2, CITY, "Bergen", "Bergen")) == []
    assert await refusals(database, CellEdit(2, CITY, "Bergen", ""), CellEdit(3, CITY, "Moss", "")) == []
    with pytest.raises(CellsRefused, match="is there twice"):
        await database.write(editing.add_rows, ADA, TABLE, [{CITY: "Rena"}, {CITY: "Rena"}])
    with pytest.raises(CellsRefused, match="in row 1 already"):
        await database.write(editing.add_rows, ADA, TABLE, [{PEOPLE: "1"}, {CITY: "Voss"}])
    (copy,) = (await database.write(editing.duplicate_rows, ADA, TABLE, [1])).ids
    assert (await cell(database, copy, CITY), await cell(database, copy, PEOPLE)) == ("", "1,000,000")


async def test_a_copy_without_a_unique_text_has_the_word_for_empty_cells_and_can_be_undone(
    database: Database, table: Followed
) -> None:
    await database.write(change_type, ADA, TABLE, PEOPLE, "integer", INTEGER | {"null": "NA"})
    await with_rules(database, PEOPLE, unique=True)
    before = await export(database)

    copied = await database.write(editing.duplicate_rows, EVE, TABLE, [1])

    (row_id,) = copied.ids
    (entry,) = await entries(database, seq_of(copied))
    assert cells_from_json(entry.after or "") == {CITY: "Oslo", PEOPLE: "NA"}
    assert await cell(database, row_id, PEOPLE) == "NA"
    assert (await database.write(undo_latest, EVE, TABLE)).left == []
    assert await export(database) == before


async def test_rows_that_a_paste_adds_keep_to_the_rules_as_others_do(database: Database, table: Followed) -> None:
    """What is missing or does not fit is reported, also in columns that the paste does not reach."""
    await with_rules(database, CITY, required=True, unique=True)
    await with_rules(database, PEOPLE, required=True, choices=["1", "2"])

    pasted = await database.write(paste, EVE, TABLE, Paste([["Rena"], ["Oslo"], ["Rena"], [""]], [], [CITY]))

    rena, oslo, again, empty = pasted.added
    assert [(refusal.edit.row_id, refusal.edit.column) for refusal in pasted.refusals] == [
        (rena, PEOPLE),
        (oslo, PEOPLE),
        (again, PEOPLE),
        (oslo, CITY),
        (again, CITY),
    ]
    assert [await cell(database, row_id, CITY) for row_id in (rena, oslo, again, empty)] == ["Rena", "", "", ""]


def _limit(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)


async def test_any_number_of_texts_is_compared_with_those_of_a_unique_column(
    database: Database, table: Followed
) -> None:
    """More than a statement has parameters in SQLite as its authors build it."""

    async def limit(work: UnitOfWork) -> None:
        await work.run(_limit)

    await database.write(limit)
    await with_rules(database, CITY, unique=True)
    many = [["Oslo"], *([f"City {number}"] for number in range(40_000)), ["City 7"]]

    pasted = await database.write(paste, EVE, TABLE, Paste(many, [], [CITY]))

    assert [refusal.edit.text for refusal in pasted.refusals] == ["Oslo", "City 7"]
    assert len(pasted.added) == 40_002


async def test_rules_never_judge_what_is_there_or_what_an_undo_brings_back(database: Database, table: Followed) -> None:
    await database.write(editing.change_cells, EVE, TABLE, [CellEdit(1, CITY, "Oslo", "Moss")])
    await with_rules(database, CITY, required=True, unique=True, choices=["Moss"])
    assert await refusals(database, CellEdit(1, CITY, "Moss", "Moss")) == []
    assert (await database.write(undo_latest, EVE, TABLE)).left == []
    assert await cell(database, 1, CITY) == "Oslo"


async def test_a_deleted_column_is_kept_in_the_database(database: Database, table: Followed) -> None:
    await database.write(delete_column, ADA, TABLE, PEOPLE)
    async with database.reading() as session:
        (deleted,) = await session.scalars(select(Column).where(Column.deleted_at.is_not(None)))
    assert deleted.number == PEOPLE


async def test_an_index_of_other_columns_than_there_are_now_is_not_used(database: Database, table: Followed) -> None:
    built_of = (await found(database)).ref
    await database.write(add_column, ADA, TABLE, "Area", "text", 2)
    assert not await database.write(finish_search_index, built_of, is_built=True)
    assert (await found(database)).search_index == SearchIndex.NONE
    assert await database.write(finish_search_index, (await found(database)).ref, is_built=True)
    assert (await found(database)).search_index == SearchIndex.READY


# -- all together --


class Hands:
    """Two people who do to a table whatever chance says."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.random, self.titles = database, Random(seed), count(1)

    async def act(self) -> None:
        table = await found(self.database)
        steps = (self.add, self.rename, self.move, self.delete, self.retype, *[self.edit] * 3, self.rows, self.undo)
        with suppress(UserError):  # such as “nothing to undo”, and the last column
            await self.random.choice(steps)(self.random.choice([ADA, EVE]), table)

    async def add(self, actor: Actor, table: Table) -> None:
        type_, place = self.random.choice(["text", "integer", "date"]), self.random.randint(0, 4)
        await self.database.write(add_column, actor, TABLE, f"new {next(self.titles)}", type_, place)

    async def rename(self, actor: Actor, table: Table) -> None:
        column = self.random.choice(table.columns)
        wanted = {"title": f"title {next(self.titles)}", "rules": self.random.choice([{}, {"unique": True}])}
        seen = {"title": column.title, "rules": column.rules}
        await self.database.write(change_column, actor, TABLE, column.number, seen, wanted)

    async def move(self, actor: Actor, table: Table) -> None:
        number = self.random.choice(table.columns).number
        await self.database.write(move_column, actor, TABLE, number, self.random.randint(0, 4))

    async def delete(self, actor: Actor, table: Table) -> None:
        await self.database.write(delete_column, actor, TABLE, self.random.choice(table.columns).number)

    async def retype(self, actor: Actor, table: Table) -> None:
        type_, format = self.random.choice([("text", {}), ("integer", {}), ("integer", {"group": ","})])
        await self.database.write(change_type, actor, TABLE, self.random.choice(table.columns).number, type_, format)

    async def edit(self, actor: Actor, table: Table) -> None:
        number, row = self.random.choice(table.columns).number, self.random.randint(1, 6)
        text = self.random.choice(["", "7", "1,000", "x", "\0"])
        await self.database.write(editing.change_cells, actor, TABLE, [CellEdit(row, number, None, text, True)])

    async def rows(self, actor: Actor, table: Table) -> None:
        if self.random.random() < 0.5:
            await self.database.write(editing.delete_rows, actor, TABLE, [self.random.randint(1, 6)])
        else:
            cells = {column.number: str(self.random.randint(0, 9)) for column in table.columns[:2]}
            keeps_text = [column.number for column in table.columns]
            await self.database.write(editing.add_rows, actor, TABLE, [cells], keeps_text=keeps_text)

    async def undo(self, actor: Actor, table: Table) -> None:
        await self.database.write(self.random.choice([undo_latest, redo_latest]), actor, TABLE)


@pytest.mark.parametrize("seed", [*range(6), 107, 116])
async def test_whatever_was_done_taking_all_of_it_back_gives_the_import_byte_for_byte(
    database: Database, table: Followed, seed: int
) -> None:
    before, hands = await state(database), Hands(database, seed)
    for _ in range(40):
        await hands.act()
    made = (await found(database)).seq
    assert made > 15
    for seq in range(made, 0, -1):
        with suppress(NotUndoable):  # taken back already
            assert (await database.write(revert, ADA, TABLE, seq)).left == []
    assert await state(database) == before
