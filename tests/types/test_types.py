"""A type is taken only when every value goes into SQLite and comes out again byte for byte."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rowstore.backends import column, loaded_in_memory
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.table_ref import TableRef
from webapp.types import TYPES, Choice
from webapp.types.guess import ChosenType, TypeGuesser

SEPARATORS = "-/."
ORDERS = ["YYYY}-{MM}-{DD", "YYYY}-{m}-{d", "DD}-{MM}-{YYYY", "d}-{m}-{YYYY", "MM}-{DD}-{YYYY", "m}-{d}-{YYYY"]
DATES = st.dates(min_value=date(1, 1, 1))


def guessed(values: Sequence[str]) -> TypeGuesser:
    guess = TypeGuesser()
    guess.add(values)
    return guess


def through_sqlite(choice: Choice, values: Sequence[str]) -> list[str]:
    """Insert as an import does, read as an export does."""
    kind, fields = TYPES[choice.type], [column(1, "c", choice.type, choice.format)]
    with loaded_in_memory(fields, [(value,) for value in values]) as reader:
        stored = [_decoded(row[0]) for row in reader.execute(Sql("SELECT c1 FROM t1 ORDER BY rowid"))]
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
    return pattern.format_map(fields | {"Mon": day.strftime("%b"), "MON": day.strftime("%b").upper()})


NUMERIC = [f"{{{order}}}".replace("-", separator) for separator in SEPARATORS for order in ORDERS]
DAY_PATTERNS = [*NUMERIC, "{DD}-{Mon}-{YYYY}", "{d} {Mon} {YYYY}", "{DD}-{MON}-{YYYY}", "{Mon} {d}, {YYYY}"]
TIME_PATTERNS = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S%p"]
ZONES = ["", "Z", "+02:00", "-0530"]


@given(st.lists(NUMBERS, min_size=1))
def test_recognised_numbers_print_back(values: list[str]) -> None:
    for choice in [guessed(values).decide()[0], *guessed(values).fitting()]:
        if guessed(values).exception is None or choice.type == "text":
            assert through_sqlite(choice, values) == values


@given(decimals())
def test_decimals_of_fifteen_digits_print_back(values: list[str]) -> None:
    guess = guessed(values)
    for choice in guess.fitting() if guess.exception is None else []:
        assert through_sqlite(choice, values) == values


@pytest.mark.parametrize("number", ["-0.0", "-0.00", "-0"])
def test_a_column_with_a_negative_zero_is_text(number: str) -> None:
    """A database prints it without its sign."""
    choice, _ = guessed(["1.5" if "." in number else "7", number]).decide()
    assert choice.type == "text"


def test_decimals_of_equal_length_are_decimals() -> None:
    assert guessed(["0.10", "-12345678.25", "7.00"]).decide()[0] == Choice("decimal", {"style": "fixed", "scale": 2})


@given(st.sampled_from(DAY_PATTERNS), st.lists(DATES, min_size=1))
def test_dates_print_back_in_every_layout(pattern: str, days: list[date]) -> None:
    values = [written(day, pattern) for day in days]
    guess = guessed(values)
    assert guess.exception is None
    for choice in guess.fitting():
        assert through_sqlite(choice, values) == values


@given(
    st.sampled_from(NUMERIC),
    st.sampled_from(" T"),
    st.sampled_from(TIME_PATTERNS),
    st.sampled_from(ZONES),
    st.lists(st.datetimes(min_value=datetime(1, 1, 1)), min_size=1),
)
def test_times_print_back_in_every_layout(pattern: str, gap: str, clock: str, zone: str, times: list[datetime]) -> None:
    values = [f"{written(time, pattern)}{gap}{time.strftime(clock)}{zone}" for time in times]
    guess = guessed(values)
    assert guess.exception is None
    for choice in guess.fitting():
        assert choice.type == "datetime"
        assert through_sqlite(choice, values) == values


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_prints_back(values: list[str]) -> None:
    for choice in (guessed(values).decide()[0], Choice("text")):
        assert through_sqlite(choice, values) == values


@given(st.lists(st.sampled_from(["yes", "no", ""])))
def test_booleans_print_back_in_the_words_of_the_file(values: list[str]) -> None:
    choice = guessed(values).decide()[0]
    assert choice.type == ("boolean" if {"yes", "no"} <= set(values) else "text")
    assert through_sqlite(choice, values) == values


@given(st.sampled_from(["NA", "-", "n/a", "'", "“x”"]), st.lists(st.integers().map(str), min_size=1))
def test_a_null_token_is_stored_as_empty_and_printed_back(token: str, numbers: list[str]) -> None:
    values = [*numbers, token, token]
    guess = guessed(values)
    choice, _ = guess.decide()
    assert choice.type == "text"
    if guess.null_token:
        for fitting in guess.fitting():
            assert through_sqlite(fitting.with_null(token), values) == values


def test_a_null_token_is_not_offered_beside_empty_cells_or_for_a_malformed_number() -> None:
    assert guessed(["1", "NA", "NA"]).null_token == "NA"
    assert guessed(["1", "NA"]).null_token == "NA"
    assert guessed(["1", "gone", "gone"]).null_token == "gone"
    assert guessed(["1", "gone"]).null_token is None
    assert guessed(["1", "NA", ""]).null_token is None
    assert guessed(["1", "00501", "00501"]).null_token is None
    assert guessed(["x", "NA"]).null_token is None
    assert guessed(["1", "NA", "NA", "x"]).null_token is None
    assert guessed(["NA", "NA"]).null_token is None


REASONS = [
    (["1", "2"], "integer", "integer: both values print back exactly"),
    (["1", "2", "00501"], "text", "text, because row 3 holds 00501 (leading zero); the other 2 values fit integer"),
    (["1", ""], "integer", "integer: the only value prints back exactly, 1 cell is empty"),
    (["1", "00501"], "text", "text, because row 2 holds 00501 (leading zero); the other value fits integer"),
    (["18446744073709551617"], "text", "text, because row 1 holds 18446744073709551617 (beyond 64 bits)"),
    (["1.50", "2.5"], "text", "values that end in a zero); the other value fits decimal, 2 decimals"),
    (["0.1234567890123456"], "text", "text, because row 1 holds 0.1234567890123456 (over 15 digits)"),
    (["1,500"], "text", "text, because its commas may mark decimals or thousands: 1,500"),
    (["1,5", "2"], "decimal", "decimal, as many decimals as needed, with a comma: both values print back exactly"),
    (["03/04/2024"], "text", "text, because day and month cannot be told apart, no part is above 12: 03/04/2024"),
    (["31/12/2024", "01/02/2024"], "date", "date, day first (DD/MM/YYYY): both values print back exactly"),
    (["30/02/2024"], "text", "text, because row 1 holds 30/02/2024"),
    (["2024-01-01 10:00", "2024-01-01"], "text", "the other value fits date and time, year first (YYYY-MM-DD HH:mm)"),
    (["2024-01-01T10:00Z", "2024-01-01T10:00+01:00"], "text", "fits date and time, year first (YYYY-MM-DDTHH:mmZ)"),
    (["NO", "NO"], "text", "text, because only one of two words occurs: NO"),
    (["true"], "boolean", "true or false: the only value prints back exactly"),
    (["", ""], "text", "text, because every cell is empty"),
    ([], "text", "text, because there are no rows"),
    (["x", "y", "y"], "text", "text, because row 1 holds x"),
    ([" 7"], "text", "text, because row 1 holds “ 7” (spaces around it)"),
    (["a\nb"], "text", "text, because row 1 holds a\\nb"),
]


@pytest.mark.parametrize(("values", "type_", "words"), REASONS, ids=[str(reason[0]) for reason in REASONS])
def test_the_reason_quotes_values_of_the_file(values: list[str], type_: str, words: str) -> None:
    choice, reason = guessed(values).decide()
    assert choice.type == type_
    assert reason.endswith(words)


TWO_LINES = [
    ["1.5", "1\n2", "2.5"],
    ["1", "1\n2", "2"],
    ["0,5", "1,5\n2,5"],
    ["2024-01-13", "2024-01-13\n2024-01-14"],
    ["2024-01-13 10:00", "2024-01-13 10:00\n2024-01-14 11:00"],
    ["13/01/2024 10:00:00", "13/01/2024 10:00:00\n14/01/2024 11:00:00"],
    ["true", "true\nfalse", "false"],
]


@pytest.mark.parametrize("values", TWO_LINES, ids=[values[0] for values in TWO_LINES])
def test_a_cell_of_two_lines_is_text_even_if_each_line_is_a_number_or_date(values: list[str]) -> None:
    for order in (values, values[::-1]):
        assert guessed(order).decide()[0].type == "text"
        assert through_sqlite(Choice("text"), order) == order
    chosen = ChosenType(guessed(values[:1]).decide()[0].type)
    chosen.add(values)
    assert chosen.misfit_count == 1


def test_explaining_a_misfit_takes_linear_time() -> None:
    """Looked at from each digit to the end, it would take hours."""
    assert guessed(["1", "\u0661" * 1_000_000 + "x"]).decide()[1].startswith("text, because row 2 holds")


def test_a_late_misfit_makes_the_column_text() -> None:
    guess = TypeGuesser()
    for start in range(0, 60_000, 5000):
        guess.add([str(number) for number in range(start, start + 5000)])
    guess.add(["60000", "1 2"])
    choice, reason = guess.decide()
    assert choice.type == "text"
    assert reason.startswith("text, because row 60,002 holds “1 2”")


def test_zeros_and_ones_are_integers_by_default() -> None:
    guess = guessed(["0", "1", "1"])
    assert guess.decide()[0].type == "integer"
    assert Choice("boolean", {"true": "1", "false": "0"}) in guess.fitting()


@pytest.mark.parametrize(
    ("kind", "wanted", "values", "misfits", "first"),
    [
        ("integer", "", ["1", "x", "x", "2", ""], 2, "row 2 holds x"),
        ("integer", "", ["00501", "x"], 2, "row 1 holds 00501"),
        ("date", "mdy", ["03/04/2024", "31/12/2024"], 1, "row 2 holds 31/12/2024"),
        ("date", "dmy", ["", "03/04/2024", "31/12/2024"], 0, "None"),
        ("boolean", "", ["1", "0", "maybe"], 1, "row 3 holds maybe"),
        ("decimal", "", ["1", "2.5"], 0, "None"),
        ("text", "", ["1", "x"], 0, "None"),
    ],
)
def test_a_chosen_type_counts_its_misfits(kind: str, wanted: str, values: list[str], misfits: int, first: str) -> None:
    chosen = ChosenType(kind, wanted)
    chosen.add(values)
    assert (chosen.misfit_count, str(chosen.first_misfit)) == (misfits, first)


def test_empty_cells_are_misfits_beside_a_chosen_null_token() -> None:
    chosen = ChosenType("integer", null="NA")
    chosen.add(["1", "NA", ""])
    assert (chosen.misfit_count, str(chosen.first_misfit)) == (1, "row 3 holds “”")


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
    choice, _ = guessed(values).decide()
    stored = [str(TYPES[choice.type].parse(value, choice.format)) for value in values]
    assert sorted(stored) == ["2023-12-31T00:00:00", "2024-01-01T00:00:00", "2024-01-02T00:00:00"]
