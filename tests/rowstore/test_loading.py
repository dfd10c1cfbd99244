"""Files are loaded alike into each database, row by row, also if whoever loads them is killed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rowstore.backends import column, loaded_in_memory, make_table
from tests.rowstore.conftest import Make
from webapp.formats import open_source
from webapp.imports.inspect_file import inspect_file
from webapp.rowstore import open_loader
from webapp.rowstore.errors import CellValueError
from webapp.rowstore.loader import ImportWithdrawn
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import ExportFormat
from webapp.rowstore.table_ref import Field

CORPUS = Path(__file__).parents[1] / "corpus"
MANIFEST: dict[str, dict[str, Any]] = json.loads((CORPUS / "manifest.json").read_text("utf-8"))
WIDE = ("wide_2000_cols.csv",)  # for which one of the databases has no room
FIELDS = (
    column(1, "number", "integer"),
    column(2, "name"),
    Field(3, "price", "decimal", {"style": "plain", "scale": 2}, True),
)
ROWS = [(str(number), f"name\t{number}\\", "1.50" if number % 3 else "about 1") for number in range(1, 20_001)]
LOAD = """
import sys
from tests.rowstore.test_loading import FIELDS, ROWS
from webapp.rowstore import open_loader
from webapp.rowstore.table_ref import TableRef

with open_loader(sys.argv[1]) as loader:
    appender = loader.appender(TableRef(1, FIELDS), range(3), f"{1:032x}")
    for done in appender.append(ROWS[appender.done:]):
        print(done, flush=True)
"""


@pytest.mark.parametrize(
    "name", [name for name, expected in MANIFEST.items() if "error" not in expected and name not in WIDE]
)
def test_a_file_is_exported_with_the_same_bytes_from_every_database(make: Make, name: str) -> None:
    report = inspect_file(CORPUS / name, name)
    rows = [row for batch in open_source(CORPUS / name, report.options).batches() for row in batch.rows]
    fields = [
        Field(number, each.title, each.type, each.format, each.keeps_texts)
        for number, each in enumerate(report.columns, 1)
    ]
    table = make(fields, rows)
    formats: list[ExportFormat] = ["csv", "ndjson"]
    with loaded_in_memory(fields, rows) as expected:
        for format in formats:
            query = TableQuery.of(table.fields)
            exported = b"".join(expected.export(table.ref, query, format))
            assert table.export(format=format) == exported
            assert exported.count(b"\n") >= len(rows)


def test_an_import_that_is_killed_is_continued_with_the_next_row(backend: Any) -> None:
    table = make_table(backend, FIELDS, [])
    command = [sys.executable, "-c", LOAD, backend.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as killed:
        assert killed.stdout is not None
        seen = [int(killed.stdout.readline()) for _ in range(2)]
        killed.kill()
    ((done,),) = backend.execute("SELECT rows_done FROM imports")
    assert seen[-1] <= done
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    with table.opened:
        cells = table.rows.cells(table.ref, range(1, len(ROWS) + 2), FIELDS)
    assert cells == dict(enumerate(ROWS, 1))
    assert backend.execute("SELECT row_count, next_row_id FROM tables") == [(len(ROWS), len(ROWS) + 1)]
    assert backend.execute("SELECT count(*) FROM t1") == [(len(ROWS),)]


def test_a_batch_that_cannot_be_stored_leaves_nothing(backend: Any) -> None:
    table = make_table(backend, [column(1, "number", "integer"), column(2, "when", "date")], [])
    with open_loader(backend.address) as loader:
        appender = loader.appender(table.ref, range(2), f"{1:032x}")
        with pytest.raises(CellValueError, match="number"):
            list(appender.append([("1", ""), ("one", "")]))
        assert appender.done == 0
        assert list(appender.append([("1", "")])) == [1]
    assert backend.execute("SELECT rows_done FROM imports") == [(1,)]
    table.opened.close()


@pytest.mark.parametrize("is_gone", [True, False])
def test_nobody_loads_into_a_table_that_is_deleted(backend: Any, is_gone: bool) -> None:
    table = make_table(backend, FIELDS, [])
    with open_loader(backend.address) as loader:
        appender = loader.appender(table.ref, range(3), f"{1:032x}")
        assert list(appender.append(ROWS[:1])) == [1]
        if is_gone:
            with backend.writing() as rows:
                rows.drop(1)
        backend.execute("UPDATE imports SET state = 'cancelled'")
        with pytest.raises(ImportWithdrawn):
            list(appender.append(ROWS[1:2]))


def test_sort_indexes_are_built_and_the_least_used_go(backend: Any) -> None:
    fields = [column(number) for number in range(1, 11)]
    table = make_table(backend, fields, [("x" * 5_000,) * 10])
    with open_loader(backend.address) as loader:
        for field in fields[:8]:
            built = loader.index_sort(1, field)
        assert built == set(range(1, 9))
        assert loader.index_sort(1, fields[8], {1: 5.0, 2: 1.0, **dict.fromkeys(range(3, 9), 9.0)}, 7.0) == (
            {1, *range(3, 10)}
        )
        assert loader.index_sort(99, fields[8]) == set()
    with backend.writing() as rows:
        rows.drop_sort_index(1, fields[0])
        assert rows.connection.indexed_columns(1) == set(range(3, 10))
    table.opened.close()


def test_a_zero_with_a_sign_keeps_its_text(backend: Any) -> None:
    field = Field(1, "n", "decimal", {"style": "fixed", "scale": 2}, keeps_texts=True)
    table = make_table(backend, [field], [("-0.00",), ("0.00",), ("12.345",), ("1e400",)])
    with table.opened:
        assert list(table.rows.cells(table.ref, range(1, 5), [field]).values()) == [
            ("-0.00",),
            ("0.00",),
            ("12.345",),
            ("1e400",),
        ]
        assert table.rows.values(table.ref, [1], field) == {1: 0.0}
    assert backend.execute("SELECT c1t FROM t1 WHERE c1t IS NULL") == [(None,)]


def test_a_conflict_with_another_writer_is_tried_again(backend: Any) -> None:
    """Whoever renames the table meanwhile changes the record that counts the rows."""
    table = make_table(backend, FIELDS, [])
    with open_loader(backend.address) as loader:
        appender = loader.appender(table.ref, range(3), f"{1:032x}")
        for done in appender.append(ROWS[:5_000]):
            backend.execute("UPDATE tables SET title = ?", str(done))
    assert backend.execute("SELECT row_count FROM tables") == [(5_000,)]
    table.opened.close()
