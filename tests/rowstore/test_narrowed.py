"""Somebody may see a part of a table: some columns, and the rows of a scope. What is hidden leaves no trace.

Two tables are alike in what may be seen, and differ in all that may not: the cells of hidden columns, the rows beyond
the scope and how many there are. Whatever is asked of both by the narrowed reference has the same answer.
"""

import inspect
import random
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.db.errors import UserError
from webapp.rowstore.aggregates import Axis, Measure
from webapp.rowstore.errors import QueryError
from webapp.rowstore.loader import RowLoader
from webapp.rowstore.objects import CELL_VALUES, ObjectStyle
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import SUMMED, Grouping
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, PageStart, StoredRow
from webapp.rowstore.writer import RowWriter

FIELDS = (
    column(1, "city"),
    column(2, "price", "decimal", {"style": "fixed", "scale": 2}),
    column(3, "note"),
    column(4, "day", "date", {"layout": "YYYY-MM-DD"}),
    Field(5, "number", "integer", {}, keeps_texts=True),
    column(6, "paid", "boolean", {"true": "yes", "false": "no"}),
    column(7, "state"),
)
STATE = FIELDS[-1]
SIZE = 30  # ids of the larger of the two tables
TOO_LONG = "long " * 8_000  # for a cell of a workbook
WORDS = ("secret", "Oslo", "secret Oslo", "Bergen", "", "Århus")


class World(NamedTuple):
    """A table, and the reference to the part of it that may be seen."""

    table: StoredTable
    seen: TableRef

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.seen.fields

    def query(self, *args: tuple[str, str]) -> TableQuery:
        return TableQuery.from_args(list(args), self.fields)


@pytest.fixture(params=[(1, 2), (3, 4), (5, 6)], ids=str)
def hidden(request: pytest.FixtureRequest) -> Sequence[int]:
    """Each column in its turn, and always the one that the scope is about."""
    return *request.param, STATE.number


@pytest.fixture(params=["small", "large"])
def worlds(
    request: pytest.FixtureRequest, make: Make, hidden: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> tuple[World, World]:
    return make_worlds(make, hidden, is_large=request.param == "large", patches=monkeypatch)


def make_worlds(
    make: Make, hidden: Sequence[int], *, is_large: bool = False, patches: pytest.MonkeyPatch | None = None
) -> tuple[World, World]:
    """Rows are in the scope if their state is open, and some cell has the word that it looks for."""
    choose = random.Random(f"{hidden} {is_large}")
    shown = {row_id: row_of(choose, "open sesame") for row_id in sorted(choose.sample(range(1, SIZE - 5), 12))}
    first = make_world(make, choose, hidden, shown, SIZE)
    second = make_world(make, choose, hidden, shown, SIZE - 4)
    if is_large and patches is not None:
        patches.setattr("webapp.rowstore.sql.tables.SMALL_TABLE", 0)
        for world in (first, second):
            assert world.table.build_search_index()
            for field in FIELDS[:2]:
                world.table.build_sort_index(field)
    return first, second


def make_world(
    make: Make, choose: random.Random, hidden: Sequence[int], shown: dict[int, list[str]], size: int
) -> World:
    rows = list[list[str]]()
    for row_id in range(1, size + 1):
        cells = list(shown.get(row_id) or row_of(choose, choose.choice(["closed", "sesame", "open", ""])))
        if row_id in shown:
            for number in set(hidden) - {STATE.number}:
                cells[number - 1] = row_of(choose, "")[number - 1]
        elif size == SIZE:
            cells[0] = choose.choice([TOO_LONG, "Zürich"])
        rows.append(cells)
    table = make(FIELDS, rows)
    scope = TableQuery.from_args([("q", "sesame"), ("f.7", "starts:open")], FIELDS)
    fields = tuple(field for field in FIELDS if field.number not in hidden)
    return World(table, TableRef(1, fields, (), tuple(field for field in FIELDS if field.number in hidden), scope))


def row_of(choose: random.Random, state: str) -> list[str]:
    return [
        choose.choice(WORDS),
        choose.choice(["1.50", "20.00", "300.00", ""]),
        choose.choice(WORDS),
        choose.choice(["2026-01-01", "2025-12-31", ""]),
        choose.choice(["7", "NA", "007", ""]),
        choose.choice(["yes", "no", ""]),
        state,
    ]


# -- what is asked -----------------------------------------------------------------------------------------------------

ROWS = range(-1, SIZE + 3)


def queries(world: World) -> Iterator[TableQuery]:
    yield world.query()
    for word in ("secret", "sesame", "secret oslo", "1.50", "zü", "2025", "yes"):
        yield world.query(("q", word))
    for field in world.fields:
        yield world.query(("sort", f"{field.number}"))
        yield world.query(("sort", f"-{field.number}"), ("q", "s"))
        yield world.query((f"f.{field.number}", "empty"))
        yield world.query((f"f.{field.number}", "filled"), ("sort", f"-{field.number}"))
        yield world.query().only_rows(((1, SIZE + 9),))


def forged_cursors(world: World, query: TableQuery) -> Iterator[str]:
    """Places that no page has told of: each row, whose sort key is to be read from it."""
    order, keys = ",".join(sort.argument for sort in query.sorts), ",true" * len(query.sorts)
    for row_id in ROWS:
        yield urlsafe_b64encode(f'["{order}",{row_id}{keys}]'.encode()).decode().rstrip("=")


def see_page(world: World) -> Iterator[Any]:
    for query in queries(world):
        cursors = list(forged_cursors(world, query)) if query.sorts else []
        starts = [PageStart(), PageStart(from_end=True), *(PageStart(at=row_id) for row_id in ROWS)]
        starts += [PageStart(after=text) for text in cursors] + [PageStart(before=text) for text in cursors[::9]]
        yield from (world.table.rows.page(world.seen, query, start, size=5) for start in starts)


def see_count(world: World) -> Iterator[Any]:
    yield from (world.table.rows.count(world.seen, query) for query in queries(world))


def see_position(world: World) -> Iterator[Any]:
    for query in queries(world):
        yield from (world.table.rows.position(world.seen, query, part / 7, seconds=9) for part in range(8))


def see_row(world: World) -> Iterator[Any]:
    for query in queries(world):
        yield from (world.table.rows.row(world.seen, query, row_id) for row_id in ROWS)


def see_has_row(world: World) -> Iterator[Any]:
    yield from (world.table.rows.has_row(world.seen, row_id) for row_id in ROWS)


def see_cell(world: World) -> Iterator[Any]:
    for field in world.fields:
        yield from (b"".join(world.table.rows.cell(world.seen, row_id, field)) for row_id in ROWS)


def see_cells(world: World) -> Iterator[Any]:
    yield world.table.rows.cells(world.seen, ROWS, world.fields)
    yield world.table.rows.cells(world.seen, ROWS, ())


def see_values(world: World) -> Iterator[Any]:
    yield from (world.table.rows.values(world.seen, ROWS, field) for field in world.fields)


def see_text_size(world: World) -> Iterator[Any]:
    yield from (world.table.rows.text_size(world.seen, [row_id], world.fields) for row_id in ROWS)


def see_batches(world: World) -> Iterator[Any]:
    for query in queries(world):
        yield list(world.table.rows.batches(world.seen, query, world.fields, 7))


def see_repeated_rows(world: World) -> Iterator[Any]:
    for field in world.fields:
        for keep in ("first", "last", "fullest"):
            yield list(world.table.rows.repeated_rows(world.seen, world.query(), [field], keep))  # type: ignore[arg-type]


def see_texts(world: World) -> Iterator[Any]:
    yield from (list(world.table.rows.texts(world.seen, field)) for field in world.fields)


def see_first_rows(world: World) -> Iterator[Any]:
    texts = [*WORDS, "Zürich", TOO_LONG, "1.50", "NA", "yes"]
    yield from (world.table.rows.first_rows(world.seen, field, texts) for field in world.fields)


def see_profile(world: World) -> Iterator[Any]:
    for field in world.fields:
        yield from (world.table.rows.profile(world.seen, query, field.number, 9) for query in queries(world))


def see_figures(world: World) -> Iterator[Any]:
    numbers = [field.number for field in world.fields]
    yield from (world.table.rows.figures(world.seen, query, numbers) for query in queries(world))


def see_groups(world: World) -> Iterator[Any]:
    for field in world.fields:
        grouping = Grouping(field, sums=tuple(each for each in world.fields if each.type in SUMMED))
        yield from (world.table.rows.groups(world.seen, query, grouping) for query in queries(world))


def see_aggregate(world: World) -> Iterator[Any]:
    for field in world.fields:
        axes = [Axis(field.number, 4), Axis(world.fields[0].number, 4)]
        yield from (world.table.rows.aggregate(world.seen, query, axes, Measure()) for query in queries(world))


def see_points(world: World) -> Iterator[Any]:
    for x in world.fields:
        yield from (world.table.rows.points(world.seen, q, x.number, x.number, 9) for q in queries(world))


def see_export(world: World) -> Iterator[Any]:
    for query in queries(world):
        for format in ("csv", "ndjson", "xlsx"):
            lines = list[int]()
            yield b"".join(world.table.rows.export(world.seen, query, format, on_rows=lines.append))  # type: ignore[arg-type]
            yield sum(lines)


def see_objects(world: World) -> Iterator[Any]:
    for query in queries(world):
        yield from (world.table.rows.objects(world.seen, query, ROWS, ObjectStyle(values)) for values in CELL_VALUES)


def see_stream_objects(world: World) -> Iterator[Any]:
    for query in queries(world):
        yield b"".join(world.table.rows.stream_objects(world.seen, query, ObjectStyle()))


def see_key_rows(world: World) -> Iterator[Any]:
    texts = [*WORDS, "Zürich", TOO_LONG, "1.50", "NA", "yes", ""]
    for field in world.fields:
        yield world.table.rows.key_rows(world.seen, [field], [(text,) for text in texts])


def see_ensure_exportable(world: World) -> Iterator[Any]:
    yield from (world.table.rows.ensure_exportable(world.seen, query, "xlsx") for query in queries(world))


def see_apply(world: World) -> Iterator[Any]:
    """Of each row a cell as it is, as it is not, and out of the scope and on."""
    for field in world.fields:
        empty = [CellChange(row_id, field, "", "") for row_id in ROWS]
        wrong = [CellChange(row_id, field, "never", "") for row_id in ROWS]
        yield world.table.write(lambda rows, changes=[*empty, *wrong]: rows.apply(world.seen, changes))


def see_insert(world: World) -> Iterator[Any]:
    row = StoredRow(SIZE + 1, tuple("" for _ in world.seen.stored))
    yield world.table.write(lambda rows: rows.insert(world.seen, [row]))
    yield from see_has_row(world)


def see_delete(world: World) -> Iterator[Any]:
    deleted = world.table.write(lambda rows: rows.delete(world.seen, ROWS))
    yield [(row.id, row.cells[: len(world.fields)]) for row in deleted]
    yield from see_has_row(world)


SEEN: dict[str, Callable[[World], Iterator[Any]]] = {
    name.removeprefix("see_"): function for name, function in list(globals().items()) if name.startswith("see_")
}
# What a narrowed reference cannot be used for: all rows, or columns that are stored elsewhere.
FOR_WHOLE_TABLES = {
    "add_column": (FIELDS[0],),
    "apply_entries": ([], lambda field: field),
    "compare": (FIELDS[0], FIELDS[2], 0, 9),
    "convert": (FIELDS[0], FIELDS[2], 0, 9),
    "convert_rows": (FIELDS[0], FIELDS[2], [1]),
    "has_search_index": (),
    "restore": ([],),
    "unmet": (FIELDS[0], ()),
}
# They make a table, and know none before.
MAKING = {"create"}


def asks_for_a_table(function: Callable[..., Any]) -> bool:
    return "table" in inspect.signature(function).parameters


def test_every_method_that_takes_a_table_is_asked() -> None:
    methods = {
        name
        for interface in (RowReader, RowWriter)
        for name, function in inspect.getmembers(interface, inspect.isfunction)
        if not name.startswith("_") and asks_for_a_table(function)
    }
    assert methods == SEEN.keys() | FOR_WHOLE_TABLES.keys() | MAKING


@pytest.mark.parametrize("name", SEEN)
def test_what_is_hidden_leaves_no_trace(worlds: tuple[World, World], name: str) -> None:
    first, second = ([*SEEN[name](world)] for world in worlds)
    assert first == second


def ask(table: StoredTable, name: str, seen: TableRef) -> Any:
    """What the method answers, of the reader or of the writer."""
    if hasattr(table.rows, name):
        return getattr(table.rows, name)(seen, *FOR_WHOLE_TABLES[name])
    return table.write(lambda rows: getattr(rows, name)(seen, *FOR_WHOLE_TABLES[name]))


@pytest.mark.parametrize("name", FOR_WHOLE_TABLES)
def test_what_is_about_all_of_a_table_refuses_a_part(make: Make, name: str) -> None:
    world, _ = make_worlds(make, (3, 7))
    for seen in (replace(world.seen, scope=None), replace(world.seen, hidden=())):
        with pytest.raises(ValueError, match="whole tables"):
            ask(world.table, name, seen)


def test_a_process_of_its_own_gets_no_part_of_a_table(make: Make) -> None:
    world, _ = make_worlds(make, (3, 7))
    for method in ("index_search", "convert"):
        assert asks_for_a_table(getattr(RowLoader, method))
    narrowed = {"id": 1, "fields": [], "kept": [], "hidden": [{"number": 1}], "scope": None}
    for data in (narrowed, narrowed | {"hidden": [], "scope": {"search": "x"}}):
        with pytest.raises(ValueError, match="whole tables"):
            TableRef.from_json(data)
    with pytest.raises(ValueError, match="search and filters"):
        replace(world.seen, scope=world.query().only_rows(((1, 2),)))


def test_a_hidden_column_is_refused_like_one_that_never_was(make: Make) -> None:
    world, _ = make_worlds(make, (3, 7))
    for args in ([("f.{}", "eq:secret")], [("sort", "{}")], [("cols", "{}")]):
        messages = [refusal(world, [(a.format(n), b.format(n)) for a, b in args]).replace(n, "…") for n in ("3", "9")]
        assert messages[0] == messages[1]
    with pytest.raises(QueryError):
        world.table.rows.profile(world.seen, world.query(), 3)


def refusal(world: World, args: list[tuple[str, str]]) -> str:
    with pytest.raises(UserError) as caught:
        world.query(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda rows, seen, field, whole: rows.page(seen, whole),
        lambda rows, seen, field, whole: rows.page(seen, replace(whole.sorted_by((3, False)), fields=seen.fields)),
        lambda rows, seen, field, whole: rows.count(seen, whole.with_filter(3, "empty")),
        lambda rows, seen, field, whole: rows.position(seen, whole, 0.5),
        lambda rows, seen, field, whole: rows.row(seen, whole, 1),
        lambda rows, seen, field, whole: rows.profile(seen, whole, 3),
        lambda rows, seen, field, whole: rows.figures(seen, whole, [3]),
        lambda rows, seen, field, whole: rows.groups(seen, whole, Grouping(whole.fields[0])),
        lambda rows, seen, field, whole: rows.groups(seen, TableQuery.of(seen.fields), Grouping(field)),
        lambda rows, seen, field, whole: rows.groups(
            seen, TableQuery.of(seen.fields), Grouping(seen.fields[0], sums=(field,))
        ),
        lambda rows, seen, field, whole: rows.aggregate(seen, whole, [Axis(3, 4)], Measure()),
        lambda rows, seen, field, whole: rows.points(seen, whole, 3, 3, 9),
        lambda rows, seen, field, whole: list(rows.export(seen, whole)),
        lambda rows, seen, field, whole: rows.objects(seen, whole, [1], ObjectStyle()),
        lambda rows, seen, field, whole: list(rows.stream_objects(seen, whole, ObjectStyle())),
        lambda rows, seen, field, whole: rows.key_rows(seen, [field], [("secret",)]),
        lambda rows, seen, field, whole: rows.ensure_exportable(seen, whole, "xlsx"),
        lambda rows, seen, field, whole: list(rows.batches(seen, whole, seen.fields)),
        lambda rows, seen, field, whole: list(rows.batches(seen, TableQuery.of(seen.fields), [field])),
        lambda rows, seen, field, whole: list(rows.repeated_rows(seen, TableQuery.of(seen.fields), [field], "first")),
        lambda rows, seen, field, whole: rows.cells(seen, [1], [field]),
        lambda rows, seen, field, whole: rows.values(seen, [1], field),
        lambda rows, seen, field, whole: list(rows.cell(seen, 1, field)),
        lambda rows, seen, field, whole: rows.text_size(seen, [1], [field]),
        lambda rows, seen, field, whole: list(rows.texts(seen, field)),
        lambda rows, seen, field, whole: rows.first_rows(seen, field, ["secret"]),
        lambda rows, seen, field, whole: rows.apply(seen, [CellChange(1, field, "", "")]),
    ],
)
def test_who_is_given_a_part_gets_no_more_by_asking_otherwise(make: Make, ask: Callable[..., Any]) -> None:
    """A query or a column of the whole table beside the reference to a part of it."""
    world, _ = make_worlds(make, (3, 7))
    with pytest.raises(QueryError, match=r"no column number [37]"):
        world.table.write(lambda rows: ask(rows, world.seen, FIELDS[2], TableQuery.of(FIELDS)))


# -- what is done ------------------------------------------------------------------------------------------------------


def test_hidden_cells_stay_and_are_still_found(make: Make, always_indexed: None) -> None:
    fields = (column(1, "city"), column(2, "note"), column(3, "state"))
    table = make(fields, [("Oslo", "violet", "open"), ("Bergen", "violet", "closed"), ("Rome", "yellow", "open")])
    assert table.build_search_index()
    scope = TableQuery.from_args([("f.3", "eq:open")], fields)
    seen = TableRef(1, fields[:1], (), fields[1:], scope)
    changes = [CellChange(row_id, fields[0], before, "Paris") for row_id, before in ((1, "Oslo"), (2, "Bergen"))]
    applied = table.write(lambda rows: rows.apply(seen, changes))
    assert [change.row_id for change in applied.done] == [1]
    assert [conflict.current for conflict in applied.conflicts] == [None]
    found = {word: ids(table.page(("q", word))) for word in ("paris", "oslo", "bergen", "violet", "yellow")}
    assert found == {"paris": [1], "oslo": [], "bergen": [2], "violet": [1, 2], "yellow": [3]}
    deleted = table.write(lambda rows: rows.delete(seen, [1, 2, 3]))
    assert deleted == [StoredRow(1, ("Paris", "violet", "open")), StoredRow(3, ("Rome", "yellow", "open"))]
    assert [ids(table.page(("q", word))) for word in ("violet", "yellow", "paris")] == [[2], [], []]


def test_several_changes_of_a_row_are_made_although_the_first_takes_it_out_of_the_scope(make: Make) -> None:
    fields = (column(1, "city"), column(2, "state"))
    table = make(fields, [("Oslo", "open")])
    seen = replace(table.ref, scope=TableQuery.from_args([("f.2", "eq:open")], fields))
    both = [CellChange(1, fields[1], "open", "closed"), CellChange(1, fields[0], "Oslo", "Rome")]
    assert table.write(lambda rows: rows.apply(seen, both)).done == both
    again = [CellChange(1, fields[0], "Rome", "Paris")]
    assert [each.current for each in table.write(lambda rows: rows.apply(seen, again)).conflicts] == [None]
