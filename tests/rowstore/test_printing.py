"""SQL prints every value as Python does: compared in the database itself, for many values of every format."""

import itertools
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest

from tests.rowstore.backends import column
from webapp.rowstore.postgresql import dialect as postgresql
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.storing import cast_value, stored_text
from webapp.rowstore.sqlite import dialect as sqlite
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.table_ref import Field
from webapp.types import TYPES
from webapp.types.number_format import GROUPS, NEGATIVES

VALUES = 600  # of each format
_AFFIXES: tuple[dict[str, str], ...] = ({}, {"prefix": "$"}, {"suffix": "\u00a0€"}, {"prefix": "US$ ", "suffix": " %"})


def number_formats() -> Iterator[dict[str, Any]]:
    groups: list[dict[str, Any]] = [{}, *({"group": group} for group in GROUPS), {"group": ",", "indian": True}]
    for group, affix, negative in itertools.product(groups, _AFFIXES, NEGATIVES):
        yield {**group, **affix} | ({"negative": negative} if negative else {})


def decimal_formats() -> Iterator[dict[str, Any]]:
    for number in number_formats():
        mark = {"mark": ","} if number.get("group") in (".", " ", "\u00a0", "'") else {}
        for style, scale in (("fixed", 0), ("fixed", 2), ("plain", 0), ("plain", 3), ("point", 2)):
            yield {"style": style, "scale": scale, **mark, **number}


def integers(numbers: random.Random) -> Iterator[int]:
    yield from (0, 1, -1, 999, 1000, -1000, 99_999, 100_000, 2**63 - 1, -(2**63), 10**18, -(10**18))
    for _ in range(VALUES):
        yield numbers.randint(-(10 ** numbers.randint(1, 18)), 10 ** numbers.randint(1, 18))


def decimals(numbers: random.Random, scale: int) -> Iterator[float]:
    """Numbers with as many decimals, or fewer, and at most 15 digits if printed with all of them; others occur only
    where their text is kept.
    """
    yield from (0.0, 1.0, -1.0, 999.0, 1000.0, -1000.0, *((0.5, -0.5) if scale else ()))
    for _ in range(VALUES):
        whole, places = numbers.randint(0, 15 - scale), numbers.randint(0, scale)
        yield numbers.randint(-(10 ** (whole + places)) + 1, 10 ** (whole + places) - 1) / 10**places


Check = Callable[[Field, list[Any]], None]


@pytest.fixture
def assert_equal(backend: Any) -> Iterator[Check]:
    """`assert_equal(field, values)`: SQL prints them as Python does."""
    with closing(backend.connect()) as driver:
        connection = connection_of(driver)
        print_value, column_sql = connection.dialect.print_value, connection.dialect.column_sql

        def check(field: Field, values: list[Any]) -> None:
            printed = [(value, field.kind.print(value, field.format)) for value in values]
            connection.execute(Sql("DROP TABLE IF EXISTS printed"))
            columns = f"{column_sql('c1', field.kind.stored)}, {column_sql('text', str)}"
            connection.execute(Sql(f"CREATE TEMPORARY TABLE printed ({columns})"))
            rows = ", ".join(["(?, ?)"] * len(printed))
            connection.execute(Sql(f"INSERT INTO printed VALUES {rows}", tuple(itertools.chain(*printed))))
            sql = print_value(field, "c1", field.format)
            differ = f"SELECT c1, text, {sql} FROM printed WHERE {connection.dialect.differs(sql, 'text')} LIMIT 5"
            assert not connection.execute(Sql(differ)), field.format
            nothing = f"CAST(NULL AS {connection.dialect.stored_as[field.kind.stored]})"
            empty = connection.execute(Sql(f"SELECT {print_value(field, nothing, field.format)}"))
            assert [tuple(row) for row in empty] == [(str(field.format.get("null", "")),)]

        yield check


def test_integers_are_printed_equally(assert_equal: Check) -> None:
    for seed, format in enumerate(number_formats()):
        assert_equal(column(1, "n", "integer", format), list(integers(random.Random(seed))))


def test_decimals_are_printed_equally(assert_equal: Check) -> None:
    for seed, format in enumerate(decimal_formats()):
        values = [value + 0.0 for value in decimals(random.Random(seed), format["scale"])]
        assert_equal(column(1, "n", "decimal", format), values)


def days(numbers: random.Random) -> Iterator[date]:
    yield from (date.min, date.max, date(2000, 2, 29))
    for _ in range(VALUES):
        yield date.min + timedelta(days=numbers.randrange((date.max - date.min).days + 1))


DATE_LAYOUTS = ("YYYY-MM-DD", "DD.MM.YYYY", "D.M.YYYY", "M/D/YYYY", "DD-Mon-YYYY", "D MON YYYY", "Mon D, YYYY")
MORE_LAYOUTS = ("DD.MM.YY", "Month D, YYYY", "YYYY-MM", "Mon YYYY", "YYYY年M月D日")
TIMES = ("THH:mm", " HH:mm:ss", " H:mm", " hh:mm AM", " h:mm:ss AM", "THH:mm:ss.fff", "THH:mm:ssZ", " HH:mm:ss+01:00")


def test_dates_are_printed_equally(assert_equal: Check) -> None:
    for seed, layout in enumerate((*DATE_LAYOUTS, *MORE_LAYOUTS)):
        values = [day.isoformat() for day in days(random.Random(seed))]
        assert_equal(column(1, "day", "date", {"layout": layout}), values)


def test_times_of_days_are_printed_equally(assert_equal: Check) -> None:
    for seed, (day_layout, time_layout) in enumerate(itertools.product(DATE_LAYOUTS, TIMES)):
        numbers = random.Random(seed)
        end = "" if "ss" not in time_layout else ":{2:02}.{3:03}" if "f" in time_layout else ":{2:02}"
        values = [
            f"{day.isoformat()}T"
            + f"{{0:02}}:{{1:02}}{end}".format(*(numbers.randrange(top) for top in (24, 60, 60, 999)))
            for day in days(numbers)
        ]
        assert_equal(column(1, "at", "datetime", {"layout": day_layout + time_layout}), values)


@pytest.mark.parametrize("layout", ["HH:mm", "HH:mm:ss", "H:mm", "h:mm am", "hh:mm:ss AM", "HH:mm:ss.fff"])
def test_times_are_printed_equally(assert_equal: Check, layout: str) -> None:
    numbers = random.Random(layout)
    end = "" if "ss" not in layout else ":{2:02}.{3:03}" if "f" in layout else ":{2:02}"
    values = [
        f"{{0:02}}:{{1:02}}{end}".format(*(numbers.randrange(top) for top in (24, 60, 60, 1000))) for _ in range(VALUES)
    ]
    assert_equal(column(1, "at", "time", {"layout": layout}), values)


@pytest.mark.parametrize("layout", ["h:mm", "hh:mm", "h:mm:ss", "hh:mm:ss", "h:mm:ss.f", "hh:mm:ss.fff"])
def test_durations_are_printed_equally(assert_equal: Check, layout: str) -> None:
    """Also those that the layout rounds."""
    numbers = random.Random(layout)
    values = [0.0, 0.5, -0.5, 59.5, 86_400.0]
    values += [
        round(numbers.uniform(-1, 1) * 10 ** numbers.randint(0, 10), numbers.randint(0, 6)) for _ in range(VALUES)
    ]
    assert_equal(column(1, "took", "duration", {"layout": layout}), [value + 0.0 for value in values])


def any_floats(numbers: random.Random) -> Iterator[float]:
    """Many need 16 or 17 digits."""
    yield from (0.0, 0.1 + 0.2, 1e15, 1e16, 1e17, 1e15 / 3, 1e16 / 3, 1e17 / 3, 1e-4 / 3, 1e-5 / 3, 2.0**53, 5e-324)
    yield 1_234_567_890_123_456.0
    for _ in range(VALUES * 10):
        yield from (numbers.uniform(-1, 1) * 10 ** numbers.randint(-20, 25), sum(numbers.random() for _ in range(3)))


def test_all_digits_of_a_float_are_the_same_on_both_databases(both: tuple[Any, Any]) -> None:
    values = list(any_floats(random.Random(1)))
    texts = list[list[str]]()
    for backend in both:
        with closing(backend.connect()) as driver:
            connection = connection_of(driver)
            column_sql, digits = connection.dialect.column_sql("c1", float), connection.dialect.all_digits("c1")
            connection.execute(Sql(f"CREATE TEMPORARY TABLE printed (n INTEGER, {column_sql})"))
            connection.change_all("INSERT INTO printed VALUES (?, ?)", list(enumerate(values)))
            texts.append([text for (text,) in connection.execute(Sql(f"SELECT {digits} FROM printed ORDER BY n"))])

    assert [pair for pair in zip(*texts, strict=True) if pair[0] != pair[1]] == []
    assert [float(text) for text in texts[0]] == values
    assert sum(len(text) > 17 for text in texts[0]) > len(values) / 2


@pytest.mark.parametrize("name", TYPES)
def test_every_type_can_be_printed_by_sql(name: str) -> None:
    formats: dict[str, dict[str, Any]] = {
        "decimal": {"style": "plain", "scale": 2},
        "boolean": {"true": "yes", "false": "no"},
        "datetime": {"layout": "YYYY-MM-DD HH:mm"},
    }
    field = column(1, "c", name, formats.get(name))
    assert all(dialect.print_value(field, "c1", field.format) for dialect in (sqlite.DIALECT, postgresql.DIALECT))


def test_a_value_that_its_format_would_round_keeps_its_text(backend: Any) -> None:
    field = Field(1, "n", "decimal", {"style": "fixed", "scale": 2}, keeps_texts=True)
    with closing(backend.connect()) as driver:
        connection = connection_of(driver)
        value = cast_value(connection.dialect, field, "?")
        given = f"SELECT {value} AS v, CAST(? AS {connection.dialect.stored_as[str]}) AS t"
        text = f"SELECT {stored_text(connection.dialect, field, 'v', 't')} FROM ({given}) AS given"
        kept = [
            connection.execute(Sql(text, (value, written)))[0][0]
            for value, written in (
                (1.5, "1.50"),
                (1.5, "1.5"),
                (-0.0, "-0.00"),
                (1.255, "1.255"),
                (None, ""),
                (None, "-"),
            )
        ]
    assert kept == [None, "1.5", "-0.00", "1.255", None, "-"]


def connection_of(driver: Any) -> Connection:
    return SqliteConnection(driver) if isinstance(driver, sqlite3.Connection) else PostgresqlConnection(driver)
