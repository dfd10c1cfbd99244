"""The same, with all that changes many rows at once: decisions about many rows, further files, the trash and purging.

More than `AT_ONCE` rows are a large change here, which people cancel, and edit beside. What is purged is taken out of
all states that the table has had; the log has to be that of a table which never had it.
"""

import csv
import io
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import precondition, rule

from tests.models.tables.test_history_machine import (
    ADA,
    TABLE,
    TEXTS,
    LargeChangesHistory,
    State,
    columns,
    ignore,
    people,
    replay,
    rows,
    run_machine,
    texts,
)
from webapp.db.errors import UserError
from webapp.imports.compare import compare
from webapp.imports.inspect_file import inspect_file
from webapp.imports.requests import ImportFolder
from webapp.imports.update_settings import NEW, Missing, Mode, UpdateSettings
from webapp.jobs import import_updates
from webapp.jobs.history import drop_forgotten_columns
from webapp.models import Actor, ChangeSet, Import, LargeState
from webapp.models.tables import (
    bulk_changing,
    deletion_purging,
    import_updating,
    large_changing,
    large_steps,
    log_scrubbing,
    restoring,
)
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.editing import CellEdit, change_cells
from webapp.models.tables.import_update import ImportUpdate, get_update
from webapp.models.tables.import_updating import Decision
from webapp.models.tables.large_change import ENDED, STARTED
from webapp.models.tables.large_changing import Planned
from webapp.models.tables.log_scrubbing import Purge, find_purge, plan_batch, scrub_batch
from webapp.models.tables.undo import NotUndoable, UndoBegun
from webapp.models.tables.update_checks import SettingsRefused
from webapp.planners.bulk.operations import (
    CellOperation,
    Clear,
    Fill,
    Join,
    Replace,
    SetText,
    Split,
    Tidy,
    to_json,
)
from webapp.planners.bulk.selection import selection_to_json
from webapp.planners.plan import PlanInput
from webapp.planners.registry import PLANNERS
from webapp.planners.update_plan import EACH, FILE, THEIRS
from webapp.rowstore import create_store, open_loader, open_reader
from webapp.rowstore.query import Clock, TableQuery
from webapp.rowstore.table_ref import TableRef
from webapp.tables import bulk_plans

AT_ONCE = 2
ADDED = bulk_changing.AddedColumns(["Left", "Right"], behind=1)
FILE_NAME = "towns.csv"

keeps = st.booleans()
operations = st.one_of(
    st.builds(SetText, columns, texts, only_empty=st.booleans(), keeps_text=keeps),
    st.builds(Clear, columns, keeps_text=keeps),
    st.builds(Replace, columns, st.sampled_from(["0", "o", "5"]), texts, whole_cell=st.booleans(), keeps_text=keeps),
    st.builds(Replace, columns, st.just("([0-9])"), st.just("<$1>"), is_regex=st.just(True), keeps_text=keeps),
    st.builds(Fill, columns, columns, only_empty=st.booleans(), keeps_text=keeps),
    st.builds(Tidy, columns, st.sampled_from(["trim", "upper", "lower", "capitalise"]), keeps_text=keeps),
    st.builds(Split, columns, st.sampled_from([",", "o"]), st.just((-1, -2))),
    st.builds(Join, st.just(-1) | columns, st.lists(columns, min_size=2, max_size=3, unique=True), keeps_text=keeps),
)
chosen_rows = st.none() | st.sets(rows, min_size=1, max_size=4)  # None for all
row_planners = st.sampled_from(["bulk.deletion", "bulk.distinct", "bulk.copies"])
KINDS = {"bulk.deletion": Kind.DELETE_ROWS, "bulk.distinct": Kind.DELETE_ROWS, "bulk.copies": Kind.ADD_ROWS}
file_cells = st.sampled_from([text for text in TEXTS if "\0" not in text])


class WholeHistory(LargeChangesHistory):
    """`purge`: what is being purged; `waiting`: a large change whose plan waits for a decision; `compared`: a further
    file that does.
    """

    max_listed = 2
    # Others have these; without them there are more of the changes that this one is about.
    set_column = change_all_kinds = fill_new_columns = edit_meanwhile = None  # type: ignore[assignment]
    rename = paste = move_column = duplicate = edit_many = None  # type: ignore[assignment]
    receive = look = begin_index = extend_index = step_forward = None  # type: ignore[assignment]

    def __init__(self, world: Path, folder: Path) -> None:
        super().__init__(world, folder)
        self.store = create_store(self.database)
        self.waiting: int | None = None
        self.compared: str | None = None
        self.files = 0
        self.purge: tuple[Purge | None, int] | None = None
        self.purged_rows, self.purged_columns = set[int](), set[int]()

    # --- decisions about many rows ---

    @rule(actor=people, operation=operations, chosen=chosen_rows, is_late=st.booleans(), decides=st.booleans())
    def change_many(
        self, actor: Actor, operation: CellOperation, chosen: set[int] | None, is_late: bool, decides: bool
    ) -> None:
        arguments = self.arguments(chosen) | {"operation": to_json(operation)}
        table = self.table()
        plan = self.plan_at_once("bulk.cells", table.ref, arguments)
        if plan is None:
            return
        added = [number for number in operation.writes if number < 0]
        columns = bulk_changing.AddedColumns(ADDED.titles[: len(added)], ADDED.behind) if added else None
        if plan.is_whole:
            if is_late:
                self.edit_one_of(plan.entries)
            more = {"keeps_text": operation.keeps_text, "added": columns}
            self.write(bulk_changing.change_cells_at_once, actor, TABLE, plan.entries, **more)
            return
        new = [] if columns is None else columns.planned
        kind = Kind.COLUMNS if new else Kind.CELLS
        self.plan_large(actor, Planned("bulk.cells", arguments, kind, Via.PAGE, new_columns=new), decides=decides)

    @rule(
        actor=people,
        planner=row_planners,
        chosen=chosen_rows,
        keep=st.sampled_from(["first", "last", "fullest"]),
        keys=st.lists(columns, min_size=1, max_size=2, unique=True),
        is_late=st.booleans(),
        decides=st.booleans(),
    )
    def change_many_rows(
        self,
        actor: Actor,
        planner: str,
        chosen: set[int] | None,
        keep: str,
        keys: list[int],
        is_late: bool,
        decides: bool,
    ) -> None:
        arguments = self.arguments(chosen) | {"columns": keys, "keep": keep}
        plan = self.plan_at_once(planner, self.run(self.database.read(self.ref_with_deleted_columns)), arguments)
        if plan is None:
            return
        if not plan.is_whole:
            self.plan_large(actor, Planned(planner, arguments, KINDS[planner], Via.PAGE), decides=decides)
            return
        if is_late:
            self.edit_one_of(plan.entries)
        is_new = planner == "bulk.copies"
        verb = bulk_changing.add_rows_at_once if is_new else bulk_changing.delete_rows_at_once
        self.write(verb, actor, TABLE, plan.entries)

    @precondition(lambda self: self.waiting is not None)
    @rule()
    def decide(self) -> None:
        change_id, self.waiting = self.waiting, None
        assert change_id is not None
        if self.write(large_changing.apply, ADA, TABLE, change_id) is not None:
            self.follow_change(change_id)

    def arguments(self, chosen: set[int] | None) -> dict[str, Any]:
        table = self.table()
        query = TableQuery.of(table.ref.fields, Clock(date(2026, 11, 28), "UTC"))
        if chosen is not None:
            query = query.only_rows(tuple((row, row) for row in sorted(chosen)))
        rules = {str(column.number): dict(column.rules) for column in table.columns if column.rules}
        return {"selection": selection_to_json(query), "rules": rules, "expected": 0}

    def plan_at_once(self, planner: str, ref: TableRef, arguments: dict[str, Any]) -> bulk_plans.BulkPlan | None:
        try:
            return self.run(self.store.read(bulk_plans._planning(planner, ref, arguments), 60))
        except UserError:
            return None

    def plan_large(self, actor: Actor, planned: Planned, *, decides: bool = True) -> None:
        change = self.write(bulk_changing.plan_large, actor, TABLE, planned)
        if change is None:
            return
        self.carry_on(change.id)
        if self.find(change.id).state == LargeState.READY:
            self.waiting = change.id
            if decides:
                self.decide()

    def edit_one_of(self, entries: Any) -> None:
        """Before what was planned is made."""
        if entries and (row_id := entries[0].row_id) in self.states[-1].rows:
            self.write(change_cells, ADA, TABLE, [CellEdit(row_id, 1, None, "Elsewhere", True)])

    def carry_on(self, change_id: int) -> None:
        """Plan it as its job does, whichever planner it is, and begin to apply it if that is decided."""
        change, ref = self.find(change_id), self.run(self.database.read(self.ref_with_deleted_columns))
        if change.state != LargeState.PLANNING:
            return  # asked for what is being done already
        address = str(self.folder / "rowcast.db")
        try:
            with open_loader(address) as loader, open_reader(address) as reader:
                planner = PLANNERS[change.planner]()
                loader.write_plan(change_id, planner(PlanInput(ref, change.arguments, reader, ignore)), ignore)
            self.run(self.database.write(large_steps.finish_planning, change_id))
        except UserError as error:
            self.run(self.database.write(large_steps.fail, change_id, str(error)))
        self.follow_change(change_id)

    def follow_change(self, change_id: int) -> None:
        change = self.find(change_id)
        if change.state in STARTED:
            self.running = change
            self.refresh()
        elif change.state in ENDED:
            self.run(self.database.write(import_updating.settle, change_id))

    def refresh(self) -> None:
        assert self.running is not None
        change_id = self.running.id
        super().refresh()
        if self.running is None:
            self.run(self.database.write(import_updating.settle, change_id))

    def plan(self, change_id: int, planner: Callable[[PlanInput], Any]) -> None:
        self.carry_on(change_id)

    # --- further files ---

    @precondition(lambda self: self.running is None and self.compared is None and self.table().columns)
    @rule(
        actor=people,
        mode=st.sampled_from([*Mode, Mode.UPDATE]),
        missing=st.sampled_from(list(Missing)),
        adds_rows=st.booleans(),
        key=columns,
        left_out=st.sets(columns, max_size=1),
        gone=st.sets(rows, max_size=2),
        changes=st.dictionaries(st.tuples(rows, columns), file_cells, max_size=3),
        new=st.lists(st.dictionaries(columns, file_cells, min_size=1), max_size=2),
        has_new_column=st.booleans(),
        answer=st.none() | st.sampled_from([THEIRS, FILE, EACH]),
    )
    def bring_file(
        self,
        actor: Actor,
        mode: Mode,
        missing: Missing,
        adds_rows: bool,
        key: int,
        left_out: set[int],
        gone: set[int],
        changes: dict[tuple[int, int], str],
        new: list[dict[int, str]],
        has_new_column: bool,
        answer: str | None,
    ) -> None:
        """What the table has by now, with some changes; it is compared with the table, and waits for an answer."""
        fields = [field for field in self.table().ref.fields if field.number not in left_out] or self.table().ref.fields
        there = {row: cells for row, cells in self.states[-1].visible.items() if row not in gone}
        lines = [[changes.get((row, one.number), cells[one.number]) for one in fields] for row, cells in there.items()]
        lines += [[cells.get(one.number, "") for one in fields] for cells in new]
        numbers = {index: one.number for index, one in enumerate(fields)}
        titles = [one.title for one in fields]
        if has_new_column:
            numbers[len(fields)] = NEW
            titles, lines = [*titles, "Extra"], [[*line, str(index)] for index, line in enumerate(lines)]
        settings = UpdateSettings(numbers, mode, (key,), adds_rows, missing)
        self.upload(actor, [titles, *([text.replace("\0", "") for text in line] for line in lines)], settings)
        if answer is not None and self.compared is not None:
            self.lay_over(answer, actor)

    def upload(self, actor: Actor, lines: list[list[str]], settings: UpdateSettings) -> None:
        self.files += 1
        import_id, text = f"{self.files:032x}", io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(lines)
        folder = self.import_folder(import_id)
        folder.path.mkdir(parents=True)
        folder.original.write_text(text.getvalue(), newline="")
        about = {"filename": FILE_NAME, "size": len(text.getvalue()), "sha256": ""}
        if self.refuses(import_updating.create, import_id, actor, TABLE, **about):
            return
        found = inspect_file(folder.original, FILE_NAME)
        if len(found.columns) != len(settings.columns):
            return
        verb = import_updating.record_inspection
        self.run(self.database.write(verb, import_id, found.to_json(), [], settings, is_sure=False))
        if not self.refuses(import_updating.compare, actor, TABLE, import_id, settings):
            self.compared = import_id
            self.compare()

    @precondition(lambda self: self.running is None and self.compared is not None)
    @rule(answer=st.sampled_from([THEIRS, FILE, EACH]), actor=people)
    def lay_over(self, answer: str, actor: Actor) -> None:
        assert self.compared is not None
        plan = str(self.import_folder(self.compared).plan)
        # Compared again if the table is another one by now; once is enough, since nobody changes it in between.
        for is_last in (False, True):
            done = self.write(import_updating.apply, actor, TABLE, self.compared, Decision(answer, (0, 2)), plan)
            if done is False:
                assert not is_last
                if not self.compare():
                    return
            elif done:
                update = self.update_of(self.compared)
                self.compared = None
                assert update.change_id is not None
                self.carry_on(update.change_id)
                return
            else:
                return

    def compare(self) -> bool:
        """As its job does, in this process. False if columns that it needs are gone: then the page asks again."""
        assert self.compared is not None
        context: Any = SimpleNamespace(database=self.database, rows=self.store, folder=self.import_folder)
        try:
            request = self.run(import_updates._request(context, self.import_of(self.compared)))
        except SettingsRefused:
            self.compared = None
            return False
        report = compare(request, lambda bytes_read, rows: None)
        verb = import_updating.record_comparison
        self.run(self.database.write(verb, self.compared, report.to_json()))
        return True

    def import_folder(self, import_id: str) -> ImportFolder:
        return ImportFolder(self.folder / "imports" / import_id)

    def import_of(self, import_id: str) -> Import:
        return self.run(self._update(import_id))[0]

    def update_of(self, import_id: str) -> ImportUpdate:
        return self.run(self._update(import_id))[1]

    async def _update(self, import_id: str) -> tuple[Import, ImportUpdate]:
        async with self.database.reading() as session:
            return await get_update(session, import_id)

    def refuses(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        try:
            self.run(self.database.write(verb, *args, **kwargs))
        except UserError:
            return True
        return False

    # --- the trash ---

    @precondition(lambda self: self.deletions())
    @rule(actor=people, data=st.data(), some=st.none() | st.sets(rows, min_size=1, max_size=2))
    def restore(self, actor: Actor, data: st.DataObject, some: set[int] | None) -> None:
        seqs = data.draw(st.lists(st.sampled_from(self.deletions()), min_size=1, max_size=2, unique=True))
        result = self.write(restoring.restore, actor, TABLE, seqs, some)
        if isinstance(result, UndoBegun):
            self.carry_on(result.change_id)

    @precondition(lambda self: self.running is None and self.deletions())
    @rule(data=st.data(), steps=st.integers(0, 4))
    def begin_purge(self, data: st.DataObject, steps: int) -> None:
        seqs = data.draw(st.lists(st.sampled_from(self.deletions()), min_size=1, max_size=2, unique=True))
        self.follow()
        if not self.write(deletion_purging.purge_deletions, ADA, TABLE, seqs):
            return
        for seq in seqs:
            self.forget(*self.deleted_by(seq))
        self.purge = self.purge or (None, 0)
        self.purge_on(steps)

    @precondition(lambda self: self.purge is not None)
    @rule(steps=st.integers(1, 6))
    def go_on_purging(self, steps: int) -> None:
        """By the next process: the last one was killed."""
        self.purge = None, 0
        self.purge_on(steps)

    def purge_on(self, steps: int) -> None:
        assert self.purge is not None
        for _ in range(steps):
            found, done = self.purge
            if found is None or done == len(found.places):
                found, done = self.run(self.database.read(partial(find_purge, table_id=TABLE, last=found))), 0
            if found is None:
                self.purge = None
                self.ensure_all_replays()
                return
            batch = self.run(self.database.read(partial(plan_batch, purge=found, done=done)))
            self.run(self.database.write(scrub_batch, found, batch))
            self.purge = found, done + len(batch)

    @precondition(lambda self: self.purged_columns)
    @rule()
    def empty_purged_columns(self) -> None:
        """What the job does afterwards, some time or other."""
        self.run(drop_forgotten_columns(self.database))

    def deletions(self) -> list[int]:
        """The sets whose deletions are in the trash, as far as the states say."""
        return [seq for seq in range(1, len(self.states)) if any(self.deleted_by(seq))]

    def deleted_by(self, seq: int) -> tuple[set[int], set[int]]:
        """The rows and the columns that went with this set and have not come back since."""
        before, later = self.states[seq - 1], self.states[seq:]
        there = set[int]().union(*(state.rows for state in later))
        shown = set[int]().union(*(state.shown for state in later))
        return set(before.rows) - there, set(before.shown) - shown

    def forget(self, gone_rows: set[int], gone_columns: set[int]) -> None:
        self.purged_rows |= gone_rows
        self.purged_columns |= gone_columns
        self.states = [self.without_purged(state) for state in self.states]

    def without_purged(self, state: State) -> State:
        return State(
            {
                row_id: {number: text for number, text in cells.items() if number not in self.purged_columns}
                for row_id, cells in state.rows.items()
                if row_id not in self.purged_rows
            },
            state.shown - self.purged_columns,
            {number: text for number, text in state.empty.items() if number not in self.purged_columns},
        )

    def ensure_all_replays(self) -> None:
        """Nothing of what was purged is in the log, and all the rest is."""
        state = self.states[0]
        for seq in range(1, len(self.states)):
            entries = self.entries(seq)
            assert not {entry.row_id for entry in entries} & self.purged_rows
            assert not {entry.column for entry in entries} & self.purged_columns
            state = replay(state, entries)
            assert (state.rows, state.shown) == (self.states[seq].rows, self.states[seq].shown)

    # --- what is always true ---

    def follow(self) -> None:
        """A row that comes back has the texts that it had last."""
        known = len(self.states)
        super().follow()
        for seq in range(known, len(self.states)):
            before, now = self.states[seq - 1], self.states[seq]
            for row_id in now.rows.keys() - before.rows.keys():
                last = next((state for state in reversed(self.states[:seq]) if row_id in state.rows), None)
                had = last.rows[row_id] if last is not None else {}
                assert had == {number: text for number, text in now.rows[row_id].items() if number in had}

    def is_named(self, one: ChangeSet, named: set[int]) -> bool:
        """A set does not forget which columns its entries were about."""
        known = {int(number) for number in one.columns.split(",") if number}
        return named <= known if one.purged else named == known

    def take_everything_back(self) -> None:
        """Each set, the newest first, unless nothing is left of it, or of the one that took it back."""
        self.finish_running()
        while self.purge is not None:
            self.purge_on(100)
        if not (self.purged_rows or self.purged_columns):
            super().take_everything_back()
            return
        for seq in reversed(range(1, len(self.states))):
            try:
                self.take_all_back(seq)
            except NotUndoable:
                if self.states[seq] != self.states[seq - 1]:
                    assert self.was_taken_back(seq)
                    return
            assert self.cells() == self.states[seq - 1].visible

    def was_taken_back(self, seq: int) -> bool:
        """By a set of which nothing is left."""
        sets = {one.seq: one for one in self.sets()}
        by = sets[seq].undone_by
        return by is not None and sets[by].purged > 0 and not self.entries(by)


def test_many_rows_further_files_and_the_trash_can_be_replayed_and_taken_back(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_plans, "AT_ONCE", AT_ONCE)
    monkeypatch.setattr(deletion_purging, "MAX_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(log_scrubbing, "GROUP_ROWS", 1)
    monkeypatch.setattr(log_scrubbing, "BATCH_ENTRIES", 2)
    run_machine(migrated, tmp_path, monkeypatch, WholeHistory, examples=15, steps=20)
