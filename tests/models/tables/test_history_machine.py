"""Several people change one table in any order: it always equals the replay of its log, undoing all of it gives the
import back, byte for byte, its search index has what its rows have, and each open page gets the log without a gap.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from tests.conftest import make_settings
from tests.database import connect, relations, row_writer
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.errors import DatabaseBusy, UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Action, Actor, ChangeSet, LargeChange, LargeState, Table, User, utc_now
from webapp.models.errors import NotAllowed
from webapp.models.tables import change_set, editing, large_changing, large_steps, pasting
from webapp.models.tables import columns as column_verbs
from webapp.models.tables.access import TableAccess, find_access
from webapp.models.tables.change_set import Entry, Kind, SetState, Via, cells_from_json, cells_to_json, entries_of
from webapp.models.tables.column_properties import properties_from
from webapp.models.tables.editing import CellEdit, with_deleted_columns
from webapp.models.tables.large_change import ENDED
from webapp.models.tables.large_columns import NewColumn
from webapp.models.tables.log_pruning import prune_until
from webapp.models.tables.renaming import rename_table
from webapp.models.tables.search_indexing import finish_search_index
from webapp.models.tables.type_changing import change_type
from webapp.models.tables.undo import UndoBegun, UndoResult, redo_latest, revert, undo_latest
from webapp.planners.plan import PlanInput
from webapp.planners.undo import plan_undo
from webapp.rowstore import create_store, open_loader, open_reader
from webapp.rowstore import entries as entry_lists
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import large_changes
from webapp.rowstore.sqlite import search_index
from webapp.rowstore.sqlite.schema import search_name
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange
from webapp.tables.table_stream import Cursor, TableSubject
from webapp.types import NULL, TYPES, Format

ADA = Actor(1, "ada@example.org", "ada", "owner")
EVE = Actor(2, "eve@example.org", "eve", "member")
GUS = Actor(3, "gus@example.org", "gus", "guest")
PEOPLE = (ADA, EVE, GUS)
TABLE = 1
# The last two columns keep texts from the beginning; `NA` is what the third and the last write for nothing.
COLUMNS = {"City": "text", "People": "integer", "Score": "integer", "Rate": "decimal", "Grade": "integer"}
ROWS = [
    ("Oslo", "1,000,000", "NA", "1.50", "NA"),
    ("Bergen", "2,500,000", "7", "22.25", "1"),
    ("Moss", "", "8", "", "2"),
    ("", "3,000", "NA", "0.75", "3"),
]
COLUMNS_NUMBERED = range(1, len(COLUMNS) + 1)
RATE, GRADE = 4, 5
EMPTY = {1: "", 2: "", 3: "NA", 4: "", 5: "NA"}
TYPES_TRIED = ("text", "integer", "decimal", "boolean")
RULES: list[dict[str, Any]] = [{}, {"required": True}, {"unique": True}, {"choices": ["7", "Oslo"]}]
FORMATS: dict[str, Format] = {"Score": {NULL: "NA"}, "Rate": {"style": "fixed", "scale": 2}, "Grade": {NULL: "NA"}}
KEPT = {(1, RATE): "<5", (3, RATE): "n/a", (2, GRADE): "", (4, GRADE): "-"}
TEXTS = ("", "NA", "0", "7", "007", "1,234", "12345", "Oslo", "a\0b\u2400c\u241b", "<5", "1.5", "1e3", " 8 ", "=1+1")

# Three letters, as the search index has them, each in one cell or another.
NEEDLES = ("osl", "erg", "mos", "234", "500", "345", "007", "1e3", "1+1", "<5".ljust(3), "n/a", " 8 ", "00,")
PAGES = 3

Cells = dict[int, dict[int, str]]  # the texts of each row by column


@dataclass(frozen=True)
class State:
    """The texts of all rows, also in deleted columns; the columns that are shown; what each has for nothing."""

    rows: Cells
    shown: frozenset[int]
    empty: Mapping[int, str]

    @property
    def visible(self) -> Cells:
        return {row_id: {number: row[number] for number in self.shown} for row_id, row in self.rows.items()}


def replay(before: State, entries: Iterable[Entry]) -> State:
    """What the table is after these changes. An entry that does not fit what is there is a fault."""
    rows, shown, empty = {row_id: dict(row) for row_id, row in before.rows.items()}, set(before.shown), {**before.empty}
    for entry in entries:
        row_id, column = entry.place
        if entry.is_cell:
            assert rows[row_id][column] == entry.before
            rows[row_id][column] = entry.after or ""
        elif entry.is_row and entry.after is not None:
            assert row_id not in rows
            rows[row_id] = empty | cells_from_json(entry.after)
        elif entry.is_row:
            assert rows.pop(row_id) == empty | cells_from_json(entry.before or "")
        elif entry.is_column:
            replay_column(column, entry, rows, shown, empty)
    return State(rows, frozenset(shown), empty)


def replay_rows(before: Cells, entries: Iterable[Entry]) -> Cells:
    """The rows after changes that are none of columns, which have no word for nothing."""
    columns = {column for row in before.values() for column in row}
    return replay(State(before, frozenset(columns), dict.fromkeys(columns, "")), entries).rows


def replay_column(column: int, entry: Entry, rows: Cells, shown: set[int], empty: dict[int, str]) -> None:
    before, after = properties_from(entry.before), properties_from(entry.after)
    assert (before is None) is (column not in shown)
    if before is None and column not in empty:
        for row in rows.values():
            row[column] = ""
    (shown.discard if after is None else shown.add)(column)
    if after is not None and "format" in after:
        empty[column] = after["format"].get(NULL, "")


def add_world(folder: Path) -> None:
    """Ada's table, which Eve and Gus may edit."""
    asyncio.run(_add_people(folder))
    add_table(folder, COLUMNS, ROWS, formats=FORMATS)
    with closing(connect(folder / "rowcast.db")) as connection:
        writer = row_writer(connection)
        kept = {
            number: writer.keep_texts(TABLE, Field(number, title, COLUMNS[title], FORMATS[title]))
            for number, title in ((RATE, "Rate"), (GRADE, "Grade"))
        }
        changes = [
            CellChange(row_id, kept[number], ROWS[row_id - 1][number - 1], text)
            for (row_id, number), text in KEPT.items()
        ]
        assert not writer.apply(TableRef(TABLE, tuple(kept.values())), changes).conflicts
        connection.execute("UPDATE columns SET keeps_texts = true WHERE number IN (?, ?)", (RATE, GRADE))
        for person in (EVE, GUS):
            connection.execute(
                "INSERT INTO table_members (table_id, user_id, role, added_at)"
                " VALUES (?, ?, 'editor', '2026-11-22 12:00:00')",
                (TABLE, person.id),
            )
        stored = connection.execute("SELECT number, title, type, format, keeps_texts, storage FROM columns ORDER BY 1")
        fields = tuple(
            Field(number, title, type, json.loads(format), bool(keeps), storage)
            for number, title, type, format, keeps, storage in stored
        )
        with open_loader(str(folder / "rowcast.db")) as loader:
            assert loader.index_search(TableRef(TABLE, fields), lambda done, of: None)
        connection.execute("UPDATE tables SET search_index = 'ready'")


async def _add_people(folder: Path) -> None:
    async def add(work: UnitOfWork) -> None:
        for person in PEOPLE:
            work.session.add(
                User(id=person.id, email=person.email, name=person.name, password_hash="x", role=person.role)
            )

    database = Database(make_settings(folder))
    await database.open()
    await database.write(add)
    await database.close()


def parse_message(message: bytes) -> dict[str, str]:
    """Its fields."""
    return dict(line.split(": ", 1) for line in message.decode().splitlines() if line)


people = st.sampled_from(PEOPLE)
texts = st.sampled_from(TEXTS)
columns = st.integers(1, len(COLUMNS) + 2)  # some of them are not there, or not yet
places = st.integers(0, 6)
titles = st.sampled_from(["City", "Town", "Score", "Rank"])
rows = st.integers(1, 9)  # some of them are not there, or not yet


class History(RuleBasedStateMachine):
    """`states` has the rows after each change set, from the import on."""

    max_listed = 1_000

    def __init__(self, world: Path, folder: Path) -> None:
        super().__init__()
        self.folder = shutil.copytree(world, folder)
        self.runner = asyncio.Runner()
        self.database = Database(make_settings(folder))
        self.run(self.database.open())
        self.imported = self.export()
        self.states = [State(self.cells(), frozenset(range(1, len(COLUMNS) + 1)), dict(EMPTY))]
        self.building: tuple[TableRef, int] | None = None
        self.subject = TableSubject(TABLE, self.database)
        self.pages = [Cursor(0)] * PAGES

    def run(self, doing: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await doing

        return self.runner.run(wait())

    def write(self, verb: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """None if it was refused in words."""
        try:
            return self.run(self.database.write(verb, *args, **kwargs))
        except DatabaseBusy:
            raise
        except UserError:
            return None

    # --- what people do ---

    @rule(actor=people, row=rows, column=columns, text=texts, keeps_text=st.booleans(), has_seen=st.booleans())
    def edit(self, actor: Actor, row: int, column: int, text: str, keeps_text: bool, has_seen: bool) -> None:
        seen = self.states[-1].rows.get(row, {}).get(column, "") if has_seen else None
        self.write(editing.change_cells, actor, TABLE, [CellEdit(row, column, seen, text, keeps_text)])

    @rule(actor=people, edits=st.lists(st.tuples(rows, columns, texts, st.none() | texts), min_size=2, max_size=4))
    def edit_many(self, actor: Actor, edits: list[tuple[int, int, str, str | None]]) -> None:
        """Also one cell twice, and texts that were never there."""
        asked = [CellEdit(row, column, seen, text, keeps_text=True) for row, column, text, seen in edits]
        self.write(editing.change_cells, actor, TABLE, asked)

    @rule(actor=people, block=st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=3), at=rows)
    def paste(self, actor: Actor, block: list[list[str]], at: int) -> None:
        """Beyond the last row, too."""
        there = [row for row in sorted(self.states[-1].rows) if row >= at]
        numbers = [field.number for field in self.table().ref.fields]
        self.write(pasting.paste, actor, TABLE, pasting.Paste(block, there, numbers))

    @rule(actor=people, cells=st.lists(st.dictionaries(columns, texts), min_size=1, max_size=2))
    def add(self, actor: Actor, cells: list[dict[int, str]]) -> None:
        self.write(editing.add_rows, actor, TABLE, cells, keeps_text=range(1, 100))

    @rule(actor=people, ids=st.lists(rows, min_size=1, max_size=2))
    def duplicate(self, actor: Actor, ids: list[int]) -> None:
        self.write(editing.duplicate_rows, actor, TABLE, ids)

    @rule(actor=people, ids=st.lists(rows, min_size=1, max_size=3))
    def delete(self, actor: Actor, ids: list[int]) -> None:
        self.write(editing.delete_rows, actor, TABLE, ids)

    @rule(actor=people, title=st.sampled_from(["Towns", "Planets", "Places"]))
    def rename(self, actor: Actor, title: str) -> None:
        if actor is ADA:
            self.write(rename_table, actor, TABLE, title)

    @rule(actor=people)
    def step_back(self, actor: Actor) -> None:
        self.ensure_counted(self.write(undo_latest, actor, TABLE))

    @rule(actor=people)
    def step_forward(self, actor: Actor) -> None:
        self.ensure_counted(self.write(redo_latest, actor, TABLE))

    @precondition(lambda self: len(self.states) > 1)
    @rule(actor=people, data=st.data())
    def take_back(self, actor: Actor, data: st.DataObject) -> None:
        seq = data.draw(st.integers(1, len(self.states) - 1))
        with suppress(NotAllowed):  # a title is the owner's
            self.ensure_counted(self.write(revert, actor, TABLE, seq))

    @rule(actor=people, title=titles, type=st.sampled_from(TYPES_TRIED), place=places)
    def add_column(self, actor: Actor, title: str, type: str, place: int) -> None:
        self.write(column_verbs.add_column, actor, TABLE, title, type, place)

    @rule(actor=people, column=columns)
    def delete_column(self, actor: Actor, column: int) -> None:
        self.write(column_verbs.delete_column, actor, TABLE, column)

    @rule(actor=people, column=columns, place=places)
    def move_column(self, actor: Actor, column: int, place: int) -> None:
        self.write(column_verbs.move_column, actor, TABLE, column, place)

    @rule(actor=people, column=columns, title=titles, rules=st.sampled_from(RULES))
    def change_column(self, actor: Actor, column: int, title: str, rules: dict[str, Any]) -> None:
        for one in self.table().columns:
            if one.number == column:
                seen = {"title": one.title, "rules": dict(one.rules)}
                wanted = {"title": title, "rules": rules}
                self.write(column_verbs.change_column, actor, TABLE, column, seen, wanted)

    @rule(actor=people, column=columns, type=st.sampled_from(TYPES_TRIED), null=st.sampled_from(["", "NA"]))
    def change_type(self, actor: Actor, column: int, type: str, null: str) -> None:
        format = TYPES[type].default_format | ({NULL: null} if null else {})
        self.write(change_type, actor, TABLE, column, type, format)

    # --- what the server does ---

    @precondition(lambda self: self.building is None)
    @rule()
    def begin_index(self) -> None:
        """Where there is none, or none any more."""
        ref = self.table().ref
        with closing(self.connect()) as connection:
            if not self.indexes(connection):
                search_index._create(connection, ref)
                self.building = ref, 0

    @precondition(lambda self: self.building is not None)
    @rule(chunk=st.integers(1, 4))
    def extend_index(self, chunk: int) -> None:
        assert self.building is not None
        ref, done = self.building
        with closing(self.connect()) as connection:
            if search_name(TABLE, building=True) not in self.indexes(connection):
                self.building = None  # dropped, since the columns are others
            elif done < max(self.states[-1].rows, default=0):
                self.building = ref, search_index._extend(connection, ref, done, chunk)
            else:
                search_index._finish(connection, TABLE)
                self.building = None
                self.write(finish_search_index, ref, is_built=True)

    @rule()
    def look(self) -> None:
        self.run(self._look())

    async def _look(self) -> None:
        self.subject.tick()
        self.subject.take(await self.database.read(self.subject.read))

    @rule(page=st.integers(0, PAGES - 1))
    def receive(self, page: int) -> None:
        """What the page has, and what it gets, are all up to what the server has seen, once and in order."""
        self.follow()
        cursor = self.pages[page]
        delivery = self.run(self.subject.deliver(None, cursor))
        messages = [one for one in map(parse_message, delivery.data.split(b"\n\n")) if "id" in one]
        got = [int(one["id"]) for one in messages]
        is_refresh = any(one.get("event") == "refresh" for one in messages)
        after, now = cursor.seq or 0, delivery.cursor.seq or 0
        if is_refresh and cursor.growing is not None:
            assert got == [now]
            assert cursor.growing != delivery.cursor.growing
        elif is_refresh:
            assert got == [now]
            assert after > now or after + 1 < self.table().log_from
        else:
            assert got == list(range(after + 1, now + 1))
            for one in messages:
                self.ensure_told(int(one["id"]), json.loads(one["data"]))
        self.pages[page] = delivery.cursor

    def ensure_told(self, seq: int, told: dict[str, Any]) -> None:
        if seq < self.table().log_from:
            return
        entries = self.entries(seq)
        if len(entries) > self.max_listed or self.is_in_parts(seq):
            assert "cells" not in told
            assert told.get("count") or told.get("extent") or told.get("columns") or not entries
            return
        assert told.get("added", []) == [entry.row_id for entry in entries if entry.is_row and entry.after is not None]
        assert told.get("deleted", []) == [entry.row_id for entry in entries if entry.is_row and entry.after is None]
        assert told.get("columns", []) == [entry.column for entry in entries if entry.is_column]
        places = {(entry.row_id, entry.column) for entry in entries if entry.is_cell}
        assert {(row, column) for row, column, *_ in told.get("cells", [])} <= places

    def is_in_parts(self, seq: int) -> bool:
        return any(one.seq == seq and (one.parts or one.state) for one in self.sets())

    # --- what is always true ---

    @invariant()
    def the_table_is_the_replay_of_its_log(self) -> None:
        self.follow()
        assert self.cells() == self.states[-1].visible

    @invariant()
    def the_search_index_has_what_the_rows_have(self) -> None:
        """One that is being built has it as far as it has come."""
        with closing(self.connect()) as connection:
            for name in self.indexes(connection):
                last = self.building[1] if self.building and name.endswith("_building") else 1_000_000
                for needle in NEEDLES:
                    found = connection.execute(f"SELECT rowid FROM {name} WHERE {name} MATCH ?", (f'"{needle}"',))
                    has = self.rows_with(needle)
                    assert sorted(row_id for (row_id,) in found) == [row_id for row_id in has if row_id <= last]

    @invariant()
    def its_sets_are_numbered_without_gaps_and_its_rows_are_counted(self) -> None:
        self.follow()
        table, sets = self.table(), self.sets()
        assert [one.seq for one in sets] == [*range(table.log_from, table.seq + 1)]
        assert table.row_count == len(self.states[-1].rows)
        for one in sets:
            if one.state == SetState.GROWING:
                continue
            named = {entry.column for entry in self.entries(one.seq) if entry.column is not None}
            assert self.is_named(one, named)

    def is_named(self, one: ChangeSet, named: set[int]) -> bool:
        """Whether the set says which columns its entries name."""
        return one.columns == ",".join(map(str, sorted(named)))

    @invariant()
    def a_set_that_was_taken_back_names_one_that_is_in_force(self) -> None:
        sets = {one.seq: one for one in self.sets()}
        for one in sets.values():
            assert one.undone_by is None or sets[one.undone_by].undone_by is None

    def teardown(self) -> None:
        try:
            self.follow()
            self.take_everything_back()
        finally:
            self.run(self.database.close())
            self.runner.close()

    def take_everything_back(self) -> None:
        """Taking back each set, the newest first, leaves nothing of them."""
        first = self.table().log_from
        for seq in reversed(range(first, len(self.states))):
            self.take_all_back(seq)
            assert self.cells() == self.states[seq - 1].visible
        assert first > 1 or self.export() == self.imported

    def take_all_back(self, seq: int) -> None:
        result = self.run(self.database.write(revert, ADA, TABLE, seq))
        assert (result.done, result.left) == (result.total, [])

    # --- looking ---

    def follow(self) -> None:
        """Each prefix of the log is a state that was."""
        for seq in range(len(self.states), self.table().seq + 1):
            self.states.append(replay(self.states[-1], self.entries(seq)))

    def ensure_counted(self, result: UndoResult | UndoBegun | None) -> None:
        assert not isinstance(result, UndoBegun)
        assert result is None or result.done + len(result.left) == result.total

    def connect(self) -> sqlite3.Connection:
        return connect(self.folder / "rowcast.db")

    def indexes(self, connection: sqlite3.Connection) -> set[str]:
        return {search_name(TABLE), search_name(TABLE, building=True)} & set(relations(self.folder / "rowcast.db"))

    def rows_with(self, needle: str) -> list[int]:
        """As people see the cells: the word for an empty one is not shown."""
        state = self.states[-1]
        return sorted(
            row_id
            for row_id, row in state.visible.items()
            if any(needle in text.lower() for number, text in row.items() if text != state.empty[number])
        )

    def table(self) -> Table:
        return self.run(find_access(self.database, ADA, TABLE)).table

    def sets(self) -> list[ChangeSet]:
        async def read() -> list[ChangeSet]:
            async with self.database.reading() as session:
                return list(await session.scalars(select(ChangeSet).order_by(ChangeSet.seq)))

        return self.run(read())

    def entries(self, seq: int) -> list[Entry]:
        return self.run(self.database.read(lambda connection: entries_of(connection, TABLE, seq)))

    def cells(self) -> Cells:
        ref = self.table().ref
        found = self.run(
            create_store(self.database).read(lambda rows: rows.cells(ref, range(1, 2_000), ref.fields), 60)
        )
        numbers = [field.number for field in ref.fields]
        return {row_id: dict(zip(numbers, row, strict=True)) for row_id, row in found.items()}

    def export(self) -> bytes:
        ref = self.table().ref
        query = TableQuery.of(ref.fields)
        return self.run(create_store(self.database).read(lambda rows: b"".join(rows.export(ref, query)), 60))


class LargeHistory(History):
    """Sets of three entries are large already, and stored as such."""

    max_listed = 2


class LargeChangesHistory(History):
    """Large changes are applied in small parts between what people do, cancelled in the middle and undone later. Each
    step is a new runner, as if the one before had been killed.
    """

    running: LargeChange | None = None
    # Others have these; without them there are more large changes in as many steps.
    rename = paste = move_column = change_column = duplicate = edit_many = None  # type: ignore[assignment]

    @precondition(lambda self: self.running is None)
    @rule(actor=people, text=texts, column=st.integers(1, len(COLUMNS)))
    def set_column(self, actor: Actor, text: str, column: int) -> None:
        cells = {row_id: row[column] for row_id, row in self.states[-1].rows.items() if column in row}
        self.begin(actor, [Entry(row_id, column, now, text) for row_id, now in cells.items() if now != text])

    @precondition(lambda self: self.running is None)
    @rule(actor=people, text=texts, data=st.data())
    def change_all_kinds(self, actor: Actor, text: str, data: st.DataObject) -> None:
        """Some rows go, others come, and cells of the rest change."""
        there = self.states[-1].rows
        gone = set(data.draw(st.lists(st.sampled_from(sorted(there)), max_size=3))) if there else set()
        entries = [Entry(row_id, None, cells_to_json(there[row_id]), None) for row_id in sorted(gone)]
        new = [dict.fromkeys(COLUMNS_NUMBERED, text), {1: text}, {}]
        entries += [Entry(-number, None, None, cells_to_json(row)) for number, row in enumerate(new, 1)]
        for row_id in sorted(there.keys() - gone):
            entries += [Entry(row_id, n, now, text) for n, now in there[row_id].items() if n < 3 and now != text]
        self.begin(actor, entries, Kind.IMPORT_UPDATE)

    @precondition(lambda self: self.running is None)
    @rule(actor=people, text=texts, title=titles, behind=columns)
    def fill_new_columns(self, actor: Actor, text: str, title: str, behind: int) -> None:
        """Two columns come with the change, also in a row of its own."""
        new = [NewColumn(-1, title, behind=behind), NewColumn(-2, title, behind=-1)]
        entries = [Entry(-1, None, None, cells_to_json({1: text, -1: text}))]
        entries += [Entry(row_id, -1, "", text) for row_id in self.states[-1].rows if text]
        self.begin(actor, entries, Kind.IMPORT_UPDATE, new)

    @precondition(lambda self: self.running is not None)
    @rule(parts=st.integers(1, 2))
    def go_on(self, parts: int) -> None:
        self.work(parts)

    @precondition(lambda self: self.running is not None and self.running.parts_done > 0)
    @rule(actor=people, data=st.data(), text=texts, there_and_back=st.booleans())
    def edit_meanwhile(self, actor: Actor, data: st.DataObject, text: str, there_and_back: bool) -> None:
        """A cell that is changed, or will be; perhaps so that it holds again what the plan expects."""
        rows = self.states[-1].visible
        if rows and (row_id := data.draw(st.sampled_from(sorted(rows)))) and rows[row_id]:
            column = data.draw(st.sampled_from(sorted(rows[row_id])))
            for wanted in (text, rows[row_id][column]) if there_and_back else (text,):
                self.write(editing.change_cells, actor, TABLE, [CellEdit(row_id, column, None, wanted, True)])

    @precondition(lambda self: self.running is not None and self.running.parts_done > 0)
    @rule()
    def cancel(self) -> None:
        assert self.running is not None
        owner = next(one for one in PEOPLE if one.id == self.running.user_id)
        self.run(self.database.write(large_changing.cancel, owner, TABLE, self.running.id))
        self.refresh()

    def begin(
        self, actor: Actor, entries: list[Entry], kind: Kind = Kind.CELLS, new_columns: Sequence[NewColumn] = ()
    ) -> None:
        arguments = {"number": len(self.states)}
        planned = large_changing.Planned("test", arguments, kind, Via.PAGE, new_columns=new_columns)
        change = self.write(large_changing.begin, actor, TABLE, planned)

        def batches() -> Generator[list[Entry], None, dict[str, Any]]:
            yield entries
            return {}

        if change is not None:
            self.plan(change.id, lambda reader: batches())

    def plan(self, change_id: int, planner: Callable[[PlanInput], Any]) -> None:
        ref = self.run(self.database.read(self.ref_with_deleted_columns))
        address, change = str(self.folder / "rowcast.db"), self.find(change_id)
        with open_loader(address) as loader, open_reader(address) as reader:
            loader.write_plan(change_id, planner(PlanInput(ref, change.arguments, reader, ignore)), ignore)
        self.run(self.database.write(large_steps.finish_planning, change_id))
        self.running = self.find(change_id)
        self.refresh()

    def ref_with_deleted_columns(self, connection: Connection) -> TableRef:
        return with_deleted_columns(connection, TableAccess.require(connection, ADA, TABLE, Action.READ_TABLE).table)

    def find(self, change_id: int) -> LargeChange:
        async def read() -> LargeChange:
            async with self.database.reading() as session:
                return await session.get_one(LargeChange, change_id)

        return self.run(read())

    def work(self, parts: int) -> None:
        """Some parts forwards, or backwards once it is cancelled; then it ends if there are no more."""
        assert self.running is not None
        change, left = self.running, parts

        def stop(done: int, of: int) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed

        forwards = change.state == LargeState.APPLYING
        with suppress(Killed), open_loader(str(self.folder / "rowcast.db")) as loader:
            (loader.apply_change if forwards else loader.revert_change)(change.id, stop)
        finish = large_steps.finish if forwards else large_steps.finish_reverting
        self.run(self.database.write(finish, change.id))
        self.refresh()

    def refresh(self) -> None:
        """What the set of the change has is another by now."""
        assert self.running is not None
        change = self.running = self.find(self.running.id)
        if change.seq is not None:
            del self.states[change.seq :]
        if change.state in ENDED:
            self.running = None
        self.follow()

    def ensure_counted(self, result: UndoResult | UndoBegun | None) -> None:
        if isinstance(result, UndoBegun):
            self.plan(result.change_id, plan_undo)
        else:
            super().ensure_counted(result)

    def take_all_back(self, seq: int) -> None:
        result = self.run(self.database.write(revert, ADA, TABLE, seq))
        if isinstance(result, UndoResult):
            assert (result.done, result.left) == (result.total, [])
            return
        self.plan(result.change_id, plan_undo)
        self.finish_running()
        assert (self.find(result.change_id).state, self.find(result.change_id).left) == (LargeState.DONE, 0)

    def finish_running(self) -> None:
        while self.running is not None:
            self.work(1_000)

    def take_everything_back(self) -> None:
        self.finish_running()
        super().take_everything_back()


class Killed(Exception):
    pass


def ignore(done: int, of: int) -> None:
    pass


class PrunedHistory(History):
    """The oldest sets are not kept, at any time."""

    @precondition(lambda self: len(self.states) > 4)
    @rule(share=st.floats(0.1, 0.6))
    def prune(self, share: float) -> None:
        self.follow()
        seq = int(share * (len(self.states) - 1))

        async def verb(work: UnitOfWork) -> None:
            await work.run(lambda connection: prune_until(connection, TABLE, seq, utc_now()))

        if seq >= self.table().log_from:
            self.run(self.database.write(verb))


@pytest.mark.parametrize(
    ("machine", "examples"), [(History, 20), (LargeHistory, 10), (PrunedHistory, 10), (LargeChangesHistory, 25)]
)
def test_any_changes_by_several_people_can_be_replayed_and_taken_back(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: type[History], examples: int
) -> None:
    run_machine(migrated, tmp_path, monkeypatch, machine, examples)


def run_machine(
    migrated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: type[History],
    examples: int,
    steps: int = 15,
) -> None:
    monkeypatch.setattr(change_set, "MAX_LISTED", machine.max_listed)
    monkeypatch.setattr(entry_lists, "PART_ENTRIES", 1)
    monkeypatch.setattr(large_changes, "PAUSE_SECONDS", 0)
    world = shutil.copytree(migrated, tmp_path / "world")
    add_world(world)
    numbers = iter(range(1_000_000))
    given: dict[str, Any] = {
        "suppress_health_check": list(HealthCheck),  # each example opens a database,
        "phases": (Phase.reuse, Phase.generate),  # so making a failing one shorter takes minutes
    }
    run_state_machine_as_test(
        lambda: machine(world, tmp_path / f"{next(numbers)}"),
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, **given),
    )
