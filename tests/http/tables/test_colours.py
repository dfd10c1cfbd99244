"""Rows coloured by a value: their classes, the legend, further rows, what changes afterwards, and a visitor's."""

import json
import re
from math import cos, radians, sin
from pathlib import Path

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_cells import edit, save
from tests.http.tables.test_shared import Scene, scene
from tests.http.tables.test_tables import PARTIAL, get, planets
from tests.tables import PLANET_ROWS, add_table
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.table_ref import Field
from webapp.tables import page_size
from webapp.tables.colouring import STEPS, TONES, Steps, Tones

__all__ = ["planets", "scene"]  # fixtures

ROW = re.compile(r'<tr id=r(\d+)(?: class=([st]\d))?><th scope=row>.*?<a href="[^"]*"(?: title="([^"]*)")?>')
LEGEND = re.compile(r'<li class="([st]\d)">([^<]*)</li>')
FURTHER = re.compile(r'class="further"[^>]*hx-get="([^"]*)"')
UPDATE = re.compile(r'data-colours="([^"]*)"')
STYLES = Path(__file__).parents[3] / "static/css"


def classes(html: str) -> dict[int, str]:
    return {int(row): css for row, css, _ in ROW.findall(html)}


def titles(html: str) -> list[str]:
    return [title for _, _, title in ROW.findall(html)]


def test_a_text_has_the_same_tone_everywhere() -> None:
    assert [Tones().css_of(text) for text in ("Oslo", "Bergen", "Århus", "\ud800")] == ["t6", "t4", "t9", "t0"]
    assert {Tones().css_of(str(number)) for number in range(200)} == {f"t{tone}" for tone in range(TONES)}


def test_choices_have_each_their_own_tone() -> None:
    tones = Tones.of_choices(["new", "open", "done"])
    assert [tones.css_of(text) for text in ("new", "open", "done", "Oslo")] == ["t0", "t1", "t2", "t6"]


def test_the_most_frequent_texts_have_each_their_own_tone_in_whatever_order_they_come() -> None:
    texts = [str(number) for number in range(12)]
    tones = Tones.of_frequent(texts)
    assert len({tones.css_of(text) for text in texts[:TONES]}) == TONES
    assert Tones.of_frequent([*reversed(texts[:TONES]), *texts[TONES:]]) == tones
    assert Tones.of_frequent(["Oslo", "Bergen"]).css_of("Oslo") == Tones().css_of("Oslo")
    assert Tones.of_frequent([]).css_of("Oslo") == Tones().css_of("Oslo")


def test_tones_are_read_from_the_address_that_has_them() -> None:
    for tones in (Tones(), Tones.of_choices(["new"]), Tones.of_frequent(["Oslo", "Bergen", "Århus"])):
        assert Tones.parse(tones.argument) == tones
    for wrong in ("x", "1,g", ",".join("1" * (TONES + 1))):
        with pytest.raises(QueryError):
            Tones.parse(wrong)


def test_steps_have_the_palest_colour_first_and_take_what_lies_beyond_them() -> None:
    steps = Steps((0, 10, 20))
    assert [steps.css_of(value) for value in (-5, 0, 9.9, 10, 20, 99)] == ["s0", "s0", "s0", "s3", "s6", "s6"]
    values = Steps((1, 2, 2.5), are_values=True)
    assert [values.css_of(value) for value in (0, 1, 1.5, 2, 2.5, 3)] == [None, "s0", None, "s3", "s6", None]
    assert Steps((5,)).css_of(5) == "s3"
    assert Steps().css_of(5) is None
    for number in range(2, STEPS + 1):
        assert len({Steps(tuple(range(number))).css(place) for place in range(number)}) == number


def test_steps_are_read_from_the_address_that_has_them() -> None:
    number, day = Field(1, "n", "decimal", {}), Field(1, "d", "date", {})
    for field, steps in (
        (number, Steps((0, 2.5, 10**30))),
        (number, Steps((1, 2), are_values=True)),
        (number, Steps()),
        (day, Steps(("2026-01-01", "2026-02-01"))),
    ):
        assert Steps.parse(field, steps.argument).lows == steps.lows
        assert Steps.parse(field, steps.argument).css_of(steps.lows[0] if steps.lows else 0) == (
            "s0" if steps.lows else None
        )
    for wrong in ("a", "nan", "inf", "1,2,3,4,5,6,7,8", "9" * 400, "²"):
        with pytest.raises(QueryError):
            Steps.parse(number, wrong)


async def test_rows_have_the_colour_of_their_value_and_a_legend_says_which(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}?colour=1&cols=1,2")
    found, legend = classes(html), LEGEND.findall(html)

    assert len(legend) == len(found) == 8
    assert {text: css for css, text in legend} == {
        name: found[row] for row, name in enumerate(re.findall(r"</a><td>(\w+)<td>", html), 1)
    }
    assert set(titles(html)) == {""}  # the column is there
    assert "coloured by Planet" in html
    assert f'href="{planets}?cols=1,2"' in html.partition('id="chip-colour"')[2].partition("</span></a>")[0]

    plain = await get(client, f"{planets}?cols=1,2")
    assert (classes(plain), LEGEND.findall(plain)) == (dict.fromkeys(range(1, 9), ""), [])
    for trace in ("tinted", "data-colour", "legend", "colour="):
        assert trace not in plain


async def test_yes_and_no_have_different_colours(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}?colour=4")

    assert [*classes(html).values()] == ["t0"] * 4 + ["t4"] * 4
    assert LEGEND.findall(html) == [("t4", "yes"), ("t0", "no")]


async def test_numbers_and_dates_have_steps_over_all_rows_whatever_is_searched_for(
    client: QuartClient, planets: str
) -> None:
    html = await get(client, f"{planets}?colour=3")

    assert LEGEND.findall(html) == [
        ("s0", "up to 20000.0"),
        ("s2", "20000.0 to 40000.0"),
        ("s4", "40000.0 to 60000.0"),
        ("s6", "from 60000.0"),
    ]
    found = classes(html)
    assert [*found.values()] == ["s0", "s0", "s0", "s0", "s6", "s4", "s2", "s2"]
    narrowed = await get(client, f"{planets}?f.2=lt:50&colour=3", **PARTIAL)
    assert LEGEND.findall(narrowed) == LEGEND.findall(html)
    assert classes(narrowed) == {row: css for row, css in found.items() if row not in (5, 6)}

    days = await get(client, f"{planets}?colour=5")
    assert [css for row, css in classes(days).items() if row < 4] == ["", "", ""]  # empty cells
    assert (classes(days)[4], classes(days)[8]) == ("s0", "s6")


async def test_few_numbers_have_a_colour_each(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    table = add_table(settings.data_dir, {"Stars": "integer"}, [["1"], ["5"], ["3"], [""], ["5"]])

    html = await get(client, f"/tables/{table}?colour=1")

    assert LEGEND.findall(html) == [("s0", "1"), ("s3", "3"), ("s6", "5")]
    assert [*classes(html).values()] == ["s0", "s6", "s3", "", "s6"]


async def test_a_column_that_is_not_shown_says_its_value_at_the_number_of_the_row(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    table = add_table(settings.data_dir, {"City": "text", "Note": "text"}, [['"<b>', "a"], ["", "b"], ["x" * 99, "c"]])

    html = await get(client, f"/tables/{table}?colour=1&cols=2")

    assert titles(html) == ["City: &#34;&lt;b&gt;", "", f"City: {'x' * 60}…"]
    assert [bool(css) for css in classes(html).values()] == [True, False, True]
    update = UPDATE.findall(html)[0].replace("&amp;", "&")
    answer = json.loads(await get(client, f"{update}&ids=1-2"))
    assert answer == {"1": [classes(html)[1], 'City: "<b>']}


async def test_further_rows_have_the_colours_that_the_legend_of_their_page_says(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = classes(await get(client, f"{planets}?colour=2"))
    monkeypatch.setattr(page_size, "PAGE_SIZE", 3)
    first = await get(client, f"{planets}?colour=2")
    further = FURTHER.findall(first)[0].replace("&amp;", "&")

    rows = await get(client, further, **PARTIAL)

    assert classes(first) | classes(rows) == {row: css for row, css in whole.items() if row < 7}
    assert "scale=" in further
    other = re.sub(r"scale=[^&]*", "scale=0,1,2", further)
    assert [*classes(await get(client, other, **PARTIAL)).values()] == ["s6", "s6", "s6"]
    assert (await client.get(re.sub(r"scale=[^&]*", "scale=a", further), headers=PARTIAL)).status_code == 422


async def test_rows_that_changed_are_told_their_new_colours(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}?colour=2")
    update, before = UPDATE.findall(html)[0].replace("&amp;", "&"), classes(html)
    assert json.loads(await get(client, f"{update}&ids=1,6,99")) == {"1": [before[1], ""], "6": [before[6], ""]}

    await save(client, planets, edit(1, 2, "0", "146"), edit(6, 2, "146", ""))

    assert json.loads(await get(client, f"{update}&ids=1,6")) == {"1": [before[6], ""]}
    assert (await client.get(f"{update}&ids=1-201")).status_code == 422
    assert json.loads(await get(client, f"{planets}/colours?ids=1")) == {}


async def test_what_takes_too_long_leaves_numbers_without_colours_and_texts_without_a_legend(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = classes(await get(client, f"{planets}?colour=1"))
    assert len(set(own.values())) == len(PLANET_ROWS)  # each its own, as they are few
    tones = {row: Tones().css_of(name) for row, (name, *_) in enumerate(PLANET_ROWS, 1)}

    def late(*args: object) -> None:
        raise QueryTimeout

    monkeypatch.setattr(SqlRowReader, "aggregate", late)
    for number, expected in ((1, tones), (2, dict.fromkeys(range(1, 9), ""))):
        html = await get(client, f"{planets}?colour={number}")
        assert classes(html) == expected
        assert "took too long" in html
        assert LEGEND.findall(html) == []


async def test_colours_are_part_of_a_saved_view(client: QuartClient, planets: str) -> None:
    saved = await client.post(f"{planets}/views?colour=4&sort=2", form={"name": "Rings"})
    assert saved.headers["location"] == f"{planets}?sort=2&colour=4&view=1"

    changed = await get(client, f"{planets}?sort=2&view=1")
    assert 'id="view-mark" class="view-mark" data-changed' in changed
    assert 'name="colour" value="4"' in await get(client, f"{planets}?colour=4")  # a search keeps them
    panel = await get(client, f"{planets}/columns/4?sort=2")
    assert f'href="{planets}?sort=2&amp;colour=4"' in panel
    assert f'href="{planets}?sort=2"' in (await get(client, f"{planets}/columns/4?sort=2&colour=4"))

    await client.post(f"{planets}/columns/4/deletion", form={"seen": "Rings"})
    opened = await client.get(f"{planets}/views/1")
    assert opened.headers["location"] == f"{planets}?sort=2&view=1"


async def test_rows_in_groups_have_none(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}?group=4&colour=1")

    assert "coloured by Planet" in html
    assert ("legend" in html, "tinted" in html) == (False, False)


async def test_a_visitor_has_the_colours_of_columns_that_the_link_shows(scene: Scene) -> None:
    path = await scene.link(scope=[("f.3", "eq:red")], shown=[1, 3])

    html = await get(scene.client, f"{path}?colour=3")
    assert LEGEND.findall(html) == [(Tones().css_of("red"), "red")]  # nothing of rows that are hidden
    assert classes(html) == {1: Tones().css_of("red"), 3: Tones().css_of("red")}
    update = UPDATE.findall(html)[0].replace("&amp;", "&")
    assert update.startswith(f"{path}/colours?")
    assert json.loads(await get(scene.client, f"{update}&ids=1-3")).keys() == {"1", "3"}
    for address in ("?colour={}", "/rows?colour={}", "/colours?colour={}&ids=1"):
        hidden, never = [await scene.client.get(path + address.format(number)) for number in (2, 9)]
        assert (hidden.status_code, never.status_code) == (422, 422)
        texts = [await answer.get_data(as_text=True) for answer in (hidden, never)]
        assert texts[0].replace("number 2", "number 9") == texts[1] or "number 2" in texts[0]


def _luminance(lightness: float, chroma: float, hue: float) -> float:
    """Relative, of a colour in Oklch: https://bottosson.github.io/posts/oklab/."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long, middle, short = (
        (lightness + x * a + y * b) ** 3
        for x, y in (
            (0.3963377774, 0.2158037573),
            (-0.1055613458, -0.0638541728),
            (-0.0894841775, -1.2914855480),
        )
    )
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    return sum(part * min(max(value, 0), 1) for part, value in ((0.2126, red), (0.7152, green), (0.0722, blue)))


def test_text_is_legible_on_each_colour_in_both_themes() -> None:
    pairs = re.findall(
        r"--([\w-]+): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\)", (STYLES / "tokens.css").read_text()
    )

    def luminances(text: str) -> float:
        lightness, chroma, hue = text.split()
        return _luminance(float(lightness.rstrip("%")) / 100, float(chroma), float(hue))

    found = {name: tuple(map(luminances, both)) for name, *both in pairs if "/" not in "".join(both)}
    colours = [*(f"tone-{tone}" for tone in range(TONES)), *(f"step-{step}" for step in range(STEPS))]
    for colour in colours:
        for text in ("text", "muted", "accent-text"):
            for one, other in zip(found[colour], found[text], strict=True):
                assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5, (colour, text)
    rules = (STYLES / "components/grid.css").read_text()
    for colour in colours:
        assert f".{colour[0]}{colour[-1]} {{ --tint: var(--{colour}); }}" in rules
