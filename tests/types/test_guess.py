"""Which type a column gets without asking, which are offered, what they cost, and the reasons in words."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.types import TYPES, Choice
from webapp.types.chosen import ChosenType
from webapp.types.guess import Decision, TypeGuesser
from webapp.types.reading_hints import Hints


def decide(values: Sequence[str], title: str = "", hints: Hints | None = None, batch: int = 10_000) -> Decision:
    guess = TypeGuesser()
    for start in range(0, len(values), batch):
        guess.add(values[start : start + batch])
    return guess.decide(title, hints)


def chosen(kind: str, values: Sequence[str], format_name: str = "", **given: Any) -> Choice:
    guess = ChosenType(kind, format_name, **given)
    guess.add(values)
    return guess.offer().choice


PRINTED_BY_ONE_FORMAT: list[tuple[list[str], str, dict[str, Any]]] = [
    (["$1,000.50", "$3.00"], "decimal", {"style": "fixed", "scale": 2, "group": ",", "prefix": "$"}),
    (["37,400,068", "5", "999"], "integer", {"group": ","}),
    (["1.141,18", "94,45"], "decimal", {"style": "fixed", "scale": 2, "mark": ",", "group": "."}),
    (["1.141.018", "94"], "integer", {"mark": ",", "group": "."}),
    (["12 %", "5 %"], "integer", {"suffix": " %"}),
    (["12.5%", "5.0%"], "decimal", {"style": "fixed", "scale": 1, "suffix": "%"}),
    (["1'234.50", "999.00"], "decimal", {"style": "fixed", "scale": 2, "group": "'"}),
    (["1\u2019234", "5"], "integer", {"group": "\u2019"}),
    (["1 234,50", "12,50"], "decimal", {"style": "fixed", "scale": 2, "mark": ",", "group": " "}),
    (["1\u00a0234,5", "12,5"], "decimal", {"style": "fixed", "scale": 1, "mark": ",", "group": "\u00a0"}),
    (["1\u202f234", "12"], "integer", {"group": "\u202f"}),
    (["12,34,567", "1,00,000"], "integer", {"group": ",", "indian": True}),
    (["12,34,567", "99,999"], "integer", {"group": ",", "indian": True}),
    (["5 EUR", "7 EUR"], "integer", {"suffix": " EUR"}),
    (["CHF 5.00"], "decimal", {"style": "fixed", "scale": 2, "prefix": "CHF "}),
    (["(12.50)", "3.00"], "decimal", {"style": "fixed", "scale": 2, "negative": "parentheses"}),
    (["12-", "5"], "integer", {"negative": "trailing"}),
    (["\u22123", "2"], "integer", {"negative": "minus"}),
    (["$-5", "$3"], "integer", {"prefix": "$", "negative": "inside"}),
    (["-$5", "$3"], "integer", {"prefix": "$"}),
    (["2020-01", "2020-12"], "date", {"layout": "YYYY-MM"}),
    (["Jan 2020", "May 2020"], "date", {"layout": "Mon YYYY"}),
    (["01/2020", "12/2020"], "date", {"layout": "MM/YYYY"}),
    (["Jan 1 2000"], "date", {"layout": "Mon D YYYY"}),
    (["January 1, 2000", "May 12, 2001"], "date", {"layout": "Month D, YYYY"}),
    (["1 January 2000", "12 May 2001"], "date", {"layout": "D Month YYYY"}),
    (["2030年1月2日", "2031年10月12日"], "date", {"layout": "YYYY年M月D日"}),
    (["31-DEC-2030 10:00", "01-OCT-2031 11:00"], "datetime", {"layout": "DD-MON-YYYY HH:mm"}),
    (["31.12.30", "01.02.31"], "date", {"layout": "DD.MM.YY"}),
    (["2020-W05", "2020-W53"], "date", {"layout": "YYYY-Www"}),
    (["2020-W05-7", "2020-W53-1"], "date", {"layout": "YYYY-Www-D"}),
    (["2020W05"], "date", {"layout": "YYYYWww"}),
    (["Mon, 03 Jan 2000", "Tue, 04 Jan 2000"], "date", {"layout": "Dy, DD Mon YYYY"}),
    (["Monday, January 3, 2000"], "date", {"layout": "Day, Month D, YYYY"}),
    (["SUN 02-JAN-2000"], "date", {"layout": "DY DD-MON-YYYY"}),
    (["Mon 1/3/2000", "Tue 1/4/2000"], "date", {"layout": "Dy M/D/YYYY"}),
    (["Mon, 03 Jan 2000 10:05:00 +0000"], "datetime", {"layout": "Dy, DD Mon YYYY HH:mm:ss +0000"}),
    (["12:30", "00:00"], "time", {"layout": "HH:mm"}),
    (["12:30:15.5"], "time", {"layout": "HH:mm:ss.f"}),
    (["3:05 PM", "12:00 AM"], "time", {"layout": "h:mm AM"}),
    (["3:05pm"], "time", {"layout": "h:mmam"}),
    (["36:00:00", "01:00:00"], "duration", {"layout": "hh:mm:ss"}),
    (["1:02:03", "0:00:10"], "duration", {"layout": "h:mm:ss"}),
    (["ja", "nein"], "boolean", {"true": "ja", "false": "nein"}),
    (["Oui", "Non"], "boolean", {"true": "Oui", "false": "Non"}),
    (["SÍ", "NO"], "boolean", {"true": "SÍ", "false": "NO"}),
    (["да", "нет"], "boolean", {"true": "да", "false": "нет"}),
    (["WAHR", "FALSCH"], "boolean", {"true": "WAHR", "false": "FALSCH"}),
    (["on", "off"], "boolean", {"true": "on", "false": "off"}),
    (["✓", "✗"], "boolean", {"true": "✓", "false": "✗"}),
]


@pytest.mark.parametrize(
    ("values", "kind", "format"), PRINTED_BY_ONE_FORMAT, ids=[values[0] for values, _, _ in PRINTED_BY_ONE_FORMAT]
)
def test_a_column_that_one_format_prints_back_stores_values_alone(
    values: list[str], kind: str, format: dict[str, Any]
) -> None:
    assert decide(values).choice == Choice(kind, format)
    assert [TYPES[kind].print(TYPES[kind].parse(value, format), format) for value in values] == values


KEEPING_TEXTS = [
    (["24.3050", "8.99E-05", "1.5"], "decimal"),
    (["0.12345678901234567", "1.5"], "decimal"),
    ([".097", "-.66"], "decimal"),
    (["+4", "5"], "integer"),
    (["-0", "5"], "integer"),
    (["5.", "1.5"], "decimal"),
    (["1234", "1,234,567"], "integer"),
    (["$5", "5 €"], "integer"),
    (["Yes", "YES", "no"], "boolean"),
    (["2020-01-31", "31 January 2020", "January 31, 2020"], "date"),
    (["01.12.2020", "1.2.2021"], "date"),
    (["2020-W05", "2020-W06-2"], "date"),
    (["Mon, 03 Jan 2000", "2000-01-04"], "date"),
    (["Mon, 04 Jan 2000"], "date"),
    (["31 déc. 2030", "1 févr. 2031"], "date"),
    (["2031-03-30T01:30:00+01:00", "2031-03-30T03:30:00+02:00"], "datetime"),
    (["2024-01-01 10:00", "2024-01-01 10:00:30"], "datetime"),
    (["12:30", "3:05 p.m."], "time"),
    (["PT1H30M", "PT5M"], "duration"),
    (["1d 2h", "3h"], "duration"),
    (["90 min", "5 min"], "duration"),
]


@pytest.mark.parametrize(("values", "kind"), KEEPING_TEXTS, ids=[values[0] for values, _ in KEEPING_TEXTS])
def test_a_column_that_no_format_prints_back_has_values_and_keeps_texts(values: list[str], kind: str) -> None:
    choice = decide(values).choice
    assert (choice.type, choice.keeps_texts, choice.exceptions) == (kind, True, 0)
    assert None not in [TYPES[kind].read(value, choice.format) for value in values]


TEXTS = [
    (["007", "008"], "", "Text (leading zero: 007)"),
    (["7"] * 500 + ["007"], "", "Text (leading zero: 007)"),
    (["-9223372036854775809", "0"], "", "Text (beyond 64 bits: -9223372036854775809)"),
    (["18446744073709551617"], "", "Text (beyond 64 bits: 18446744073709551617)"),
    (["10001", "20002"], "zip", 'Text ("zip" names post codes)'),
    (["10115", "20095"], "PLZ", 'Text ("PLZ" names post codes)'),
    (["5551234567"], "home_phone", 'Text ("home_phone" names phone numbers)'),
    (["9783161484100"], "ISBN", 'Text ("ISBN" names ISBNs)'),
    (["1.9", "1.10", "2.0"], "version", 'Text ("version" names versions)'),
    (["12E4"] * 40 + ["12F3"], "", "Text (codes: 12F3)"),
    (["1E5", "314E59"], "", "Text (codes: 1E5)"),
    (["60000"] * 40 + ["A-60001"], "", "Text (codes: A-60001)"),
    (["1.2"] * 40 + ["1.2.3"], "", "Text (version or address: 1.2.3)"),
    (["1.2.3", "1.2.4"], "", 'Text (row 1 is "1.2.3")'),
    (["10.0.0.1", "8.8.8.8"], "", 'Text (row 1 is "10.0.0.1")'),
    (["1-2", "2-3"], "", 'Text (row 1 is "1-2")'),
    (["EWR", "JFK", "1"], "", 'Text (row 1 is "EWR")'),
    (["NA", "NA"], "", 'Text (row 1 is "NA")'),
    (["", "z"], "", 'Text (row 2 is "z")'),
    (["a\nb"], "", 'Text (row 1 is "a\\nb")'),
    ([" 7", "007"], "", "Text (leading zero: 007)"),
    (["  007", "  008"], "", "Text (leading zero: 007)"),
    ([" 10115", " 20095"], "PLZ", 'Text ("PLZ" names post codes)'),
    (["\t4210001", "\t4210002"], "", "Text (written with a tab: 4210001)"),
    (["a ", "b "], "", 'Text (row 1 is "a ")'),
    (["   ", "  "], "", 'Text (row 1 is "   ")'),
    (["1_000"], "", 'Text (row 1 is "1_000", underscore)'),
    (["nan"], "", 'Text (row 1 is "nan", not a number)'),
    (["١٢"], "", 'Text (row 1 is "١٢", digits of another script)'),
    (["NO", "NO"], "", 'Text (only one of two words occurs: "NO")'),
    (["03/04/2024"], "", 'Text (day or month first: "03/04/2024")'),
    (["30/02/2024"], "", 'Text (row 1 is "30/02/2024")'),
    (["1", "2", "x"], "", "Text (as integer, 1 of 3 keeps its text (x))"),
    (["1"] * 90 + ["<5", ">9"] * 5, "", "Text (as integer, 10 of 100 keep their text (<5, >9))"),
    (["", ""], "", "Text (every cell is empty)"),
    ([], "", "Text (no rows)"),
]


@pytest.mark.parametrize(("values", "title", "reason"), TEXTS, ids=[reason for _, _, reason in TEXTS])
def test_a_column_stays_text_and_the_reason_says_why(values: list[str], title: str, reason: str) -> None:
    decision = decide(values, title)
    assert (decision.choice, decision.reason) == (Choice("text"), reason)


@pytest.mark.parametrize("title", ["zip count", "sales", "phones", "id", "capacity"])
def test_numbers_under_other_titles_stay_numbers(title: str) -> None:
    assert decide(["10001", "20002"], title).choice.type == "integer"


def test_values_that_are_no_post_codes_are_numbers_whatever_the_title() -> None:
    assert decide(["-3", "5"], "zip").choice.type == "integer"
    assert decide(["1.5", "5"], "plz").choice.type == "decimal"


REASONS = [
    (["1", "2"], "Both values convert without loss"),
    (["1", ""], "The only value converts without loss"),
    (["1"] * 344, "All 344 values convert without loss"),
    (["1.5"] * 1197 + ["NA"] * 3, "Decimal, one decimal: 3 of 1,200 keep their text (NA)"),
    (["1,5"] * 60 + ["n/a", "-"], "Decimal, one decimal, with a comma: 2 of 62 keep their text (n/a, -)"),
    (["2024-01-01"] * 30 + ["unknown"], "Date, year first (YYYY-MM-DD): 1 of 31 keeps its text (unknown)"),
    (["+4", "5"], "Both values convert; those written in another way keep their text"),
    (["03.04.2024"], "The only value converts without loss (day first, as always with points)"),
    (["31-DEC-30"], "The only value converts without loss (years of two digits are taken as 1969 to 2068)"),
]


@pytest.mark.parametrize(("values", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_the_reason_of_a_type_counts_the_values_and_names_the_exceptions(values: list[str], reason: str) -> None:
    assert decide(values).reason == reason


PADDED = [
    ([" 7 ", "10 ", "  9"], "integer", {}),
    (["  1.50", " 12.25", "-3.00"], "decimal", {"style": "fixed", "scale": 2}),
    (["1.5 ", "12.25 "], "decimal", {"style": "plain", "scale": 2}),
    (
        ["   1.141,18 \u20ac", "      -0,50 \u20ac"],
        "decimal",
        {"style": "fixed", "scale": 2, "mark": ",", "group": "."},
    ),
    (["\u00a01,000", "\u00a012,500"], "integer", {"group": ","}),
    (["2024-02-28 ", " 2024-02-29"], "date", {"layout": "YYYY-MM-DD"}),
    (["31.12.2023\t", "01.01.2024\t"], "date", {"layout": "DD.MM.YYYY"}),
    (["2024-02-28 10:05 ", "2024-02-29 11:00 "], "datetime", {"layout": "YYYY-MM-DD HH:mm"}),
    ([" 9:05", "12:30"], "time", {"layout": "H:mm"}),
    (["  1:02:03", " 36:00:00"], "duration", {"layout": "h:mm:ss"}),
    (["yes", "no "], "boolean", {"true": "yes", "false": "no"}),
    (["Y    ", "N    "], "boolean", {"true": "Y", "false": "N"}),
]


@pytest.mark.parametrize(("values", "kind", "format"), PADDED, ids=[repr(values[0]) for values, _, _ in PADDED])
def test_spaces_around_a_cell_are_part_of_its_text_and_not_of_its_value(
    values: list[str], kind: str, format: dict[str, object]
) -> None:
    choice = decide(values).choice
    assert (choice.type, choice.keeps_texts, choice.exceptions) == (kind, True, 0)
    assert format.items() <= choice.format.items()
    read = TYPES[kind].read
    assert [read(value, choice.format) for value in values] == [read(value.strip(), choice.format) for value in values]


@pytest.mark.parametrize("blank", ["     ", "\t", "\u00a0", " NA", "  - "])
def test_blank_and_aligned_cells_for_nothing_do_not_speak_against_a_type(blank: str) -> None:
    decision = decide([f"{number:5}" for number in range(30)] + [blank] * 20)
    assert (decision.choice.type, decision.choice.exceptions) == ("integer", 20)


@pytest.mark.parametrize(
    "error", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#NV", "#BEZUG!", "#WERT!", "#N/D"]
)
def test_errors_of_spreadsheets_do_not_speak_against_a_type(error: str) -> None:
    decision = decide(["1.5", "2.5", "3.5", error, error])
    assert (decision.choice.type, decision.choice.exceptions) == ("decimal", 2)


@pytest.mark.parametrize("token", ["NA", "n/a", "-", "<5", "unknown", "?"])
def test_few_cells_without_a_value_are_exceptions_of_a_type(token: str) -> None:
    for numbers in (["12"] * 95, ["1.50"] * 95, ["2024-02-03"] * 95, ["2024-02-03T10:00"] * 95, ["ja", "nein"] * 48):
        for values in ([*numbers, *[token] * 5], [*[token] * 5, *numbers]):
            decision = decide(values, batch=7)
            assert decision.choice == decide(numbers).choice.__class__(
                decision.choice.type, decide(numbers).choice.format, True, 5
            )
            assert decision.exceptions.most_frequent == [(token, 5)]


@pytest.mark.parametrize("word", ["NA", "n/a", "NaN", "-", ".", "NULL"])
def test_cells_with_a_word_for_missing_do_not_speak_against_a_type(word: str) -> None:
    """The gusts of a weather station: 80 % of them are NA."""
    values = ["12.5", *[word] * 40, "8.1", "3.0"] * 100
    assert decide(values, batch=500).choice == Choice("decimal", {"style": "fixed", "scale": 1}, True, 4000)
    assert decide([*values, *["x"] * 20]).choice.type == "text"
    assert decide([word] * 50).choice.type == "text"


def test_a_type_with_many_different_exceptions_is_only_offered() -> None:
    words = [f"w{number}" for number in range(21)]
    assert decide(["1"] * 1000 + words[:20]).choice.type == "integer"
    decision = decide(["1"] * 1000 + words)
    assert decision.choice.type == "text"
    assert decision.choices[0] == Choice("integer", {}, True, 21)
    assert decide(["1"] * 1000 + ["a long remark about this cell"]).choice.type == "text"


def test_types_are_offered_that_half_of_the_cells_have() -> None:
    decision = decide(["1"] * 5 + ["x"] * 5)
    assert decision.choices[0] == Choice("integer", {}, True, 5)
    assert "integer" not in [choice.type for choice in decide(["1"] * 4 + ["x"] * 4 + ["z"]).choices]
    assert [choice.type for choice in decide(["20200131", "20201231"]).choices] == ["integer", "decimal", "date"]
    assert Choice("boolean", {"true": "x", "false": "no"}) in decide(["x", "", "x"]).choices


def test_only_a_hundred_different_exceptions_are_remembered() -> None:
    decision = decide([str(number) for number in range(5000)] + [f"w{number}" for number in range(4000)], batch=1000)
    assert decision.choices[0].exceptions == 4000
    guess = ChosenType("integer")
    guess.add([f"w{number}" for number in range(4000)])
    offer = guess.offer()
    assert (offer.choice.exceptions, len(offer.exceptions.tokens)) == (4000, 100)


def test_a_type_without_prospects_is_no_longer_looked_for_unless_it_was_chosen() -> None:
    values = [f"w{number}" for number in range(2000)] + ["5"] * 10_000
    assert decide(values).choices == []
    assert chosen("integer", values) == Choice("integer", {}, True, 2000)


def test_the_first_value_does_not_decide_how_the_others_are_read() -> None:
    decision = decide(["12,5", *["1.5"] * 50], batch=1)
    assert decision.choice == Choice("decimal", {"style": "fixed", "scale": 1}, True, 1)
    assert decision.exceptions.most_frequent == [("12,5", 1)]


def test_a_late_exception_is_counted_without_reading_the_file_again() -> None:
    guess = TypeGuesser()
    for start in range(0, 60_000, 5000):
        guess.add([str(number) for number in range(start, start + 5000)])
    guess.add(["60000", "1 2"])
    decision = guess.decide()
    assert (decision.choice, decision.reason) == (
        Choice("integer", {}, True, 1),
        "Integer: 1 of 60,002 keeps its text (1 2)",
    )


def test_commas_mean_what_the_rest_of_the_file_says() -> None:
    values = ["1,234", "5,678"]
    assert decide(values, hints=Hints(".", "as in x")).choice == Choice("integer", {"group": ","})
    decimal = decide(values, hints=Hints(",", 'as in "price"'))
    assert decimal.choice == Choice("decimal", {"style": "fixed", "scale": 3, "mark": ","})
    assert decimal.reason == 'Both values convert without loss (with a decimal comma, as in "price")'
    assert decide(["1.234"], hints=Hints(",", "")).choice == Choice("integer", {"group": ".", "mark": ","})
    assert decide(["0.234"], hints=Hints(",", "")).choice.type == "decimal"
    mixed = decide(["€ 1.234", "€ 5"], hints=Hints(",", ""))
    assert mixed.choice == Choice("integer", {"mark": ",", "group": ".", "prefix": "€ "})
    assert {choice.type for choice in decide(values).choices} == {"integer", "decimal"}


def test_a_column_proves_its_mark_and_order_only_if_no_other_reading_fits() -> None:
    def evidence(values: list[str]) -> tuple[str, str]:
        guess = TypeGuesser()
        guess.add(values)
        return guess.mark, guess.order

    assert evidence(["1,5"]) == (",", "")
    assert evidence(["1.5"]) == (".", "")
    assert evidence(["1,234"]) == ("", "")
    assert evidence(["1,234,567"]) == (".", "")
    assert evidence(["1.234,5"]) == (",", "")
    assert evidence(["31/12/2024"]) == ("", "dmy")
    assert evidence(["12/31/2024", "NA"] + ["12/30/2024"] * 30) == ("", "mdy")
    assert evidence(["03/04/2024"]) == ("", "")
    assert evidence(["2024-12-31"]) == ("", "")


def test_an_ambiguous_date_asks_and_offers_both_orders() -> None:
    decision = decide(["03/04/2024", "05/06/2024"])
    assert decision.question == "order"
    assert [choice.format for choice in decision.choices] == [{"layout": "DD/MM/YYYY"}, {"layout": "MM/DD/YYYY"}]
    assert decide(["03/04/2024"] * 30 + ["NA"]).question == "order"
    assert decide(["03/04/24"]).question == "order"
    answered = decide(["03/04/2024"], hints=Hints(order="mdy", order_reason='as in "due"'))
    assert answered.choice == Choice("date", {"layout": "MM/DD/YYYY"})
    assert answered.reason == 'The only value converts without loss (month first, as in "due")'
    assert answered.question == ""


def test_days_that_contradict_each_other_are_not_typed() -> None:
    values = ["31/12/2024"] * 40 + ["12/31/2024"]
    assert decide(values).choice.type == "text"
    assert decide(values).choices[0] == Choice("date", {"layout": "DD/MM/YYYY"}, True, 1)


def test_days_in_another_layout_are_read_in_the_order_of_the_column() -> None:
    choice = decide(["2024-01-31"] * 30 + ["31/12/2024", "01/02/2024"]).choice
    assert choice == Choice("date", {"layout": "YYYY-MM-DD", "order": "dmy"}, True)
    assert TYPES["date"].read("01/02/2024", choice.format) == "2024-02-01"
    assert TYPES["date"].check(choice.format) == choice.format


def test_moments_with_different_offsets_are_stored_in_one() -> None:
    values = ["2031-03-30T01:30:00+01:00", "2031-03-30T03:30:00+02:00", "2031-03-30T04:30:00+02:00"]
    choice = decide([*values, "2031-03-30T05:30:00+02:00"]).choice
    stored = [str(TYPES["datetime"].read(value, choice.format)) for value in values]
    assert stored == ["2031-03-30T02:30:00", "2031-03-30T03:30:00", "2031-03-30T04:30:00"]


def test_a_word_for_empty_is_offered_if_no_cell_is_really_empty() -> None:
    assert decide(["1", "NA", "NA"]).null_token == "NA"
    assert decide(["1"] * 99 + ["NA"]).null_token == "NA"
    assert decide(["1", "gone", "gone", "3"]).null_token == "gone"
    assert decide(["1", "gone"]).null_token is None
    assert decide(["1", "NA", ""]).null_token is None
    assert decide(["1", "NA", "x"]).null_token is None
    assert decide(["NA", "NA"]).null_token is None


@pytest.mark.parametrize(
    ("kind", "wanted", "values", "exceptions"),
    [
        ("integer", "", ["1", "x", "x", "2", ""], 2),
        ("integer", "", ["00501", "x"], 1),
        ("integer", "", ["1.5", "2.0", "1e3"], 1),
        ("date", "mdy", ["03/04/2024", "31/12/2024"], 1),
        ("date", "dmy", ["", "03/04/2024", "31/12/2024"], 0),
        ("boolean", "", ["1", "0", "maybe"], 1),
        ("boolean", "", ["x", "y"], 1),
        ("decimal", "", ["1", "2.5"], 0),
        ("decimal", "0,00", ["1,50", "2.5"], 1),
        ("duration", "", ["10:00", "x"], 1),
        ("time", "", ["a", "b"], 2),
        ("text", "", ["1", "x"], 0),
    ],
)
def test_a_chosen_type_counts_the_cells_without_a_value(
    kind: str, wanted: str, values: list[str], exceptions: int
) -> None:
    choice = chosen(kind, values, wanted)
    assert (choice.type, choice.exceptions) == (kind, exceptions)
    assert sum(value != "" and TYPES[kind].read(value, choice.format) is None for value in values) == exceptions
    assert TYPES[kind].check(choice.format) == choice.format


def test_a_chosen_format_is_kept_and_its_texts_too() -> None:
    format = {"style": "fixed", "scale": 2}
    assert chosen("decimal", ["1.50", "2.25"], format=format) == Choice("decimal", format)
    assert chosen("decimal", ["1.5", "2,5"], format=format) == Choice("decimal", format, True, 1)
    layout = {"layout": "MM/DD/YYYY"}
    assert chosen("date", ["03/04/2024", "31/12/2024"], format=layout) == Choice("date", layout, True, 1)


def test_a_chosen_word_for_empty_keeps_its_text_beside_empty_cells() -> None:
    assert chosen("integer", ["1", "NA"], null="NA") == Choice("integer", {"null": "NA"})
    assert chosen("integer", ["1", "NA", ""], null="NA") == Choice("integer", {}, True, 1)


TWO_LINES = [
    ["1.5", "1\n2", "2.5"],
    ["1", "1\n2", "2"],
    ["0,5", "1,5\n2,5"],
    ["2024-01-13", "2024-01-13\n2024-01-14"],
    ["2024-01-13 10:00", "2024-01-13 10:00\n2024-01-14 11:00"],
    ["13/01/2024 10:00:00", "13/01/2024 10:00:00\n14/01/2024 11:00:00"],
    ["10:00", "10:00\n11:00"],
    ["36:00:00", "36:00:00\n37:00:00"],
    ["true", "true\nfalse", "false"],
]


@pytest.mark.parametrize("values", TWO_LINES, ids=[values[0] for values in TWO_LINES])
def test_a_cell_of_two_lines_has_no_value_even_if_each_line_has_one(values: list[str]) -> None:
    for order in (values, values[::-1]):
        assert decide(order).choice.type == "text"
    kind = decide(values[:1]).choice.type
    assert chosen(kind, values).exceptions == 1


def test_explaining_a_misfit_takes_linear_time() -> None:
    """Looked at from each digit to the end, it would take hours."""
    assert decide(["\u0661" * 1_000_000 + "x"]).reason.startswith("Text (row 1 is ")


CELLS = st.one_of(
    st.sampled_from(
        [
            *(
                "1",
                "2.5",
                "2.50",
                "-3",
                "0",
                "-0",
                "1,234",
                "1.234",
                "12,5",
                "1,234.5",
                "1.234,5",
                "1 234",
                "$5",
                "5 €",
            ),
            *(
                "5%",
                "(5)",
                "5-",
                "|",
                "+5",
                ".5",
                "5.",
                "1e5",
                "007",
                "NA",
                "-",
                "n/a",
                "x",
                "yes",
                "no",
                "Yes",
                "true",
            ),
            *("1E5", "12E4", "2024-01-31", "31/12/2024", "12/31/2024", "03/04/2024", "03.04.2024", "03/04/24", " 7"),
            *(
                "1.2.2021",
                "01.02.2021",
                "1/2/2021 9:05",
                "01/02/2021 09:05",
                "09:05",
                "May 5, 2020",
                "May 2020",
                "5 May 2020",
            ),
            *("Jan 2020", "2020-01", "2020-W05", "20200131", "1 January 2000", "2024-01-31 10:00", "ja", "nein", ""),
            *("2024-01-31T10:00:00Z", "2024-01-31T10:00:00+02:00", "03/04/2024 10:00 PM", "12:30", "9:05", "3:05 PM"),
            *("12:30:15.5", "36:00:00", "1:02:03", "PT1H30M", "90 min", "1d 2h", "9" * 20, "0.1234567890123456"),
        ]
    ),
    st.integers(-(10**6), 10**6).map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.from_regex(r"[-(]?[$]?[0-9]{1,3}([.,' ][0-9]{3}){0,2}([.,][0-9]{1,3})?[%)-]?", fullmatch=True),
)


COLUMNS = st.lists(CELLS, min_size=1, max_size=3, unique=True).flatmap(lambda few: st.lists(st.sampled_from(few)))


@pytest.mark.parametrize("remembered", [1, 20_000])
@given(batches=st.lists(COLUMNS, max_size=3))
def test_what_is_promised_of_a_choice_is_what_it_does(remembered: int, batches: list[list[str]]) -> None:
    """Its exceptions are the cells it cannot read; without texts, it prints all cells back."""
    values = [value for batch in batches for value in batch]
    guess = TypeGuesser(remembered)
    for batch in batches:
        guess.add(batch)
    decision = guess.decide()
    for choice in [decision.choice, *decision.choices]:
        kind = TYPES[choice.type]
        assert kind.check(choice.format) == choice.format
        unread = [value for value in values if value and kind.read(value, choice.format) is None]
        # Of values that were accepted in another reading before the tally began, not all are known.
        assert len(unread) == choice.exceptions or (remembered == 1 and len(unread) < choice.exceptions), choice
        if not choice.keeps_texts:
            printed = [kind.print(kind.parse(value, choice.format), choice.format) for value in values]
            assert printed == values, choice


@given(st.sampled_from([name for name in TYPES if name != "text"]), st.lists(CELLS, max_size=6))
def test_what_is_promised_of_a_chosen_type_is_what_it_does(name: str, values: list[str]) -> None:
    choice, kind = chosen(name, values), TYPES[name]
    unread = [value for value in values if value and kind.read(value, choice.format) is None]
    assert len(unread) == choice.exceptions, choice
    if not choice.keeps_texts:
        assert [kind.print(kind.parse(value, choice.format), choice.format) for value in values] == values
