"""A type is taken only when every value goes into SQLite and comes out again byte for byte."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rowstore.backends import column, loaded_in_memory
from tests.types.test_number_format import number_formats
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import TableRef
from webapp.types import TYPES, Choice
from webapp.types.guess import TypeGuesser

SEPARATORS = "-/."
ORDERS = ["YYYY}-{MM}-{DD", "YYYY}-{m}-{d", "DD}-{MM}-{YYYY", "d}-{m}-{YYYY", "MM}-{DD}-{YYYY", "m}-{d}-{YYYY"]
DATES = st.dates(min_value=date(1, 1, 1))


def guessed(values: Sequence[str]) -> TypeGuesser:
    guess = TypeGuesser()
    guess.add(values)
    return guess


def decided(values: Sequence[str]) -> list[Choice]:
    """What the column may have without keeping texts, text included."""
    decision = guessed(values).decide()
    choices = [decision.choice, *decision.choices, Choice("text")]
    return [choice for choice in choices if not choice.keeps_texts]


def through_sqlite(choice: Choice, values: Sequence[str]) -> list[str]:
    """Insert as an import does, read as an export does."""
    kind, fields = TYPES[choice.type], [column(1, "c", choice.type, choice.format)]
    with loaded_in_memory(fields, [(value,) for value in values]) as reader:
        stored = [_decoded(row[0]) for row in reader.connection.execute(Sql("SELECT c1 FROM t1 ORDER BY rowid"))]
        printed = reader.cells(TableRef(1, tuple(fields)), range(1, len(values) + 1), fields)
    assert stored == [kind.parse(value, choice.format) for value in values]
    assert [kind.print(value, choice.format) for value in stored] == list(values)
    return [printed[row_id][0] for row_id in sorted(printed)]


def _decoded(stored: Any) -> Any:
    return decode(stored) if isinstance(stored, str) else stored


def decimals() -> st.SearchStrategy[list[str]]:
    def of(scale: int) -> st.SearchStrategy[str]:
        limit = 10 ** (15 - scale) - 1
        whole = st.integers(-limit, limit).map(str)
        fraction = st.integers(0, 10**scale - 1).map(lambda number: f"{number:0{scale}}")
        return st.tuples(whole, st.sampled_from(".,"), fraction).map("".join)

    return st.integers(1, 15).flatmap(lambda scale: st.lists(of(scale), min_size=1))


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(str),
    st.sampled_from(["0", "-0", "0.0", "-0.0", "00", "+1", "1e5", ".5", "5.", " 7", "1_000", "0.00001", "nan", "١٢"]),
    st.from_regex(r"-?[0-9]{1,4}[.,]?[0-9]{0,4}", fullmatch=True),
)


def written(day: date, pattern: str) -> str:
    fields = {"YYYY": f"{day.year:04}", "MM": f"{day.month:02}", "DD": f"{day.day:02}", "m": day.month, "d": day.day}
    pattern = pattern.replace("%A", day.strftime("%A")).replace("%a", day.strftime("%a"))
    return pattern.format_map(fields | {"Mon": day.strftime("%b"), "MON": day.strftime("%b").upper()})


NUMERIC = [f"{{{order}}}".replace("-", separator) for separator in SEPARATORS for order in ORDERS]
WEEK_PATTERNS = ["%G-W%V", "%G-W%V-%u", "%GW%V", "%GW%V%u"]
NAMED_PATTERNS = ["%A, {DD}/{MM}/{YYYY}", "%a {m}/{d}/{YYYY}", "%a, {d} {Mon} {YYYY}", "%A {YYYY}-{MM}-{DD}"]
DAY_PATTERNS = [
    *NUMERIC,
    *NAMED_PATTERNS,
    "{DD}-{Mon}-{YYYY}",
    "{d} {Mon} {YYYY}",
    "{DD}-{MON}-{YYYY}",
    "{Mon} {d}, {YYYY}",
]
TIME_PATTERNS = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S%p"]
ZONES = ["", "Z", "+02:00", "-0530"]


@given(st.lists(NUMBERS, min_size=1))
def test_recognised_numbers_print_back(values: list[str]) -> None:
    for choice in decided(values):
        assert through_sqlite(choice, values) == values


@given(decimals())
def test_decimals_of_fifteen_digits_print_back(values: list[str]) -> None:
    for choice in decided(values):
        assert through_sqlite(choice, values) == values


@given(number_formats(), st.sampled_from(["integer", "fixed", "plain", "point"]), st.integers(1, 6), st.data())
def test_grouped_and_decorated_numbers_print_back(
    format: dict[str, object], style: str, scale: int, data: st.DataObject
) -> None:
    """The column of such numbers, in whatever format is found for it, and as they were made."""
    if style == "integer":
        numbers = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
        made = Choice("integer", TYPES["integer"].check(format))
    else:
        limit = 10**15 - 1
        numbers = data.draw(st.lists(st.integers(-limit, limit).map(lambda n: n / 10**scale), min_size=1))
        made = Choice("decimal", TYPES["decimal"].check({**format, "style": style, "scale": scale}))
    values = [TYPES[made.type].print(number, made.format) for number in numbers]
    assert through_sqlite(made, values) == values
    for choice in decided(values):
        assert through_sqlite(choice, values) == values


def test_decimals_of_equal_length_are_decimals() -> None:
    assert guessed(["0.10", "-12345678.25", "7.00"]).decide().choice == Choice(
        "decimal", {"style": "fixed", "scale": 2}
    )


@given(st.sampled_from(DAY_PATTERNS), st.lists(DATES, min_size=1))
def test_dates_print_back_in_every_layout(pattern: str, days: list[date]) -> None:
    values = [written(day, pattern) for day in days]
    choices = [choice for choice in decided(values) if choice.type == "date"]
    assert choices
    for choice in choices:
        assert through_sqlite(choice, values) == values


@given(st.sampled_from(WEEK_PATTERNS), st.lists(DATES, min_size=1))
def test_weeks_and_their_days_print_back(pattern: str, days: list[date]) -> None:
    iso = [day.isocalendar() for day in days]
    values = [
        pattern.replace("%G", f"{year:04}").replace("%V", f"{week:02}").replace("%u", str(weekday))
        for year, week, weekday in iso
    ]
    choice, *_ = decided(values)
    assert (choice.type, choice.format) == (
        "date",
        {"layout": pattern.replace("%G", "YYYY").replace("%V", "ww").replace("%u", "D")},
    )
    assert through_sqlite(choice, values) == values
    first = [day if "%u" in pattern else date.fromordinal((day.toordinal() - 1) // 7 * 7 + 1) for day in days]
    assert [TYPES["date"].parse(value, choice.format) for value in values] == [day.isoformat() for day in first]


@given(
    st.sampled_from(NUMERIC),
    st.sampled_from(" T"),
    st.sampled_from(TIME_PATTERNS),
    st.sampled_from(ZONES),
    st.lists(st.datetimes(min_value=datetime(1, 1, 1)), min_size=1),
)
def test_times_print_back_in_every_layout(pattern: str, gap: str, clock: str, zone: str, times: list[datetime]) -> None:
    values = [f"{written(time, pattern)}{gap}{time.strftime(clock)}{zone}" for time in times]
    choices = [choice for choice in decided(values) if choice.type != "text"]
    assert {choice.type for choice in choices} == {"datetime"}
    for choice in choices:
        assert through_sqlite(choice, values) == values


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_prints_back(values: list[str]) -> None:
    for choice in decided(values):
        assert through_sqlite(choice, values) == values


@given(st.lists(st.sampled_from(["yes", "no", ""])))
def test_booleans_print_back_in_the_words_of_the_file(values: list[str]) -> None:
    choice = guessed(values).decide().choice
    assert choice.type == ("boolean" if {"yes", "no"} <= set(values) else "text")
    assert through_sqlite(choice, values) == values


def test_zeros_and_ones_are_integers_by_default() -> None:
    guess = guessed(["0", "1", "1"])
    assert guess.decide().choice.type == "integer"
    assert Choice("boolean", {"true": "1", "false": "0"}) in guess.decide().choices


@pytest.mark.parametrize(
    ("kind", "format", "typed", "stored"),
    [
        ("integer", {}, " +5 ", 5),
        ("decimal", {"style": "fixed", "scale": 2}, "5", 5.0),
        ("decimal", {"style": "fixed", "scale": 2, "mark": ","}, "5,5", 5.5),
        ("boolean", {"true": "ja", "false": "nein"}, "Ja", 1),
        ("boolean", {"true": "ja", "false": "nein"}, "false", 0),
        ("date", {"layout": "DD/MM/YYYY"}, "3/4/2024", "2024-04-03"),
        ("date", {"layout": "MM/DD/YYYY"}, "3/4/2024", "2024-03-04"),
        ("date", {"layout": "DD/MM/YYYY"}, "2024-04-03", "2024-04-03"),
        ("datetime", {"layout": "DD/MM/YYYY HH:mm"}, "3/4/2024 9:05", "2024-04-03T09:05"),
        ("datetime", {"layout": "DD/MM/YYYY HH:mm"}, "03/04/2024", "2024-04-03"),
        ("datetime", {"layout": "YYYY-MM-DD HH:mm:ss"}, "2024-04-03T09:05:06", "2024-04-03T09:05:06"),
        ("text", {}, "x", "x"),
    ],
)
def test_typed_values_are_parsed_in_several_spellings(
    kind: str, format: dict[str, object], typed: str, stored: object
) -> None:
    assert TYPES[kind].parse_input(typed, format) == stored


@pytest.mark.parametrize(("kind", "typed"), [("integer", "1.5"), ("decimal", "x"), ("boolean", "2"), ("date", "4/24")])
def test_typed_values_of_another_type_are_refused(kind: str, typed: str) -> None:
    formats: dict[str, dict[str, object]] = {
        "decimal": {"style": "plain", "scale": 2},
        "boolean": {"true": "yes", "false": "no"},
    }
    with pytest.raises(ValueError, match=typed):
        TYPES[kind].parse_input(typed, formats.get(kind, {}))


@pytest.mark.parametrize(
    ("kind", "format"),
    [
        ("date", {"layout": "DD/MM"}),
        ("date", {"layout": "YYYY-MM-DD'); DROP TABLE t--"}),
        ("date", {"layout": "YYYY-MM-DD HH:mm"}),
        ("datetime", {"layout": "YYYY-MM-DD"}),
        ("datetime", {"layout": "YYYY-Www HH:mm"}),
        ("date", {"layout": "YYYY-MM-Www"}),
        ("date", {"layout": "Www"}),
        ("date", {"layout": "Dy YYYY-MM"}),
        ("date", {"layout": "YYYY-MM-DD Dy"}),
        ("time", {"layout": "Dy HH:mm"}),
        ("decimal", {"style": "fixed", "scale": "2"}),
        ("decimal", {"style": "fixed", "scale": 2, "mark": "'"}),
        ("boolean", {"true": "x", "false": "x"}),
        ("boolean", {"true": "a\0", "false": "x"}),
        ("integer", {"null": "\0"}),
        ("integer", {"null": "x" * 21}),
    ],
)
def test_a_user_supplied_format_is_validated(kind: str, format: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        TYPES[kind].check(format)


def test_times_with_a_zone_are_stored_without_it_and_sort() -> None:
    moments = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)]
    values = [moment.strftime("%d.%m.%Y %H:%M:%SZ") for moment in moments] + ["31.12.2023 00:00:00Z"]
    choice = guessed(values).decide().choice
    stored = [str(TYPES[choice.type].parse(value, choice.format)) for value in values]
    assert sorted(stored) == ["2023-12-31T00:00:00", "2024-01-01T00:00:00", "2024-01-02T00:00:00"]
