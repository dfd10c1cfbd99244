"""Texts that are parsed without being printed and compared are those that would be printed back."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webapp.rowstore.errors import CellValueError
from webapp.rowstore.sql.inserting import parse_value, parser
from webapp.rowstore.table_ref import Field
from webapp.types import TYPES

FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("integer", {}),
    ("integer", {"null": "7"}),
    *(
        ("decimal", {"style": style, "scale": scale, **more})
        for style in ("fixed", "plain", "point")
        for scale in (1, 2, 14)
        for more in ({}, {"mark": ","})
    ),
]
TEXTS = st.from_regex(r"-?[0-9]{0,20}([.,][0-9]{0,16})?\n?", fullmatch=True)


@pytest.mark.parametrize(("type_", "format"), FORMATS)
@given(text=TEXTS)
@example("7")
@example("-0")
@example("-0.0")
@example("0.00")
@example("-0,50")
@example("999999999999.99")
@example("9999999999999.99")
@example("999999999999999999")
@example("-9223372036854775809")
@example("00.5")
@example("1.50")
@example("1.5\n")
@example("\u0663.\u0665")
def test_a_shortcut_finds_what_the_whole_way_finds(type_: str, format: dict[str, Any], text: str) -> None:
    field = Field(1, "Number", type_, format)
    try:
        expected = parse_value(field, text)
    except ValueError:
        with pytest.raises(CellValueError):
            parser(field)(text)
        return
    found = parser(field)(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("type_", "format", "text"),
    [
        ("integer", {}, "-12"),
        ("decimal", {"style": "fixed", "scale": 2}, "12.50"),
        ("decimal", {"style": "plain", "scale": 2}, "12.5"),
        ("decimal", {"style": "point", "scale": 2, "mark": ","}, "-12,0"),
    ],
)
def test_usual_texts_take_it(type_: str, format: dict[str, Any], text: str) -> None:
    shortcut = TYPES[type_].shortcut(format)
    assert shortcut is not None
    assert shortcut[0].fullmatch(text)
