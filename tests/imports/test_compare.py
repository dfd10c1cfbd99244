"""The dry run of an import into a table: what it counts, whom it asks, and the plan that it leaves."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.database import address, connect
from tests.tables import add_table
from webapp.imports.compare import compare
from webapp.imports.comparison_report import ComparisonReport
from webapp.imports.inspect_file import inspect_file
from webapp.imports.requests import CompareRequest, ImportFolder
from webapp.imports.update_settings import MARK, NEW, Missing, Mode, UpdateSettings
from webapp.planners.update_plan import EACH, FILE, THEIRS, read_plan, which_clashes
from webapp.rowstore.entries import Entry
from webapp.rowstore.sql.set_parts import with_numbers
from webapp.rowstore.table_ref import Field, TableRef

COLUMNS = {"id": "text", "City": "text", "Since": "integer"}
ROWS = (("1", "Oslo", "1048"), ("2", "Bergen", "1070"), ("3", "Narvik", "1902"))
BY_ID = UpdateSettings({0: 1, 1: 2, 2: 3}, keys=(1,))

Run = Callable[..., tuple[ComparisonReport, list[list[Any]]]]


class World:
    def __init__(self, data_dir: Path, folder: ImportFolder) -> None:
        self.data_dir, self.folder = data_dir, folder
        self.execute("INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
                     " VALUES (1, 'ada@example.org', 'ada', '', 'owner', TRUE, '2026-01-01')")  # fmt: skip
        self.table = self.make(ROWS)

    def execute(self, statement: str, *values: Any) -> None:
        with closing(connect(self.data_dir / "rowcast.db")) as connection:
            connection.execute(statement, values)

    def make(self, rows: Sequence[Sequence[str]], columns: dict[str, str] = COLUMNS) -> TableRef:
        table_id = add_table(self.data_dir, columns, rows)
        fields = [Field(number, title, kind, {}) for number, (title, kind) in enumerate(columns.items(), 1)]
        return TableRef(table_id, tuple(fields))

    def log(self, seq: int, kind: str, *entries: Sequence[Any], undo_of: int | None = None) -> None:
        self.execute(
            "INSERT INTO change_sets (table_id, seq, at, via, kind, rows, cells, note, size, undo_of)"
            " VALUES (?, ?, '2026-11-22 12:00:00', 'grid', ?, 0, 0, '', 0, ?)",
            self.table.id, seq, kind, undo_of,
        )  # fmt: skip
        for number, entry in enumerate(entries):
            self.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", self.table.id, seq, number, *entry)
        self.execute("UPDATE tables SET seq = ? WHERE id = ?", seq, self.table.id)

    def compare(
        self,
        file: str,
        settings: UpdateSettings = BY_ID,
        since: int = 99,
        mark: Field | None = None,
        last: tuple[Path, dict[str, Any]] | None = None,
    ) -> ComparisonReport:
        self.folder.original.write_text(file)
        found = inspect_file(self.folder.original, "a.csv")
        fields = {field.number: field for field in self.table.fields}
        new = {index: Field(-index - 1, found.columns[index].title, "text", {}) for index in settings.new}
        chosen = {index: fields[number] for index, number in settings.mapped.items()} | new
        request = CompareRequest(
            str(self.folder.path),
            address(self.data_dir),
            asdict(found.options),
            self.table,
            list(chosen.values()),
            list(chosen),
            settings.to_json(),
            3,
            since,
            ["import", "import.update"],
            str(last[0]) if last else None,
            last[1] if last else {},
            mark,
        )
        report = compare(request, lambda done, rows: None)
        assert ComparisonReport.from_json(json.loads(json.dumps(report.to_json()))) == report
        return report

    def plan(self, answer: str = THEIRS, taken: Sequence[int] = ()) -> list[list[Any]]:
        return [item for part in read_plan(self.folder.plan, which_clashes(answer, taken)) for item in part]


@pytest.fixture
def world(data_dir: Path, tmp_path: Path) -> World:
    path = tmp_path / "import"
    path.mkdir()
    return World(data_dir, ImportFolder(path))


def counts(report: ComparisonReport) -> tuple[int, ...]:
    return report.added, report.changed, report.cells, report.same, report.missing


def test_a_later_file_adds_changes_and_misses_rows(world: World) -> None:
    report = world.compare("id,City,Since\n4,Bodø,1816\n2,Bergen,1070\n1,Christiania,1049\n")
    assert counts(report) == (1, 1, 2, 1, 1)
    assert (report.rows, report.removed, report.clash_count) == (3, 0, 0)
    assert world.plan() == [
        [1, 2, "Oslo", "Christiania"],
        [1, 3, "1048", "1049"],
        [-1, None, None, {"1": "4", "2": "Bodø", "3": "1816"}],
    ]
    (changed,) = report.samples["changed"]
    assert (changed.row, changed.place, changed.cells[0]) == (1, 3, (2, "Oslo", "Christiania"))
    assert [row.cells for row in report.samples["missing"]] == [
        [(1, "3", None), (2, "Narvik", None), (3, "1902", None)]
    ]
    assert not world.folder.draft.exists()


def test_the_same_file_changes_nothing(world: World) -> None:
    report = world.compare("id,City,Since\n1,Oslo,1048\n2,Bergen,1070\n3,Narvik,1902\n")
    assert report.is_nothing
    assert counts(report) == (0, 0, 0, 3, 0)
    assert world.plan() == []


def test_new_rows_may_be_left_out(world: World) -> None:
    report = world.compare("id,City,Since\n4,Bodø,1816\n1,Oslo,1048\n", replace(BY_ID, adds_rows=False))
    assert (report.added, report.left_out, world.plan()) == (0, 1, [])


def test_missing_rows_are_deleted_with_all_their_cells(world: World) -> None:
    report = world.compare("id,City,Since\n1,Oslo,1048\n", replace(BY_ID, missing=Missing.DELETE))
    assert (report.removed, report.missing) == (2, 2)
    assert world.plan() == [
        [2, None, {"1": "2", "2": "Bergen", "3": "1070"}, None],
        [3, None, {"1": "3", "2": "Narvik", "3": "1902"}, None],
    ]


def test_missing_rows_are_marked_and_those_that_are_back_are_not(world: World) -> None:
    world.table = world.make(
        [("1", "Oslo", MARK), ("2", "Bergen", ""), ("3", "Narvik", MARK)], COLUMNS | {"Since": "text"}
    )
    settings = UpdateSettings({0: 1, 1: 2}, keys=(1,), missing=Missing.MARK, mark=3)
    report = world.compare("id,City,Since\n1,Oslo,1\n", settings, mark=world.table.fields[2])
    assert world.plan() == [[2, 3, "", MARK], [1, 3, MARK, ""]]
    assert (report.marked, report.cells) == (1, 1)
    report = world.compare(
        "id,City,Since\n1,Oslo,1\n", replace(settings, mark=NEW), mark=Field(-9, "Missing", "text", {})
    )
    assert world.plan() == [[2, -9, "", MARK], [3, -9, "", MARK]]


def test_a_file_may_be_appended_whatever_is_there(world: World) -> None:
    report = world.compare("City,id,Since\nOslo,1,1048\n", UpdateSettings({0: 2, 1: 1}, Mode.APPEND))
    assert counts(report)[:2] == (1, 0)
    assert world.plan() == [[-1, None, None, {"1": "1", "2": "Oslo", "3": ""}]]


def test_a_file_may_replace_all_rows_and_equal_ones_stay(world: World) -> None:
    settings = replace(BY_ID, mode=Mode.REPLACE, keys=())
    report = world.compare("id,City,Since\n3,Narvik,1902\n1,Oslo,1000\n", settings)
    assert (report.added, report.same, report.removed) == (1, 1, 2)
    assert [item[0] for item in world.plan()] == [-1, 1, 2]


def test_texts_that_no_longer_fit_their_type_are_named(world: World) -> None:
    report = world.compare("id,City,Since\n1,Oslo,unknown\n2,Bergen,01070\n4,Bodø,unknown\n")
    (misfit,) = report.misfits
    assert (misfit.column, misfit.count, misfit.texts) == (3, 3, ["unknown", "01070"])


def test_problems_with_keys_are_counted_and_refuse_their_rows(world: World) -> None:
    report = world.compare("id,City,Since\n,a,1\n2,b,1\n2,c,1\n9,d,1\n")
    assert report.refused == {"empty": 1, "repeated": 2}
    assert (report.added, report.refused_count, report.missing) == (1, 3, 2)
    assert report.samples["repeated"][1].cells[1] == (2, None, "c")


def test_what_people_changed_since_the_last_file_is_asked_about(world: World) -> None:
    world.log(1, "import")
    world.log(2, "cells", (1, 2, "Áslo", "Oslo"), (2, 2, "Björgvin", "Bergen"), (3, 3, "1901", "1902"))
    report = world.compare("id,City,Since\n1,Áslo,1050\n2,Bergun,1070\n3,Narvik,1902\n", since=1)
    assert report.clashes == {"cell": 2, "both": 1}
    assert report.authors == {2: 2}
    assert [(each.row, each.before, each.now, each.file) for each in report.listed] == [
        (1, "Áslo", "Oslo", "Áslo"),
        (2, "Björgvin", "Bergen", "Bergun"),
    ]
    kept = [[1, 3, "1048", "1050"]]
    assert world.plan() == kept
    assert world.plan(FILE) == [[1, 2, "Oslo", "Áslo"], *kept, [2, 2, "Bergen", "Bergun"]]
    assert world.plan(EACH, [1]) == [*kept, [2, 2, "Bergen", "Bergun"]]


def test_what_was_decided_about_an_edit_is_not_asked_again_while_the_file_says_the_same(world: World) -> None:
    world.log(1, "cells", (1, 2, "Oslo by the sea", "Oslo"), (2, 2, "x", "Bergen"))
    file = "id,City,Since\n1,Christiania,1048\n2,Bjørgvin,1070\n3,Narvik,1902\n"
    assert world.compare(file, since=0).clash_count == 2
    plan = world.folder.plan.rename(world.folder.path / "last.gz")
    kept = world.compare(file, since=0, last=(plan, {"answer": THEIRS}))
    assert (kept.clash_count, kept.settled, kept.is_nothing) == (0, 2, True)
    assert world.plan(FILE) == []
    again = world.folder.plan.rename(world.folder.path / "again.gz")
    third = world.compare(file.replace("Bjørgvin", "Bergen!"), since=0, last=(again, {"answer": FILE}))
    assert (third.clash_count, third.settled) == (1, 1)
    assert world.compare(file, since=0, last=(plan, {"answer": EACH, "taken": [0]})).settled == 1


def test_a_cell_that_a_later_file_has_changed_is_no_edit_any_more(world: World) -> None:
    world.log(1, "cells", (1, 2, "x", "y"), (2, 2, "x", "y"))
    world.log(2, "import.update", (1, 2, "y", "Oslo"))
    report = world.compare("id,City,Since\n1,A,1048\n2,B,1070\n3,Narvik,1902\n", since=0)
    assert [clash.row for clash in report.listed] == [2]


def test_what_a_file_changed_and_what_took_it_back_is_no_edit_of_people(world: World) -> None:
    world.log(1, "import.update", (1, 2, "x", "Oslo"))
    world.log(2, "undo", (2, 2, "y", "Bergen"), undo_of=1)
    world.log(3, "redo", (2, 2, "z", "Bergen"), undo_of=2)
    report = world.compare("id,City,Since\n1,A,1048\n2,B,1070\n3,Narvik,1902\n", since=0)
    assert (report.clash_count, report.changed) == (0, 2)


def test_rows_that_people_deleted_or_edited_are_asked_about_before_they_come_back_or_go(world: World) -> None:
    world.log(1, "rows.delete", (9, None, json.dumps({"1": "7", "2": "Hamar", "3": "1849"}), None))
    world.log(2, "cells", (3, 2, "Victoriahavn", "Narvik"))
    settings = replace(BY_ID, missing=Missing.DELETE)
    report = world.compare("id,City,Since\n1,Oslo,1048\n7,Hamar,1849\n", settings, since=0)
    assert report.clashes == {"deleted": 1, "kept": 1}
    assert (report.added, report.removed) == (0, 1)
    assert [item[0] for item in world.plan()] == [2]
    assert [item[0] for item in world.plan(FILE)] == [-1, 2, 3]


def test_a_new_column_comes_with_its_texts(world: World) -> None:
    settings = UpdateSettings({0: 1, 1: NEW}, keys=(1,))
    report = world.compare("id,Colour\n1,blue\n2,\n4,red\n", settings)
    assert counts(report) == (1, 1, 1, 1, 1)
    plan = world.plan()
    assert plan == [[1, -2, "", "blue"], [-1, None, None, {"1": "4", "2": "", "3": "", "-2": "red"}]]
    made = [Entry(*item[:3], item[3] if item[1] else json.dumps(item[3])) for item in plan]
    assert [with_numbers(entry, 4, {-2: 8}) for entry in made] == [
        Entry(1, 8, "", "blue"),
        Entry(4, None, None, json.dumps({"1": "4", "2": "", "3": "", "8": "red"})),
    ]


def test_a_plan_is_cut_into_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"{number},x,1\n" for number in range(10, 2_510))
    world.compare(f"id,City,Since\n{lines}")
    assert [len(part) for part in read_plan(world.folder.plan)] == [1_000, 1_000, 500]
