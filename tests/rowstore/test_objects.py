"""Rows as JSON objects for programs: each type, exactly; and what they send back."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from webapp.rowstore.cell_input import Misfit, read_input
from webapp.rowstore.json_input import text_from_json
from webapp.rowstore.objects import CELL_VALUES, CellValues, ObjectStyle
from webapp.rowstore.table_ref import Field

FIELDS = (
    column(1, 'te"xt'),
    column(2, "whole", "integer", {"group": ","}),
    column(3, "price", "decimal", {"style": "fixed", "scale": 2, "mark": ","}),
    column(4, "paid", "boolean", {"true": "ja", "false": "nein"}),
    column(5, "day", "date", {"layout": "DD.MM.YYYY"}),
    column(6, "at", "datetime", {"layout": "DD.MM.YYYY HH:mm+02:00"}),
    column(7, "time", "time", {"layout": "HH:mm"}),
    column(8, "took", "duration", {"layout": "h:mm"}),
)
ROW = ('a\0"\n␀', "9,223,372,036,854,775,807", "2,50", "ja", "01.03.2026", "01.03.2026 09:30+02:00", "09:30", "1:30")
TYPED = {
    'te"xt': 'a\0"\n␀',
    "whole": 2**63 - 1,
    "price": Decimal("2.50"),
    "paid": True,
    "day": "2026-03-01",
    "at": "2026-03-01T09:30+02:00",
    "time": "09:30",
    "took": 5400,
}


def read(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line, parse_float=Decimal)
    return found


def test_each_type_is_written_exactly(make: Make) -> None:
    table = make(FIELDS, [ROW, ("",) * 8])

    full, empty = map(read, table.rows.objects(table.ref, table.query(), [1, 2, 3], ObjectStyle()))

    assert full == {"id": 1, "cells": TYPED}
    assert empty == {"id": 2, "cells": dict.fromkeys(TYPED)}


def test_numbers_are_strings_on_request_and_cells_are_texts_byte_for_byte(make: Make) -> None:
    table = make(FIELDS, [ROW])

    (strings,) = table.rows.objects(table.ref, table.query(), [1], ObjectStyle("strings", by_number=True))
    (texts,) = table.rows.objects(table.ref, table.query(("cols", "3,2")), [1], ObjectStyle("text"))

    cells = read(strings)["cells"]
    assert (cells["2"], cells["3"], cells["4"], cells["8"]) == ("9223372036854775807", "2.50", True, "5400")
    assert list(read(texts)["cells"].items()) == [("price", "2,50"), ("whole", "9,223,372,036,854,775,807")]


def test_a_cell_with_a_text_of_its_own_has_its_value_or_else_its_text(make: Make) -> None:
    kept = replace(column(1, "n", "decimal", {"style": "fixed", "scale": 1}), keeps_texts=True)
    table = make((kept,), [("2.5",), ("2.555",), ("1,000.25",), ("NA",), ("",)])

    found = table.rows.objects(table.ref, table.query(), [1, 2, 3, 4, 5], ObjectStyle())

    assert [read(line)["cells"]["n"] for line in found] == [
        *map(Decimal, ("2.5", "2.555", "1000.25")),
        "NA",
        None,
    ]


@pytest.mark.parametrize("sort", ["", "-1"])
def test_a_stream_has_the_same_objects_as_pages(make: Make, sort: str) -> None:
    table = make(FIELDS, [ROW, *[("a" * 300, str(number), "", "", "", "", "", "") for number in range(700)]])
    query = table.query(("sort", sort), ("f.2", "lt:600"))
    ids = [row_id for row_id in range(1, 702) if row_id == 1 or row_id < 602]

    streamed = b"".join(table.rows.stream_objects(table.ref, query, ObjectStyle())).splitlines(keepends=True)
    found = table.rows.objects(table.ref, query, ids[1:], ObjectStyle())

    assert sorted(streamed) == sorted(found)
    assert len(streamed) == 600


@settings(max_examples=60)
@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=4), min_size=1, max_size=5))
def test_decimals_go_out_and_come_back_as_they_are(make: Make, numbers: list[Decimal]) -> None:
    field = replace(column(1, "n", "decimal", {"style": "plain", "scale": 2}), keeps_texts=True)
    table = make((field,), [("0",)])

    texts = [read_input(table.rows, field, text_from_json(field, number)).text for number in numbers]
    table.refill([(text,) for text in texts])
    lines = table.rows.objects(table.ref, table.query(), range(1, len(numbers) + 1), ObjectStyle())

    assert [Decimal(read(line)["cells"]["n"]) for line in lines] == numbers


@pytest.mark.parametrize("values", CELL_VALUES)
def test_what_was_read_can_be_sent_back(make: Make, values: CellValues) -> None:
    table = make(FIELDS, [ROW])
    (line,) = table.rows.objects(table.ref, table.query(), [1], ObjectStyle(values))

    sent = read(line)["cells"]

    texts = [text_from_json(field, sent[field.title], values) for field in FIELDS]
    assert [read_input(table.rows, field, text).text for field, text in zip(FIELDS, texts, strict=True)] == list(ROW)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (FIELDS[0], 5, "a text"),
        (FIELDS[0], [], "a text"),
        (FIELDS[1], Decimal("1.5"), "whole number"),
        (FIELDS[1], 2**63, "64 bits"),
        (FIELDS[1], Decimal("1e999999"), "whole number"),
        (FIELDS[1], True, "whole number"),
        (FIELDS[2], Decimal("0.1234567890123456789"), "15 digits"),
        (FIELDS[2], Decimal("1e999"), "too large"),
        (FIELDS[2], 10**4000, "too large"),
        (FIELDS[2], {"a": 1}, "a number"),
        (FIELDS[3], 1, "true or false"),
        (FIELDS[4], 20260301, "a day"),
        (FIELDS[6], True, "a time"),
    ],
)
def test_a_value_of_another_type_is_refused(field: Field, value: Any, expected: str) -> None:
    with pytest.raises(Misfit, match=expected):
        text_from_json(field, value)


def test_rows_are_found_by_the_texts_of_several_columns(make: Make) -> None:
    table = make(FIELDS[:2], [("a\0", "1"), ('b"', "2"), ("a\0", "1"), ("a\0", "2"), ("é\n\x7f", "")])
    keys = [("a\0", "1"), ('b"', "2"), ("b", "2"), ("é\n\x7f", "")]

    found = table.rows.key_rows(table.ref, table.fields, keys)

    assert found == {("a\0", "1"): (1, 2), ('b"', "2"): (2, 1), ("é\n\x7f", ""): (5, 1)}
    assert table.rows.key_rows(table.ref, table.fields[1:], [("2",)]) == {("2",): (2, 2)}
