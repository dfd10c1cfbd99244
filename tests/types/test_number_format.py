"""The grammar of number formats: what prints reads back, and what a text may mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.types import TYPES
from webapp.types.number_format import GROUPS, NEGATIVES, read_number

PREFIXES = ["", "$", "€ ", "€\u00a0", "USD ", "R$ ", "CHF\u202f"]
SUFFIXES = ["", "%", " %", " €", "\u00a0€", " EUR", "‰", " zł"]


@st.composite
def number_formats(draw: st.DrawFn) -> dict[str, object]:
    mark = draw(st.sampled_from(".,"))
    group = draw(st.sampled_from(["", *(group for group in GROUPS if group != mark)]))
    affix = draw(st.sampled_from(["prefix", "suffix", "none"]))
    format: dict[str, object] = {
        "mark": mark if mark == "," else "",
        "group": group,
        "indian": group == "," and draw(st.booleans()),
        "negative": draw(st.sampled_from(list(NEGATIVES))),
        "prefix": draw(st.sampled_from(PREFIXES)) if affix == "prefix" else "",
        "suffix": draw(st.sampled_from(SUFFIXES)) if affix == "suffix" else "",
    }
    return {key: value for key, value in format.items() if value}


@given(number_formats(), st.integers(-(10**15) + 1, 10**15 - 1))
def test_every_format_of_integers_reads_what_it_prints(format: dict[str, object], number: int) -> None:
    kind = TYPES["integer"]
    format = kind.check(format)
    assert kind.parse(kind.print(number, format), format) == number


@given(number_formats(), st.sampled_from(["fixed", "plain", "point"]), st.integers(1, 6), st.integers(-(10**9), 10**9))
def test_every_format_of_decimals_reads_what_it_prints(
    format: dict[str, object], style: str, scale: int, number: int
) -> None:
    kind = TYPES["decimal"]
    format = kind.check({**format, "style": style, "scale": scale})
    value = number / 10**scale
    assert kind.parse(kind.print(value, format), format) == value


PRINTED = [
    ({"group": ","}, 37400068, "37,400,068"),
    ({"group": ",", "indian": True}, 1234567, "12,34,567"),
    ({"group": ",", "indian": True}, 999, "999"),
    ({"prefix": "$", "negative": "parentheses"}, -5, "($5)"),
    ({"prefix": "$", "negative": "inside"}, -5, "$-5"),
    ({"prefix": "$"}, -5, "-$5"),
    ({"suffix": " €", "negative": "trailing"}, -5, "5 €-"),
    ({"negative": "minus"}, -5, "\u22125"),
    ({"style": "fixed", "scale": 2, "prefix": "$", "group": ","}, 1000.5, "$1,000.50"),
    ({"style": "fixed", "scale": 2, "mark": ",", "group": "."}, 1141.18, "1.141,18"),
    ({"style": "fixed", "scale": 1, "suffix": " %"}, 12.5, "12.5 %"),
    ({"style": "plain", "scale": 2, "group": "\u202f", "mark": ","}, -1234567, "-1\u202f234\u202f567"),
]


@pytest.mark.parametrize(("format", "value", "text"), PRINTED, ids=[text for _, _, text in PRINTED])
def test_a_number_is_printed_as_its_format_says(format: dict[str, object], value: float, text: str) -> None:
    kind = TYPES["decimal" if "style" in format else "integer"]
    assert kind.print(value, kind.check(format)) == text
    assert kind.parse(text, format) == value


READ = {
    ".": {
        "1,234": 1234,
        "1,234.5": 1234.5,
        "1 234.5": 1234.5,
        "1\u00a0234": 1234,
        "1\u202f234": 1234,
        "1'234'567.5": 1234567.5,
        "1\u2019234": 1234,
        "12,34,567.25": 1234567.25,
        "$1,000.50": 1000.5,
        "-$5": -5,
        "$-5": -5,
        "($5.25)": -5.25,
        "(12)": -12,
        "5 USD": 5,
        "CHF 1'200.00": 1200,
        "12.5 %": 12.5,
        "12%": 12,
        "12-": -12,
        "\u22123": -3,
        "+4": 4,
        ".5": 0.5,
        "-.66": -0.66,
        "5.": 5,
        "8.99E-05": 8.99e-05,
        "1e5": 100000,
        "0.1234567890123456": 0.1234567890123456,
        "007": 7,
        "-0": 0,
    },
    ",": {"1.141,18": 1141.18, "1,5": 1.5, "1.234": 1234, "1 234,50 €": 1234.5, "70,5": 70.5, ",5": 0.5},
}
MEANINGLESS = [
    "", "1_000", "nan", "inf", "1e999", "١٢", "12,34",
    "1,2345", "1,,234", "1,234 567", "0,123", "--5", "-(5)",
    "(5", "5)", "$", "%", "-", ".", "1.2.3", "10.0.0.1",
    "1 2", "5 kg", "\n5", "5\n", "0x10", "1-2", "+-5", "-5-", "1e", "9" * 61,
]  # fmt: skip


@pytest.mark.parametrize(("mark", "text"), [(mark, text) for mark, texts in READ.items() for text in texts])
def test_a_number_is_read_however_it_is_written(mark: str, text: str) -> None:
    assert TYPES["decimal"].read(text, {"style": "plain", "scale": 2, "mark": mark}) == READ[mark][text]


@pytest.mark.parametrize("text", MEANINGLESS)
def test_what_only_resembles_a_number_has_no_value(text: str) -> None:
    assert read_number(text, ".") is None
    assert TYPES["integer"].read(text, {}) is None


def test_the_grammar_has_no_spaces_around_a_number() -> None:
    assert read_number(" 7", ".") is read_number("7 ", ".") is None


def test_a_whole_number_is_read_without_loss_or_not_at_all() -> None:
    kind = TYPES["integer"]
    assert kind.read("9,223,372,036,854,775,807", {}) == 2**63 - 1
    assert kind.read("9,223,372,036,854,775,808", {}) is None
    assert kind.read("5.00", {}) == 5
    assert kind.read("5.5", {}) is None
    assert kind.read("1.234.567", {"mark": ","}) == 1234567


@pytest.mark.parametrize(
    ("kind", "format", "typed", "value"),
    [
        ("decimal", {"style": "fixed", "scale": 2}, "70,5", 70.5),
        ("decimal", {"style": "fixed", "scale": 2}, "1,234", 1234),
        ("decimal", {"style": "fixed", "scale": 2, "mark": ","}, "1,234", 1.234),
        ("decimal", {"style": "fixed", "scale": 2, "mark": ","}, "70.5", 70.5),
        ("decimal", {"style": "fixed", "scale": 2, "mark": ","}, "1.234", 1234),
        ("integer", {"group": ","}, "1000", 1000),
        ("integer", {}, "1,000", 1000),
        ("integer", {}, "1.000.000", 1000000),
        ("integer", {"prefix": "$"}, "5", 5),
    ],
)
def test_a_typed_number_is_read_in_the_style_of_the_column_first(
    kind: str, format: dict[str, object], typed: str, value: float
) -> None:
    assert TYPES[kind].parse_input(typed, format) == value


@pytest.mark.parametrize(
    "format",
    [
        {"group": ";"},
        {"group": ",", "mark": ","},
        {"group": "."},
        {"indian": True},
        {"prefix": "'); DROP TABLE t--"},
        {"prefix": "12"},
        {"suffix": "\0"},
        {"suffix": 5},
        {"negative": "red"},
    ],
)
def test_a_number_format_of_a_user_is_validated(format: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no way to write numbers"):
        TYPES["integer"].check(format)


def test_a_number_format_has_a_description_and_a_name() -> None:
    kind, format = TYPES["decimal"], {"style": "fixed", "scale": 2, "prefix": "$", "group": ",", "negative": "inside"}
    assert kind.describe(format) == "decimal, 2 decimals, grouped by commas, $ before, minus after the prefix"
    assert kind.format_name(format) == "$#,##0.00;$-#,##0.00"
    assert TYPES["integer"].format_name({"group": "."}) == "#.##0"
    assert TYPES["integer"].describe({"suffix": " %"}) == "integer, % after"
