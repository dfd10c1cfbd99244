"""Figures of several columns in one scan."""

import pytest

from tests.rowstore.conftest import Make
from tests.rowstore.test_profile import FIELDS, profile
from webapp.rowstore.errors import QueryError
from webapp.rowstore.reader import MAX_FIGURES
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Figures

ROWS = [
    ("Oslo", "3", "1,50", "01.02.2024", "01.02.2024 10:30", "yes"),
    ("", "", "", "", "", ""),
    ("Bergen", "-1", "2,25", "31.01.2024", "01.02.2023 09:30", "no"),
    ("oslo", "10", "0,00", "15.03.2023", "", "no"),
]


def test_each_column_has_the_figures_of_its_type_as_it_writes_them(make: Make) -> None:
    table = make(FIELDS, ROWS)

    found = table.rows.figures(table.ref, table.query(), [1, 2, 3, 4, 5, 6])

    assert found == [
        Figures(4, 3, 0, None, None, None, None),
        Figures(4, 3, 0, "-1", "10", "4.00", "12"),
        Figures(4, 3, 0, "0,00", "2,25", "1,2500", "3,75"),
        Figures(4, 3, 0, "15.03.2023", "01.02.2024", None, None),
        Figures(4, 2, 0, "01.02.2023 09:30", "01.02.2024 10:30", None, None),
        Figures(4, 3, 0, None, None, None, None),
    ]
    assert found[0].empty == 1


@pytest.mark.parametrize("asked", [[], [("q", "oslo")], [("f.2", "gt:0"), ("sort", "-3")], [("q", "nowhere")]])
def test_they_are_those_of_the_profile_of_each_column_in_the_rows_shown(
    make: Make, asked: list[tuple[str, str]]
) -> None:
    table = make(FIELDS, ROWS)
    found = table.rows.figures(table.ref, table.query(*asked), [3, 1, 2])

    for number, figures in zip([3, 1, 2], found, strict=True):
        one = profile(table, number, *asked)
        assert (figures.rows, figures.filled, figures.exceptions) == (one.rows, one.filled, one.exceptions)
        assert (figures.minimum, figures.maximum) == (one.minimum, one.maximum)
        assert (figures.average, figures.sum) == (one.average, one.sum)


def test_there_is_room_for_as_many_columns_as_it_says(make: Make) -> None:
    fields = [Field(number, f"c{number}", "integer", FIELDS[1].format) for number in range(1, MAX_FIGURES + 1)]
    table = make(fields, [[str(number) for number in range(MAX_FIGURES)]])

    found = table.rows.figures(table.ref, table.query(), [field.number for field in fields])

    assert [figures.sum for figures in found] == [str(number) for number in range(MAX_FIGURES)]


def test_an_unknown_column_is_refused(make: Make) -> None:
    table = make(FIELDS, ROWS)

    with pytest.raises(QueryError):
        table.rows.figures(table.ref, table.query(), [1, 99])
