"""Viewing a table: pages, fragments, rows, columns, and errors for invalid URLs."""

import asyncio
import itertools
import json
from contextlib import closing
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import html5lib
import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect, insert, row_writer
from tests.helpers import sign_up
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.database import Database
from webapp.models.policy import Actor
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.renaming import rename_table
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.postgresql import planning as postgresql_planning
from webapp.rowstore.sql import pages
from webapp.rowstore.sql import tables as row_tables
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


async def get(client: QuartClient, address: str, status: int = 200, **headers: str) -> str:
    answer = await client.get(address, headers=headers)
    html: str = await answer.get_data(as_text=True)
    assert answer.status_code == status, html
    return html


def tree(html: str) -> Any:
    """A page, or a fragment of rows, which only a table can hold."""
    whole = f"<table>{html}</table>" if html.startswith("<tbody") else html
    return html5lib.parse(whole, namespaceHTMLElements=False)


def texts(element: Any) -> list[str]:
    return ["".join(cell.itertext()) for cell in element]


def column(html: str, place: int = 1) -> list[str]:
    """The cells of one column of the grid, top to bottom."""
    bodies = [body for body in tree(html).iter("tbody") if body.attrib.get("class") == "rows"]
    return [texts(row)[place] for body in bodies for row in body.iter("tr")]


def sentence(html: str) -> str:
    return next("".join(p.itertext()) for p in tree(html).iter("p") if p.attrib.get("id") == "status")


async def test_the_page_shows_the_rows_as_in_the_file(client: QuartClient, planets: str) -> None:
    html = await get(client, planets)

    assert column(html) == [row[0] for row in PLANET_ROWS]
    assert column(html, 3) == [row[2] for row in PLANET_ROWS]
    assert sentence(html) == "8 rows"


@pytest.mark.parametrize(
    ("query", "expected", "said"),
    [
        ("q=ur", ["Mercury", "Saturn", "Uranus"], "3 of 8 rows matching “ur”"),
        ("sort=-2", ["Saturn", "Jupiter", "Uranus", "Neptune", "Mars", "Earth", "Venus", "Mercury"], None),
        ("sort=4,-3&cols=1", None, None),
        ("f.2=ge:28", ["Jupiter", "Saturn", "Uranus"], "3 of 8 rows where Moons is at least 28"),
        ("f.5=empty", ["Mercury", "Venus", "Earth"], None),
        ("f.5=before:1700-01-01&sort=5", ["Jupiter", "Saturn", "Mars"], None),
        ("f.1=oneof:Earth,Mars", ["Earth", "Mars"], "2 of 8 rows where Planet is one of Earth or Mars"),
    ],
)
async def test_the_address_decides_what_is_shown(
    client: QuartClient, planets: str, query: str, expected: list[str] | None, said: str | None
) -> None:
    html = await get(client, f"{planets}?{query}")

    if expected is not None:
        assert column(html) == expected
    if said is not None:
        assert sentence(html) == said


async def test_a_fragment_is_the_grid_with_its_toolbar_and_status(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}?q=ur", **PARTIAL)

    assert "<html" not in html
    assert (
        html.count("<hx-partial") == 6
    )  # toolbar, links to the summary and to a chart, places, status, and the style sheet of the columns
    assert column(html) == ["Mercury", "Saturn", "Uranus"]


async def test_caches_distinguish_page_and_fragment(client: QuartClient, planets: str) -> None:
    answer = await client.get(planets)

    assert "HX-Request-Type" in answer.headers["Vary"]


async def test_a_long_table_is_read_page_by_page_in_both_directions(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [(f"row {number}",) for number in range(1, 251)]
    address = f"/tables/{add_table(settings.data_dir, {'Name': 'text'}, rows)}"

    seen, html = [], await get(client, address)
    for _ in range(3):
        seen += column(html)
        further = [a.attrib for a in tree(html).iter("a") if a.attrib.get("class") == "further"]
        if further:
            html = await get(client, further[0]["hx-get"], **PARTIAL)
            assert 'class="earlier"' not in html
    assert seen == [name for (name,) in rows]

    last = await get(client, f"{address}?at=240")
    earlier = next(a.attrib for a in tree(last).iter("a") if a.attrib.get("class") == "earlier")
    assert column(await get(client, earlier["hx-get"], **PARTIAL))[-1] == "row 239"
    assert column(await get(client, earlier["href"]))[-1] == "row 239"


@pytest.mark.parametrize(
    "query", ["sort=9", "f.2=eq:many", "f.1=like:x", "cols=x", "after=zzz", "f.99=empty", f"q={'x' * 300}"]
)
async def test_an_invalid_address_is_refused_with_an_explanation(client: QuartClient, planets: str, query: str) -> None:
    html = await get(client, f"{planets}?{query}", 422)

    assert "Traceback" not in html
    assert f'href="{planets}"' in html  # the table is one click away
    assert await get(client, f"{planets}?{query}", 422, **PARTIAL)


async def test_a_row_has_a_page_and_a_panel_with_links_to_its_neighbours(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/rows/6?sort=-2")
    panel = await get(client, f"{planets}/rows/6?sort=-2", **PARTIAL)

    assert "Saturn" in page
    assert "58232.0" in panel
    assert "<html" not in panel
    assert f'href="{planets}/rows/5?sort=-2"' in page
    await get(client, f"{planets}/rows/99", 404)
    await get(client, f"{planets}/rows/99999999999999999999999", 404)


async def test_a_row_whose_neighbours_take_too_long_to_find_says_so(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    monkeypatch.setattr(postgresql_planning, "LARGE_TABLE", 0)
    monkeypatch.setattr(pages, "FIRST_CHUNK", 1)
    find = SqlRowReader.row
    monkeypatch.setattr(SqlRowReader, "row", lambda *args: find(*args, scan_seconds=0))

    page = await get(client, f"{planets}/rows/4?f.1=eq:Saturn")

    assert "Finding the previous and next row of this view took too long" in " ".join(page.split())
    assert f'href="{planets}?f.1=eq%3ASaturn&amp;at=4"' in page or f'href="{planets}?f.1=eq:Saturn&amp;at=4"' in page


async def test_a_column_has_a_page_and_a_panel(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/columns/2?f.2=between:1,5&sort=-2")
    panel = await get(client, f"{planets}/columns/2", **PARTIAL)

    assert "said by the test" in page
    assert 'value="1"' in page
    assert "<html" not in panel
    await get(client, f"{planets}/columns/77", 404)


async def test_a_profile_describes_the_rows_shown_and_its_bars_link_to_theirs(
    client: QuartClient, planets: str
) -> None:
    html = await get(client, f"{planets}/columns/4/profile?f.2=ge:1&f.4=eq:yes&sort=-2", **PARTIAL)

    tops = [row for row in tree(html).iter("tr") if len(row) == 3][1:]
    assert [(texts(row)[0], texts(row)[2]) for row in tops] == [("yes", "4"), ("no", "2")]
    assert f'href="{planets}?f.2=ge:1&amp;f.4=eq:no&amp;sort=-2"' in html
    assert "<html" not in html

    histogram = await get(client, f"{planets}/columns/2/profile", **PARTIAL)
    assert "<rect" in histogram
    assert "<dd>288</dd>" in histogram  # the sum of all moons

    page = await get(client, f"{planets}/columns/2/profile")
    assert "<html" in page
    assert "<rect" in page


async def test_computed_figures_of_a_profile_have_the_number_format_of_the_user(
    client: QuartClient, planets: str
) -> None:
    assert "<dd>196,379.0</dd>" in await get(client, f"{planets}/columns/3/profile", **PARTIAL)  # the sum
    form = {"name": "Ada", "time_zone": "UTC", "number_style": "point"}
    assert (await client.post("/account", form=form)).status_code == 303

    html = await get(client, f"{planets}/columns/3/profile", **PARTIAL)
    assert "<dd>196.379,0</dd>" in html
    assert "<dd>69911.0</dd>" in html, "The highest is a cell: it stays as it was written."


async def test_a_column_that_keeps_texts_lists_and_filters_the_cells_without_a_value(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    table_id = add_table(settings.data_dir, {"Moons": "integer"}, [("1",), ("2",), ("",), ("",), ("",)])
    moons = Field(1, "Moons", "integer", {}, keeps_texts=True)
    changes = [CellChange(row_id, moons, "", text) for row_id, text in ((3, "NA"), (4, "NA"), (5, "-"))]
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        rows = row_writer(connection)
        rows.keep_texts(table_id, moons)
        rows.apply(TableRef(table_id, (moons,)), changes)
        connection.execute("UPDATE columns SET keeps_texts = true WHERE table_id = ?", (table_id,))

    html = await get(client, f"/tables/{table_id}/columns/1/profile", **PARTIAL)
    assert "3 are not whole numbers: " in html
    assert f'<a href="/tables/{table_id}?f.1=eq:NA">NA</a> (2), <a href="/tables/{table_id}?f.1=eq:-">-</a> (1)' in html

    assert ">is not a whole number<" in await get(client, f"/tables/{table_id}/columns/1", **PARTIAL)
    filtered = await client.get(f"/tables/{table_id}/columns/1/filter?operator=novalue")
    assert filtered.headers["Location"].endswith(f"/tables/{table_id}?f.1=novalue")
    page = await get(client, f"/tables/{table_id}?f.1=novalue")
    assert "3 of 5 rows where Moons is not a whole number" in page


async def test_a_profile_that_takes_too_long_is_reported(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: Any, **__: Any) -> None:
        raise QueryTimeout

    monkeypatch.setattr(SqlRowReader, "profile", late)

    assert "took too long" in await get(client, f"{planets}/columns/2/profile", **PARTIAL)


@pytest.mark.parametrize(
    ("number", "form", "expected"),
    [
        (2, "operator=ge&value=28", "f.2=ge:28"),
        (2, "operator=between&value=1&to=5", "f.2=between:1,5"),
        (1, "operator=oneof&lines=Earth%0D%0AMars", "f.1=oneof:Earth,Mars"),
        (5, "operator=empty&value=ignored", "f.5=empty"),
        (2, "operator=ge&value=28&q=ur&sort=-2&f.1=contains:a", "q=ur&f.1=contains:a&f.2=ge:28&sort=-2"),
    ],
)
async def test_a_filter_form_redirects_to_the_address_with_the_filter(
    client: QuartClient, planets: str, number: int, form: str, expected: str
) -> None:
    answer = await client.get(f"{planets}/columns/{number}/filter?{form}")

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{planets}?{expected}"


async def test_an_invalid_filter_is_refused_with_an_explanation(client: QuartClient, planets: str) -> None:
    address = f"{planets}/columns/2/filter?operator=between&value=many&to=7&q=ur&sort=-2"
    page = await client.get(address)
    panel = await client.get(address, headers=PARTIAL)

    for answer in (page, panel):
        html = await answer.get_data(as_text=True)
        fields = {field.attrib.get("id"): field.attrib for field in tree(html).iter("input")}
        assert answer.status_code == 422
        assert "“many” does not fit the column Moons: it needs a number." in html
        assert (fields["filter-value"]["value"], fields["filter-to"]["value"]) == ("many", "7")
        assert fields["filter-value"]["aria-describedby"] == "filter-error"
        assert '<option value="between" selected' in html
        assert 'name="sort" value="-2"' in html
    assert "<html" not in html
    assert panel.headers["HX-Retarget"] == "#panel"


async def test_columns_are_hidden_and_moved_by_a_form(client: QuartClient, planets: str) -> None:
    places = "&".join(f"place.{number}={number}" for number in range(1, 6))

    answer = await client.get(f"{planets}/columns?show=3&show=1&{places}&apply=1&q=a")
    assert answer.headers["Location"] == f"{planets}?q=a&cols=1,3"

    answer = await client.get(f"{planets}/columns?show=3&show=1&{places.replace('place.3=3', 'place.3=1')}&apply=1")
    assert answer.headers["Location"] == f"{planets}?cols=3,1"

    moved = await get(client, f"{planets}/columns?show=1&show=2&{places}&move=2.up")
    assert moved.index('id="order-2"') < moved.index('id="order-1"') < moved.index('id="order-3"')

    answer = await client.get(f"{planets}/columns?show=2&show=x&show={'9' * 5000}&{places}&apply=1")
    assert answer.headers["Location"] == f"{planets}?cols=2"

    answer = await client.get(f"{planets}/columns?all=1&apply=1&cols=2,1")
    assert answer.headers["Location"] == planets


async def test_the_status_line_can_be_requested_with_the_count(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}/count?q=ur", **PARTIAL)

    assert sentence(html) == "3 of 8 rows matching “ur”"


async def test_a_page_contains_the_count_and_a_fragment_requests_it(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [(f"{'odd' if number % 2 else 'even'} {number}",) for number in range(1, 501)]
    address = f"/tables/{add_table(settings.data_dir, {'Name': 'text'}, rows)}?q=odd"

    assert sentence(await get(client, address)) == "250 of 500 rows matching “odd”"
    assert "being counted" in await get(client, address, **PARTIAL)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rows are looked through like a million: after two of them the time is up."""
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    monkeypatch.setattr(postgresql_planning, "LARGE_TABLE", 0)
    monkeypatch.setattr(pages, "FIRST_CHUNK", 2)
    monkeypatch.setattr(pages, "time", SimpleNamespace(monotonic=itertools.count().__next__))


def link(html: str, kind: str) -> Any:
    return next((a for a in tree(html).iter("a") if a.attrib.get("class") == kind), None)


async def test_an_interrupted_search_shows_its_results_and_links_to_continue(
    hurried: None, client: QuartClient, planets: str
) -> None:
    html = await get(client, f"{planets}?q=ur")
    assert column(html) == ["Mercury"]
    assert sentence(html) == "So far 1 of 8 rows matching “ur”; looked as far as row 2"
    assert link(html, "further").text == "Keep searching below row 2"

    found = column(html)
    page, part = link(html, "further").attrib["href"], link(html, "further").attrib["hx-get"]
    second = await get(client, page)
    assert "No matching rows" not in second
    assert sentence(second) == "Some of 8 rows matching “ur”; looked as far as row 4"
    assert link(second, "earlier").text == "Earlier rows"
    while part:
        html = await get(client, part, **PARTIAL)
        found += column(html)
        part = more.attrib["hx-get"] if (more := link(html, "further")) is not None else ""
    assert found == ["Mercury", "Saturn", "Uranus"]


async def test_an_interrupted_search_without_results_says_so_only_at_the_end(
    hurried: None, client: QuartClient, planets: str
) -> None:
    html = await get(client, f"{planets}?q=zzz")
    assert sentence(html) == "So far 0 of 8 rows matching “zzz”; looked as far as row 2"
    while (more := link(html, "further")) is not None:
        assert "No more matching rows" not in html
        assert "No matching rows" not in html
        html = await get(client, more.attrib["hx-get"], **PARTIAL)
    assert "No more matching rows" in html


@pytest.mark.parametrize(("search", "says_so"), [("", False), ("?q=1", True)])
async def test_only_a_search_says_that_no_more_rows_match(
    client: QuartClient, settings: Settings, planets: str, search: str, says_so: bool
) -> None:
    """Elsewhere the rows beyond this page were deleted since it was made."""
    table_id = add_table(settings.data_dir, {"Number": "text"}, [[f"1{number}"] for number in range(150)])
    further = link(await get(client, f"/tables/{table_id}{search}"), "further")
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(f"DELETE FROM t{table_id} WHERE id > 100")

    html = await get(client, further.attrib["hx-get"], **PARTIAL)

    assert ("No more matching rows" in html) is says_so


async def test_the_page_of_columns_leads_editors_to_each_of_them(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/columns")
    assert [f"{planets}/columns/{number}/edit" in page for number in (1, 2, 3, 4, 5, 6)] == [True] * 5 + [False]
    assert "Edit Planet</span>" in page


async def test_a_table_can_be_renamed(client: QuartClient, planets: str) -> None:
    assert (await client.post(planets, form={"title": "  Wanderers "})).status_code == 303
    assert "Wanderers" in await get(client, planets)

    refused = await client.post(planets, form={"title": " "})
    assert refused.status_code == 422
    assert "Give it a title." in await refused.get_data(as_text=True)


async def test_a_table_that_is_being_imported_cannot_be_deleted(
    client: QuartClient, planets: str, settings: Settings
) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE tables SET state = 'importing'")

    refused = await client.post(f"{planets}/deletion")

    assert refused.status_code == 422
    assert "Cancel the import instead" in await refused.get_data(as_text=True)
    await get(client, planets)


@pytest.mark.parametrize(("path", "form"), [("/deletion", {}), ("", {"title": "Wanderers"})])
async def test_changing_a_table_that_was_just_deleted_is_not_found(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    """Both requests have found the table before either changes it."""
    write = Database.write

    async def write_after_another(database: Database, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if verb in (delete_table, rename_table):
            await write(database, delete_table, Actor(1, "ada@example.org", "ada", "owner"), 1)
        return await write(database, verb, *args, **kwargs)

    monkeypatch.setattr(Database, "write", write_after_another)
    answer = await client.post(f"{planets}{path}", form=form)

    assert answer.status_code == 404
    assert "is in the trash" in await answer.get_data(as_text=True)


async def test_renaming_and_deleting_can_be_submitted_twice(client: QuartClient, planets: str) -> None:
    renamed = await asyncio.gather(*(client.post(planets, form={"title": "Wanderers"}) for _ in range(2)))
    assert [answer.status_code for answer in renamed] == [303, 303]
    assert "Wanderers" in await get(client, planets)

    deletions = (client.post(f"{planets}/deletion") for _ in range(2))
    deleted = await asyncio.gather(*deletions)
    assert sorted(answer.status_code for answer in deleted) == [303, 404]


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**40])
async def test_a_table_id_beyond_64_bits_is_not_found(client: QuartClient, planets: str, number: int) -> None:
    answer = await client.get(f"/tables/{number}")

    assert answer.status_code == 404
    assert "There is no such table" in await answer.get_data(as_text=True)


async def test_another_persons_table_is_not_found(client: QuartClient, planets: str, settings: Settings) -> None:
    other = add_table(settings.data_dir, {"Secret": "text"}, [("nobody sees this",)], owner=_another_person(settings))

    for address in ("", "/rows", "/rows/1", "/rows/1/cells/1", "/columns", "/columns/1", "/columns/1/profile", "/count",
                    "/edit", "/export?format=csv", "/original", "/position?to=50%25"):  # fmt: skip
        assert "nobody sees this" not in await get(client, f"/tables/{other}{address}", 404)


def _another_person(settings: Settings) -> int:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return insert(
            connection,
            "INSERT INTO users (email, name, password_hash, role, is_active, created_at)"
            " VALUES ('mallory@example.org', 'mallory', '', 'member', TRUE, '2026-11-22 12:00:00')",
        )


@pytest.mark.parametrize(
    ("type", "values", "labels"),
    [
        ("text", ("a", "b"), ("A to Z", "Z to A")),
        ("integer", ("1", "2"), ("Lowest first", "Highest first")),
        ("boolean", ("true", "false"), ("False first", "True first")),
    ],
)
async def test_the_buttons_that_sort_a_column_use_the_words_of_its_type(
    client: QuartClient, settings: Settings, type: str, values: tuple[str, str], labels: tuple[str, str]
) -> None:
    await sign_up(client)
    add_table(settings.data_dir, {"Column": type}, [(value,) for value in values])
    page = await (await client.get("/tables/1/columns/1")).get_data(as_text=True)
    assert all(f"</svg>{label}</a>" in page for label in labels)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"reason": "Integer, as you chose", "exceptions": 1212}, "Integer, as you chose; 1,212 cells keep their text"),
        ({"reason": "Integer: 1 of 9 keeps their text (NA)", "exceptions": 1}, "Integer: 1 of 9 keeps their text (NA)"),
        ({"reason": "Integer", "exceptions": 0}, "Integer"),
        ({"reason": "Integer"}, "Integer"),
    ],
)
async def test_the_page_of_a_column_says_how_many_cells_keep_their_text(
    client: QuartClient, planets: str, settings: Settings, facts: dict[str, Any], said: str
) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE columns SET facts = ? WHERE number = 1", (json.dumps(facts),))
    page = await (await client.get(f"{planets}/columns/1")).get_data(as_text=True)
    reason = next(
        found for found in html5lib.parse(page, namespaceHTMLElements=False).iter("p") if found.get("class") == "reason"
    )
    assert "".join(reason.itertext()) == said


async def test_json_is_exported_as_one_array_of_what_is_shown(client: QuartClient, planets: str) -> None:
    answer = await client.get(f"{planets}/export?format=json&f.2=gt:90&cols=1,2&sort=-2")

    assert answer.mimetype == "application/json"
    assert ", 2 of 5 columns.json" in unquote(answer.headers["content-disposition"])
    assert await answer.get_json() == [{"Planet": "Saturn", "Moons": 146}, {"Planet": "Jupiter", "Moons": 95}]
    refused = await client.get(f"{planets}/export?format=parquet")
    assert "csv, json, ndjson or xlsx" in await refused.get_data(as_text=True)
