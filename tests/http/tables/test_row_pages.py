"""The forms of a row, of a cell and of a new row, which need no script."""

import json
import re
from contextlib import closing
from html import unescape

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.helpers import sign_up
from tests.http.tables.test_cells import edit, exported, member, save
from tests.http.tables.test_tables import PARTIAL, get
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.tables.line_breaks import restore_breaks
from webapp.web.application import Application


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


def fields(html: str) -> dict[str, str]:
    """What a browser would send of the form: with line breaks of its own kind."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", html):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag:
            found[name[1]] = value[1] if value else ""
    for name, text in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', html, re.DOTALL):
        found[name] = re.sub(r"^(\r\n|\n)", "", text)
    for name, choices in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option selected value="([^"]*)"', choices)
        found[name] = chosen[1] if chosen else ""
    own = ("cell", "seen", "row", "as_text", "idempotency_key")
    sent = {name: unescape(text) for name, text in found.items() if name.startswith(own)}
    return {name: re.sub("\r\n|\r|\n", "\r\n", text) for name, text in sent.items()}


async def test_the_form_of_a_row_saves_what_was_edited_and_nothing_else(client: QuartClient, planets: str) -> None:
    form = fields(await get(client, f"{planets}/rows/5/edit"))
    assert (form["cell1"], form["cell2"], form["cell4"], form["cell5"]) == ("Jupiter", "95", "yes", "1610-01-07")

    answer = await client.post(f"{planets}/rows/5", form=form | {"cell2": "97", "cell4": "no"})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{planets}/rows/5")
    assert "2 cells saved." in await get(client, f"{planets}/rows/5")
    assert (await exported(client, planets))[5] == "Jupiter,97,69911.0,no,1610-01-07"
    again = await client.post(f"{planets}/rows/5", form=fields(await get(client, f"{planets}/rows/5/edit")))
    assert again.status_code == 303
    assert "Nothing was changed." in await get(client, f"{planets}/rows/5")


async def test_a_form_sent_unchanged_changes_no_byte_of_any_cell(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    texts = ["\nfirst", "a\r\nb\rc\n", " spaces ", "NA", 'quotes " and <b>', "nul \0 inside", "é\u2028x", "x" * 30_000]
    address = f"/tables/{add_table(settings.data_dir, {str(n): 'text' for n in range(8)}, [texts])}"
    before = await get(client, f"{address}/export?format=csv")

    html = await get(client, f"{address}/rows/1/edit")
    assert "cannot send" in html  # the one with a NUL, and the one that is too long for its share of the page
    assert (await client.post(f"{address}/rows/1", form=fields(html))).status_code == 303

    assert await get(client, f"{address}/export?format=csv") == before
    form = fields(html)
    await client.post(f"{address}/rows/1", form=form | {"cell2": form["cell2"].replace("b", "B")})
    assert "a\r\nB\rc\n" in await get(client, f"{address}/export?format=csv")


async def test_a_conflict_is_shown_beside_the_field_and_kept_mine_by_sending_again(
    app: Application, client: QuartClient, planets: str
) -> None:
    ana = await member(app, planets)
    form = fields(await get(client, f"{planets}/rows/5/edit"))
    await save(ana, planets, edit(5, 2, "95", "96"))

    answer = await client.post(f"{planets}/rows/5", form=form | {"cell1": "Zeus", "cell2": "97"})
    html = await answer.get_data(as_text=True)

    assert answer.status_code == 409
    assert "Ana changed this just now." in html
    assert "It is now “96”" in html
    assert "Keep mine" in html
    assert (await exported(client, planets))[5].startswith("Zeus,96,")
    mine = fields(html)
    assert mine["cell2"] == "97"
    assert (await client.post(f"{planets}/rows/5", form=mine)).status_code == 303
    assert (await exported(client, planets))[5].startswith("Zeus,97,")


async def test_a_field_nobody_touched_is_no_conflict(app: Application, client: QuartClient, planets: str) -> None:
    ana = await member(app, planets)
    form = fields(await get(client, f"{planets}/rows/5/edit"))
    await save(ana, planets, edit(5, 2, "95", "96"))

    assert (await client.post(f"{planets}/rows/5", form=form | {"cell1": "Zeus"})).status_code == 303

    assert (await exported(client, planets))[5].startswith("Zeus,96,")


async def test_a_misfit_stays_in_its_field_and_can_be_kept_as_a_text(client: QuartClient, planets: str) -> None:
    form = fields(await get(client, f"{planets}/rows/5/edit")) | {"cell2": "many", "cell1": "Zeus"}

    answer = await client.post(f"{planets}/rows/5", form=form)
    html = await answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert fields(html)["cell2"] == "many"
    assert 'name="as_text2"' in html
    assert f'href="{planets}/columns/2/type"' in html
    assert (await client.post(f"{planets}/rows/5", form=fields(html) | {"as_text2": "1"})).status_code == 303
    assert (await exported(client, planets))[5].startswith("Zeus,many,")


async def test_a_new_row_is_added_once_by_its_form(client: QuartClient, planets: str) -> None:
    form = fields(await get(client, f"{planets}/rows/new")) | {"cell1": "Pluto", "cell2": "many"}
    refused = await client.post(f"{planets}/rows", form=form)
    html = await refused.get_data(as_text=True)
    assert (refused.status_code, fields(html)["cell1"]) == (422, "Pluto")
    assert len(await exported(client, planets)) == 9

    form = fields(html) | {"as_text2": "1"}
    for _ in range(2):
        assert (await client.post(f"{planets}/rows", form=form)).status_code == 303

    assert (await exported(client, planets))[9:] == ["Pluto,many,,,"]


async def test_the_editor_of_a_cell_has_what_the_script_needs(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}/cells/5/2/edit", **PARTIAL)

    assert "<html" not in html
    for attribute in ('data-row="5"', 'data-column="2"', 'data-type="integer"', 'data-max="1000000"'):
        assert attribute in html
    assert "data-seen='&#34;95&#34;'" in html or 'data-seen="&#34;95&#34;"' in html
    answer = await client.post(f"{planets}/cells", form=fields(html) | {"cell2": "99"})
    assert answer.status_code == 303
    assert (await exported(client, planets))[5].startswith("Jupiter,99,")
    await get(client, f"{planets}/cells/99/2/edit", 404)
    await get(client, f"{planets}/cells/5/99/edit", 404)


async def test_the_page_of_a_row_whose_table_was_just_deleted_is_not_found(
    client: QuartClient, planets: str, settings: Settings
) -> None:
    """Between finding the table and reading its rows."""
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(f"DROP TABLE t{planets.rpartition('/')[2]}")

    for page in ("", "/rows/5", "/rows/5/edit", "/cells/5/2/edit"):
        assert "deleted a moment ago" in await get(client, f"{planets}{page}", 404)


@pytest.mark.parametrize(
    ("text", "seen", "expected"),
    [
        ("a\nb", "a\r\nb", "a\r\nb"),
        ("a\nB\nc", "a\r\nb\nc", "a\r\nB\nc"),
        ("new\na\nb", "a\rb", "new\ra\rb"),
        ("a\nb\nc\nd", "a\r\nd", "a\r\nb\r\nc\r\nd"),
        ("a\nb", "a", "a\nb"),
        ("", "a\r\nb", ""),
        ("a\n\n\nb", "a\r\n\n\rb", "a\r\n\n\rb"),
    ],
)
def test_line_breaks_before_and_behind_what_was_edited_stay(text: str, seen: str, expected: str) -> None:
    assert restore_breaks(text, seen) == expected


async def test_the_choices_of_a_column_are_a_list_that_keeps_what_is_there(client: QuartClient, planets: str) -> None:
    seen = fields_of_column(await get(client, f"{planets}/columns/1/edit"))
    chosen = seen | {"choices": "Earth\r\n Mars \r\n<b>\r\nEarth"}
    assert (await client.post(f"{planets}/columns/1", form=chosen)).status_code == 303

    html = await get(client, f"{planets}/rows/5/edit")

    choices = re.search(r'<select [^>]*name="cell1"[^>]*>(.*?)</select>', html, re.DOTALL)
    assert choices
    values = [unescape(value) for value in re.findall(r'value="([^"]*)"', choices[1])]
    assert values == ["", "Earth", " Mars ", "<b>", "Jupiter"]
    before = await exported(client, planets)
    await client.post(f"{planets}/rows/5", form=fields(html))
    assert await exported(client, planets) == before
    await client.post(f"{planets}/rows/5", form=fields(html) | {"cell1": " Mars "})
    assert (await exported(client, planets))[5].startswith(" Mars ,95,")
    refused = await client.post(
        f"{planets}/rows/6", form=fields(await get(client, f"{planets}/rows/6/edit")) | {"cell1": "X"}
    )
    assert refused.status_code == 422
    assert fields(await refused.get_data(as_text=True))["cell1"] == "X"
    assert re.search(r'<select [^>]*name="cell1"', await get(client, f"{planets}/rows/new"))


async def test_the_editor_of_a_cell_has_the_words_of_its_column(client: QuartClient, planets: str) -> None:
    seen = fields_of_column(await get(client, f"{planets}/columns/1/edit"))
    await client.post(f"{planets}/columns/1", form=seen | {"choices": "Earth\r\nMars"})

    async def words(column: int) -> tuple[list[str], str]:
        html = await get(client, f"{planets}/cells/5/{column}/edit", **PARTIAL)
        found = re.search(r'data-words="([^"]*)" data-yes="([^"]*)"', html)
        assert found
        listed: list[str] = json.loads(unescape(found[1]))
        return listed, found[2]

    assert await words(1) == (["", "Earth", "Mars"], "")
    assert await words(2) == ([], "")
    assert await words(4) == (["", "yes", "no"], "yes")


def fields_of_column(html: str) -> dict[str, str]:
    found = {
        name: re.search(rf'<input [^>]*name="{name}"[^>]* value="([^"]*)"', html) for name in ("title", "place", "seen")
    }
    return {name: unescape(value[1]) for name, value in found.items() if value}
