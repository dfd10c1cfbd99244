"""The history of a table, of a change, of a row and of a cell: who reads what, in which words, and taking back."""

import html
import re
from contextlib import closing

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.helpers import sign_up
from tests.http.tables.test_cells import ANA, edit, exported, member, save, send
from tests.http.tables.test_tables import get
from tests.people import settle, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.web.application import Application

NAME, MOONS = 1, 2


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


def sentences(page: str) -> list[str]:
    return re.findall(r'<p class="what"><a href="[^"]+">(.*?)</a>', page)


async def test_the_history_says_who_did_what_the_newest_first(
    app: Application, client: QuartClient, planets: str
) -> None:
    ana = await member(app, planets)
    await save(ana, planets, edit(1, NAME, "Mercury", "M"), edit(1, MOONS, "0", "3"), edit(2, MOONS, "0", "4"))
    await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto"}]})
    await send(ana, f"{planets}/rows/deletion", {"ids": [5, 6]})
    await send(ana, f"{planets}/undo", {})
    await client.post(planets, form={"title": "Worlds"})

    assert sentences(await get(client, f"{planets}/history")) == [
        "Ada renamed the table",
        "Ana undid “deleted 2 rows”",
        "Ana deleted 2 rows",
        "Ada added 1 row",
        "Ana changed 3 cells in Planet and Moons",
    ]


@pytest.mark.parametrize(
    ("filters", "seqs"),
    [
        ("column=2", [1]),
        ("kind=rows", [3, 2]),
        ("kind=undo", [4]),
        ("person=2", [4, 3, 1]),
        ("person=2&kind=cells", [1]),
        ("since=2000-01-01&until=9999-01-01", [4, 3, 2, 1]),
        ("until=2001-01-01", []),
        ("since=2999-01-01", []),
        ("kind=nonsense&column=x&since=never", [4, 3, 2, 1]),
        ("before=3", [2, 1]),
        ("before=-9", []),
    ],
)
async def test_the_history_is_filtered_by_person_column_kind_and_time(
    app: Application, client: QuartClient, planets: str, filters: str, seqs: list[int]
) -> None:
    ana = await member(app, planets)
    await save(ana, planets, edit(1, MOONS, "0", "3"))
    await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto"}]})
    await send(ana, f"{planets}/rows/deletion", {"ids": [5]})
    await send(ana, f"{planets}/undo", {})

    page = await get(client, f"{planets}/history?{filters}")

    assert [int(seq) for seq in re.findall(r'id="change-(\d+)"', page)] == seqs


async def test_older_changes_are_on_further_pages(client: QuartClient, planets: str) -> None:
    for number in range(55):
        await save(client, planets, edit(1, MOONS, str(number), str(number + 1)))

    first = await get(client, f"{planets}/history")
    further = re.search(r'href="([^"]+)">Older changes', first)
    assert further
    rest = await get(client, further[1].replace("&amp;", "&"))

    assert len(sentences(first)) == 50
    assert len(sentences(rest)) == 5
    assert "Older changes" not in rest


async def test_a_change_shows_each_text_before_and_after_with_the_changed_words_marked(
    client: QuartClient, planets: str
) -> None:
    await save(client, planets, edit(1, NAME, "Mercury", "Hot <b>Mercury"), edit(2, MOONS, "0", ""))

    page = await get(client, f"{planets}/history/1")

    assert '<td class="text">Mercury</td><td class="text"><ins>Hot &lt;b&gt;</ins>Mercury</td>' in page
    assert '<td class="text"><del>0</del></td><td class="text"><span class="muted">empty</span></td>' in page
    await get(client, f"{planets}/history/2", 404)


async def test_a_large_change_is_shown_in_pages(client: QuartClient, planets: str) -> None:
    await send(client, f"{planets}/rows", {"rows": [{"1": f"World {number}"} for number in range(1_150)]})

    page, seen = await get(client, f"{planets}/history/1"), 0
    for _ in range(12):
        seen += page.count("Row added")
        further = re.search(r'href="([^"]+)">Further cells', page)
        if not further:
            break
        page = await get(client, further[1].replace("&amp;", "&"))

    assert seen == 1_150


@pytest.mark.parametrize("after", ["9" * 30, str(2**63), "-" + "9" * 30, "9" * 5_000, "x"])
async def test_a_place_beyond_a_change_or_none_at_all_is_no_error(
    client: QuartClient, planets: str, after: str
) -> None:
    await save(client, planets, edit(1, MOONS, "0", "3"))
    await send(client, f"{planets}/rows", {"rows": [{"1": f"World {number}"} for number in range(1_001)]})

    for seq in (1, 2):
        await get(client, f"{planets}/history/{seq}?after={after}")
    await get(client, f"{planets}/history?before={after}")
    await get(client, f"{planets}/rows/1/history?before={after}")


async def test_the_history_says_by_what_way_each_step_came(client: QuartClient, planets: str) -> None:
    await save(client, planets, edit(1, MOONS, "0", "3"))
    await send(client, f"{planets}/undo", {})
    await client.post(f"{planets}/redo")
    await client.post(f"{planets}/undo")
    await send(client, f"{planets}/redo", {})
    await client.post(f"{planets}/history/5/revert")

    page = await get(client, f"{planets}/history")

    assert re.findall("in the grid|on a page", page) == [
        "on a page",
        "in the grid",
        "on a page",
        "on a page",
        "in the grid",
        "in the grid",
    ]


async def test_the_history_of_a_row_and_of_a_cell_has_what_large_changes_did_to_it(
    client: QuartClient, planets: str
) -> None:
    await send(client, f"{planets}/rows", {"rows": [{"1": f"World {number}"} for number in range(1_100)]})
    await save(client, planets, edit(12, MOONS, "", "5"), edit(13, MOONS, "", "6"))
    await save(client, planets, edit(12, NAME, "World 3", "Gaia"))

    row, cell = f"{planets}/rows/12/history", f"{planets}/rows/12/history?column=2"
    page = await get(client, row)

    assert sentences(page) == [
        "Ada changed 1 cell in Planet",
        "Ada changed 2 cells in Moons",
        "Ada added 1,100 rows",
    ]
    assert "World 3" in page
    assert "World 4" not in page
    assert sentences(await get(client, cell)) == ["Ada changed 2 cells in Moons", "Ada added 1,100 rows"]
    assert sentences(await get(client, f"{planets}/rows/1/history")) == []
    await get(client, f"{planets}/rows/12/history?column=9", 404)


async def test_the_row_and_its_cells_lead_to_their_history(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/rows/3")
    for link in (f'"{planets}/rows/3/history"', f'"{planets}/rows/3/history?column=2"'):
        assert link in page

    panel = await get(client, f"{planets}/rows/3/history", **{"HX-Request": "true", "HX-Request-Type": "partial"})
    assert "<html" not in panel
    assert "panel-head" in panel


async def test_an_editor_takes_any_change_back_and_sees_what_was_left(
    app: Application, client: QuartClient, planets: str
) -> None:
    await save(client, planets, *(edit(row, NAME, PLANET_ROWS[row - 1][0], "x") for row in range(1, 9)))
    ana = await member(app, planets)
    await save(ana, planets, edit(2, NAME, "x", "Venus II"))

    page = await get(client, f"{planets}/history")
    assert f'action="{planets}/history/1/revert"' in page
    answer = await ana.post(f"{planets}/history/1/revert", form={})
    text = await answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert "7 of 8 restored; 1 was changed since by Ana." in text
    assert f'href="{planets}/rows/2/history"' in text
    assert f'href="{planets}/rows/3/history"' not in text
    assert (await exported(client, planets))[1:4] == [
        "Mercury,0,2439.7,no,",
        "Venus II,0,6051.8,no,",
        "Earth,1,6371.0,no,",
    ]
    assert f'action="{planets}/history/1/revert"' not in await get(client, f"{planets}/history")
    again = await send(ana, f"{planets}/history/1/revert", {}, 422)
    assert "already" in again["detail"]


async def test_viewers_read_the_history_but_not_what_only_editors_can_bring_back(
    app: Application, client: QuartClient, planets: str
) -> None:
    await save(client, planets, edit(3, NAME, "Earth", "A secret"), edit(4, NAME, "Mars", "Red"))
    await send(client, f"{planets}/rows/deletion", {"ids": [3]})
    gus = await member(app, planets, "viewer")

    page = await get(gus, f"{planets}/history/1")
    assert ("A secret" in page, "Earth" in page, "Red" in page) == (False, False, True)
    assert "6371.0" not in await get(gus, f"{planets}/history/2")
    assert "6371.0" in await get(client, f"{planets}/history/2")
    await get(gus, f"{planets}/rows/3/history", 404)
    assert "A secret" in await get(client, f"{planets}/rows/3/history")
    assert "/revert" not in await get(gus, f"{planets}/history")
    assert (await gus.post(f"{planets}/history/1/revert", form={})).status_code == 403


async def test_texts_of_deleted_columns_are_for_those_who_may_edit(
    app: Application, client: QuartClient, planets: str, settings: Settings
) -> None:
    await save(client, planets, edit(3, NAME, "Earth", "A secret"))
    delete_column(settings, NAME)
    gus = await member(app, planets, "viewer")

    page = await get(gus, f"{planets}/history/1")
    assert ("A secret" in page, ">Planet<" in page) == (False, False)
    assert "a deleted column" in page
    assert "A secret" in await get(client, f"{planets}/history/1")
    await get(gus, f"{planets}/rows/3/history?column=1", 404)
    assert "A secret" not in await get(gus, f"{planets}/rows/3/history")


def delete_column(settings: Settings, number: int) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE columns SET deleted_at = '2026-11-22 12:00:00' WHERE number = ?", (number,))
        connection.execute("UPDATE tables SET version = version + 1")


async def test_strangers_find_no_history(app: Application, client: QuartClient, planets: str) -> None:
    await save(client, planets, edit(3, NAME, "Earth", "Gaia"))
    await settle(app, ANA.email, name="Ana")
    stranger = await window(app, ANA)

    for path in ("history", "history/1", "rows/3/history"):
        await get(stranger, f"{planets}/{path}", 404)
    assert (await stranger.post(f"{planets}/history/1/revert", form={})).status_code == 404


async def test_an_undo_that_is_undone_is_called_a_redo(app: Application, client: QuartClient, planets: str) -> None:
    ana = await member(app, planets)
    await save(ana, planets, edit(1, MOONS, "0", "3"))
    for seq, heading in ((1, "Undone"), (2, "Redone"), (3, "Undone")):
        page = await (await client.post(f"{planets}/history/{seq}/revert")).get_data(as_text=True)
        assert f"<h1>{heading}</h1>" in page
        assert f"1 change {heading.lower()}." in page

    page = await get(client, f"{planets}/history")

    what = "“changed 1 cell in Moons” by Ana"
    assert sentences(page) == [
        f"Ada undid {what}",
        f"Ada redid {what}",
        f"Ada undid {what}",
        "Ana changed 1 cell in Moons",
    ]
    assert page.count("Redo this") == 2
    assert [*re.findall(r'href="[^"]+/history/(\d)">(undone|redone)</a>', page)] == [("4", "undone"), ("2", "undone")]


@pytest.mark.parametrize("step", ["undo", "redo"])
async def test_undo_and_redo_are_logged_by_the_way_they_came_and_a_page_leads_back_to_itself(
    client: QuartClient, planets: str, step: str
) -> None:
    await save(client, planets, edit(1, MOONS, "0", "3"))
    if step == "redo":
        await send(client, f"{planets}/undo", {})

    for seq, form, leads_to in ((None, None, None), (0, {"page": "history"}, "/history"), (0, {}, "")):
        if seq is None:
            await send(client, f"{planets}/{step}", {})
            assert ", in the grid</p>" in (await get(client, f"{planets}/history")).partition("</li>")[0]
        else:
            answer = await client.post(f"{planets}/{step}", form=form)
            assert answer.headers["Location"] == planets + leads_to
            assert ", on a page</p>" in (await get(client, f"{planets}/history")).partition("</li>")[0]
        await send(client, f"{planets}/{'redo' if step == 'undo' else 'undo'}", {})


@pytest.mark.parametrize(
    ("path", "form", "sentence", "before", "after"),
    [
        ("/columns", {"title": "Mass", "type": "integer", "place": "2"}, "added the column Mass", "",
         "<b>Title</b> Mass, <b>Type</b> integer, <b>Rules</b> none, <b>Place</b> behind Planet"),
        ("/columns/2", {"title": "Satellites"}, "renamed the column Satellites",
         "<b>Title</b> Moons", "<b>Title</b> Satellites"),
        ("/columns/2", {"place": "1"}, "moved the column Moons", "<b>Place</b> behind Planet", "<b>Place</b> first"),
        ("/columns/2", {"required": "y", "choices": "0\n1"}, "changed the rules of the column Moons",
         "<b>Rules</b> none", "<b>Rules</b> required; one of 0, 1"),
        ("/columns/2", {"title": "Satellites", "place": "1"}, "changed the column Satellites",
         "<b>Place</b> behind Planet", "<b>Place</b> first"),
    ],
)  # fmt: skip
async def test_changes_of_columns_are_told_in_words(
    client: QuartClient, planets: str, path: str, form: dict[str, str], sentence: str, before: str, after: str
) -> None:
    seen = re.search(r'name="seen"[^>]*value="([^"]*)"', await get(client, f"{planets}/columns/2/edit"))
    assert seen
    untouched = {"title": "Moons", "place": "2", "choices": "", "seen": html.unescape(seen[1])}

    answer = await client.post(planets + path, form=untouched | form)
    assert answer.status_code == 303

    assert sentences(await get(client, f"{planets}/history")) == [f"Ada {sentence}"]
    assert f'<td class="text">{before}</td><td class="text">{after}</td>' in await get(client, f"{planets}/history/1")


async def test_a_deleted_column_is_told_in_words(client: QuartClient, planets: str) -> None:
    await client.post(f"{planets}/columns/2/deletion", form={"seen": "Moons"})

    assert sentences(await get(client, f"{planets}/history")) == ["Ada deleted the column Moons"]
    assert "<b>Title</b> Moons, <b>Type</b> integer" in await get(client, f"{planets}/history/1")


async def test_what_came_with_a_file_is_not_listed(client: QuartClient, settings: Settings, planets: str) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        names = "table_id, seq, at, actor_id, via, kind, rows, cells, first_row, last_row, note, size"
        values = "1, 1, '2026-11-22 12:00:00', 1, 'import', 'import', 8, 0, 1, 8, 'a.csv', 0"
        connection.execute(f"INSERT INTO change_sets ({names}) VALUES ({values})")
        connection.execute("UPDATE tables SET seq = 1")

    page = await get(client, f"{planets}/history/1")

    assert "Ada imported 8 rows from a.csv" in page
    assert "Rows that came with a file are not listed here." in page
    assert "Undo this" not in page
