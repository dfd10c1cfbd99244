"""Both databases answer with the same bytes: the same rows in the same order, printed alike."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.imports.test_corpus import CORPUS, MANIFEST
from tests.rowstore.backends import StoredTable, make_table
from webapp.formats import open_source
from webapp.imports.inspect_file import inspect_file
from webapp.rowstore.errors import QueryError
from webapp.rowstore.objects import CELL_VALUES, ObjectStyle
from webapp.rowstore.postgresql.schema import LIMITS
from webapp.rowstore.table_ref import Field, TableRef

Args = list[tuple[str, str]]
Rows = Sequence[Sequence[str]]
ROWS = 400

# Every type, with formats that print in more than one way; some keep texts.
FIELDS = (
    Field(1, "text", "text", {}),
    Field(2, "word", "text", {"null": "NA"}),
    Field(3, "whole", "integer", {"group": ",", "negative": "parentheses"}),
    Field(4, "money", "decimal", {"style": "fixed", "scale": 2, "prefix": "$", "null": "-"}, keeps_texts=True),
    Field(5, "plain", "decimal", {"style": "plain", "scale": 3, "mark": ","}, keeps_texts=True),
    Field(6, "point", "decimal", {"style": "point", "scale": 6}),
    Field(7, "paid", "boolean", {"true": "ja", "false": "nein"}, keeps_texts=True),
    Field(8, "day", "date", {"layout": "D Mon YYYY"}, keeps_texts=True),
    Field(9, "at", "datetime", {"layout": "DD.MM.YYYY HH:mm+02:00"}),
    Field(10, "clock", "time", {"layout": "h:mm AM"}),
    Field(11, "took", "duration", {"layout": "h:mm:ss"}, keeps_texts=True),
    Field(12, "count", "integer", {}, keeps_texts=True),
)
TEXTS = (
    *(
        "",
        "a",
        "A",
        "ab",
        "AB c",
        "é",
        "É",
        "ß",
        "SS",
        "\u017f",
        "\u0130",
        "i",
        "I",
        "K",
        "\u212a",
        "Я",
        "я",
        "日本語",
        "\0",
        "a\0b",
    ),
    *(
        "␀",
        "␛",
        "␛␀",
        " a ",
        "a\nb",
        "a\r\nb",
        'say "hi"',
        "a,b",
        "=1+1",
        "'x",
        "<b>",
        "\U0001f600",
        "\uffff",
        "x" * 700,
    ),
    *("y" * 499 + "a", "y" * 499 + "b", "y" * 500 + "a", "y" * 500 + "B", "%", "_", "a%b", "a_b", "\\", "\t"),
)
ODD = ("NA", "n/a", "?", "<5", "1e3", "007", "\0", "é", "31.13.2020", "0.1", "1234.5678901234567")


@dataclass
class Pair:
    tables: tuple[StoredTable, StoredTable]

    @property
    def ref(self) -> TableRef:
        return self.tables[0].ref

    def answers(self, ask: Any) -> list[Any]:
        return [ask(table) for table in self.tables]


@pytest.fixture
def load(both: tuple[Any, Any]) -> Iterator[Any]:
    """`load(fields, rows)`: the same table in both."""
    with ExitStack() as opened:

        def load_(fields: Sequence[Field], rows: Rows) -> Pair:
            tables = [make_table(backend, fields, rows) for backend in both]
            for table in tables:
                opened.enter_context(table.opened)
            return Pair((tables[0], tables[1]))

        yield load_


def some_rows(numbers: random.Random) -> Iterator[tuple[str, ...]]:
    """Texts that their columns print back or, where they keep texts, anything."""
    for _ in range(ROWS):
        values: list[Any] = [
            *(None, None, numbers.randint(-(10 ** numbers.randint(0, 18)), 10**12)),
            *(numbers.randint(-(10**9), 10**9) / 10 ** numbers.randint(0, 2) for _ in range(3)),
            numbers.random() < 0.5,
            f"{numbers.randint(1, 9999):04}-{numbers.randint(1, 12):02}-{numbers.randint(1, 28):02}",
        ]
        values.append(f"{values[-1]}T{numbers.randint(0, 23):02}:{numbers.randint(0, 59):02}")
        values += [values[-1][-5:], numbers.randint(0, 10**6) / numbers.choice([1, 2, 3, 7]), numbers.randint(-9, 9)]
        yield tuple(map(lambda field, value: _text(field, value, numbers), FIELDS, values))


def _text(field: Field, value: Any, numbers: random.Random) -> str:
    if field.type == "text":
        return numbers.choice(TEXTS)
    if numbers.random() < 0.15:
        return field.empty_text
    if field.keeps_texts and numbers.random() < 0.2:
        return numbers.choice(ODD)
    text = field.print_value(value)
    return text if field.keeps_texts or field.kind.read(text, field.format) is not None else field.empty_text


def queries(pair: Pair, rows: Rows, numbers: random.Random) -> Iterator[Args]:
    """Each column in both orders, each operator with a text of some cell, and searches."""
    rows = rows or [("1",) * len(pair.ref.fields)]
    yield []
    for place, field in enumerate(pair.ref.fields[:40]):
        yield [("sort", str(field.number))]
        yield [("sort", f"-{field.number}"), ("q", numbers.choice(rows)[place])]
        for operator in field.operators:
            one, other = (numbers.choice(rows)[place] for _ in range(2))
            value = {"between": f"{one},{other}", "oneof": f"{one},{other},"}.get(operator, one)
            yield [(f"f.{field.number}", f"{operator}:{value}"), ("sort", str(-numbers.randint(1, field.number)))]
    first = pair.ref.fields[0].number
    for text in ("a", "e", "é", "я", "k", "ss", "日", "a b", '"a b"', "%", "1", ".0", "20"):
        yield [("q", text)]
        yield [(f"f.{first}", f"contains:{text}"), ("sort", f"-{first}")]


def assert_equal(pair: Pair, rows: Rows) -> None:
    for args in queries(pair, rows, random.Random(1)):
        try:
            queried = [table.query(*args) for table in pair.tables]
        except QueryError:  # a text that is no value of its column, say
            continue
        lines = pair.answers(lambda table, args=args: table.export(*args, format="ndjson"))
        assert lines[0] == lines[1], args
        counts = [table.count(query=query) for table, query in zip(pair.tables, queried, strict=True)]
        assert counts[0] == counts[1], args
    for format in ("csv", "json", "xlsx"):
        for args in ([], [("sort", str(-pair.ref.fields[0].number))]):
            one, other = pair.answers(lambda table, args=args, format=format: table.export(*args, format=format))
            assert one == other, (format, args)
    assert pair.tables[0].export(safe=True) == pair.tables[1].export(safe=True)
    for values in CELL_VALUES:
        style = ObjectStyle(values, by_number=True)
        one, other = pair.answers(
            lambda table, style=style: b"".join(table.rows.stream_objects(table.ref, table.query(), style))
        )
        assert one.splitlines() == other.splitlines()
    one, other = pair.answers(StoredTable.all_rows)
    assert one == other


def test_a_table_of_every_type(load: Any) -> None:
    rows = list(some_rows(random.Random(7)))
    pair = load(FIELDS, rows)
    assert pair.tables[0].all_rows() != []
    assert_equal(pair, rows)


def loaded(name: str) -> tuple[list[Field], list[list[str]]]:
    report = inspect_file(CORPUS / name, name)
    fields = [
        Field(number, column.title, column.type, column.format, column.keeps_texts)
        for number, column in enumerate(report.columns, 1)
    ]
    return fields, [list(row) for batch in open_source(CORPUS / name, report.options).batches() for row in batch.rows]


# Those that are tables with columns for which PostgreSQL has room.
FITTING = [name for name, said in MANIFEST.items() if "error" not in said and said.get("ncols", 0) <= LIMITS.columns]


@pytest.mark.parametrize("name", FITTING)
def test_a_file_of_the_corpus(load: Any, name: str) -> None:
    fields, rows = loaded(name)
    some = rows[:1_000] + rows[-1_000:]
    assert_equal(load(fields, some), some)
