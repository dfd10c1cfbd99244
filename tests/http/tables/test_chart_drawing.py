"""Scales and places of marks, for any figures and names."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webapp.rowstore.table_ref import Field
from webapp.tables.charting.banded import Mark, line, lying_bars, standing_bars
from webapp.tables.charting.drawing import WIDTH, Drawing, Text, shorten, text_width
from webapp.tables.charting.heat import LEVELS, heat_map, level_of, level_ranges
from webapp.tables.charting.labels import Label, number_text
from webapp.tables.charting.scales import MOST_TICKS, number_scale, position, value_scale
from webapp.tables.charting.scatter import Spot, scatter

PRICE = Field(1, "Price", "decimal", {"style": "fixed", "scale": 2})
figures = st.floats(-1e15, 1e15).map(lambda value: round(value, 4)) | st.integers(-(2**63), 2**63).map(float)
figures |= st.floats(-1e-6, 1e-6).map(lambda value: round(value, 15))
names = st.text(max_size=60)
marks = st.lists(
    st.builds(
        Mark,
        st.builds(Label, names, st.sampled_from(["value", "range", "other", "empty"])),
        st.none() | figures,
        st.text(max_size=12),
    ),
    min_size=1,
    max_size=60,
)


@given(st.lists(figures, min_size=1, max_size=5), st.booleans())
def test_a_scale_has_all_values_between_few_ticks_at_equal_steps(values: list[float], has_zero: bool) -> None:
    scale = number_scale(PRICE, values, has_zero=has_zero)

    places = [at for at, _ in scale.ticks]
    assert scale.low == places[0] <= min(values) <= max(values) <= places[-1] == scale.high
    assert 2 <= len(places) <= MOST_TICKS + 1
    steps = [right - left for left, right in pairwise(places)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3) for step in steps)
    assert not has_zero or 0 in places
    assert all(0 <= scale.share(value) <= 1 for value in values)
    if scale.high - scale.low < 1e12 and max(map(abs, places)) < 1e15:
        assert len({text for _, text in scale.ticks}) == len(places)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 6], ["0", "1", "2", "3", "4", "5", "6"]),
        ([0, 1_500_000], ["0", "500,000", "1,000,000", "1,500,000"]),
        ([-30, 45], ["-40", "-20", "0", "20", "40", "60"]),
        ([0, 0], ["0", "1"]),
        ([3, 3], ["0", "1", "2", "3"]),
    ],
)
def test_ticks_of_counts_are_round_whole_numbers(values: list[float], expected: list[str]) -> None:
    assert [text for _, text in number_scale(None, values, has_zero=True).ticks] == expected


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("date", ["0001-01-01", "9999-12-31"]),
        ("date", ["2024-02-29", "2024-02-29"]),
        ("datetime", ["2024-01-01T00:00:00", "2024-12-31T23:59:59"]),
        ("time", ["00:00", "23:59:59.9"]),
        ("time", ["12:00", "12:00"]),
        ("duration", [0.0, 360_000.0]),
        ("duration", [-5.5, -5.5]),
    ],
)
def test_dates_and_times_are_between_ticks_of_a_calendar_or_a_clock(type: str, values: list[str]) -> None:
    field = Field(1, "When", type, {"layout": "YYYY-MM-DD HH:mm"} if type == "datetime" else {})

    scale = value_scale(field, values)

    places = [at for at, _ in scale.ticks]
    assert places == sorted(set(places))
    assert len(places) <= MOST_TICKS + 1
    assert all(0 <= scale.share(position(field, value)) <= 1 for value in values)


def texts_apart(drawing: Drawing) -> bool:
    """Whether no two texts on a line are written over each other."""
    lines = dict[float, list[Text]]()
    for text in drawing.texts:
        lines.setdefault(text.y, []).append(text)
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}
    for texts in lines.values():
        spans = sorted(
            (text.x - shift[text.anchor] * text_width(text.text), text_width(text.text))
            for text in texts
            if text.text and not text.is_turned
        )
        if any(left + wide > right + 0.02 for (left, wide), (right, _) in pairwise(spans)):
            return False
    return True


@given(marks)
def test_bars_and_lines_stay_within_the_picture_and_their_texts_apart(given_marks: list[Mark]) -> None:
    values = [mark.value for mark in given_marks if mark.value is not None]
    assume(values)
    scale = number_scale(PRICE, values, has_zero=True)

    for drawing in (lying_bars(given_marks, scale), standing_bars(given_marks, scale), line(given_marks, scale)):
        for rect in drawing.rects:
            assert 0 <= rect.x <= rect.x + rect.width <= WIDTH + 0.02
            assert 0 <= rect.y <= rect.y + rect.height <= drawing.height + 0.02
        assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= drawing.height for dot in drawing.dots)
        assert texts_apart(drawing)
        assert len(drawing.rects) in (0, len(values))
    assert len(drawing.dots) == len(values)


@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=20))
def test_dots_lie_as_their_values_do(pairs: list[tuple[float, float]]) -> None:
    across, up = (number_scale(PRICE, [pair[axis] for pair in pairs], has_zero=False) for axis in (0, 1))

    drawing = scatter([Spot(x, y, "") for x, y in pairs], across, up)

    by_x = sorted(zip(pairs, drawing.dots, strict=True), key=lambda pair: pair[0][0])
    by_y = sorted(zip(pairs, drawing.dots, strict=True), key=lambda pair: pair[0][1])
    assert all(left.x <= right.x for (_, left), (_, right) in pairwise(by_x))
    assert all(low.y >= high.y for (_, low), (_, high) in pairwise(by_y))
    assert texts_apart(drawing)


@given(st.lists(names, min_size=1, max_size=13), st.lists(names, min_size=1, max_size=13))
def test_fields_of_a_heat_map_do_not_lie_on_each_other(across: list[str], down: list[str]) -> None:
    counts = {(x, y): x * y + 1 for x in range(len(across)) for y in range(len(down))}
    texts = {count: str(count) for count in counts.values()}

    drawing = heat_map([Label(name) for name in across], [Label(name) for name in down], counts, texts)

    assert len({(rect.x, rect.y) for rect in drawing.rects}) == len(counts)
    assert all(rect.x >= 0 and rect.x + rect.width <= WIDTH for rect in drawing.rects)
    assert texts_apart(drawing)


@given(st.integers(1, 10**9))
def test_each_number_of_rows_has_the_level_that_the_legend_says(most: int) -> None:
    ranges = level_ranges(most)

    assert ranges[0][1] == 1
    assert ranges[-1][2] == most
    assert all(high + 1 == low for (_, _, high), (_, low, _) in pairwise(ranges))
    for level, low, high in ranges:
        assert 1 <= level <= LEVELS
        assert level_of(low, most) == level_of(high, most) == level


@given(st.text(max_size=300), st.floats(20, 300))
def test_a_text_is_cut_to_what_fits(text: str, width: float) -> None:
    short = shorten(text, width)

    assert text_width(short) <= width
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_numbers_are_written_as_their_column_or_reader_does() -> None:
    dollars = Field(1, "Price", "decimal", {"style": "fixed", "scale": 2, "prefix": "$", "group": ","})
    minutes = Field(1, "Took", "duration", {"layout": "h:mm"})

    assert number_text(None, 1234, 0) == "1,234"
    assert number_text(None, -0.0, 0) == "0"
    assert number_text(dollars, -1234.5, 2) == "-$1,234.50"
    assert number_text(dollars, 1234.5, 0) == "$1,234"
    assert number_text(minutes, 5_400, 0) == "1:30"
    assert number_text(PRICE, 2.5e17, 2) == "2.5e+17"
    assert number_text(PRICE, 2.5, 3, is_fixed=False) == "2.5"
