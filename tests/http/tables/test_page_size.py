"""No table, however wide its rows and long its cells, makes a page that is too large to send or to render."""

import time
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import most_columns
from tests.helpers import sign_up
from tests.http.tables.test_imports import settled, uploaded
from tests.http.tables.test_tables import _another_person, get, texts, tree
from tests.tables import add_table
from webapp.web.application import Application

LARGEST = 2_000_000  # bytes of any page
TIMES = 40  # as much of the event loop's processor time as a page of 100 rows x 10 columns: some 100 ms
ALMOST_ALL_ADDRESSES = "?f.1=oneof:x," + ",".join(f"{number:040}" for number in range(450))
MANY_FILTERS = "?" + "&".join(f"f.1=ne:{number:060}" for number in range(50))


def table_of(name: str, data_dir: Path) -> tuple[dict[str, str], Any]:
    """One of `TABLES`, as far as a table may be wide here."""
    columns, rows = TABLES[name]
    kept = dict(list(columns.items())[: most_columns(data_dir)])
    return kept, [row[: len(kept)] for row in rows]


def wide(cell: str, columns: int, rows: int, kind: str = "text", title: str = "Column") -> tuple[dict[str, str], Any]:
    """Columns and rows; the first column is of texts, which filters of any length can be asked of."""
    kinds = {f"{title} {number}": kind if number else "text" for number in range(columns)}
    return kinds, [[cell] * columns] * rows


TABLES = {
    "ordinary": wide("hello world", 10, 100),
    "long cells": wide("<" * 200_000, 3, 40),
    "long links": wide("https://" + "&" * 900, 20, 100),
    "2,000 numbers": wide("123", 2_000, 30, "integer"),
    "2,000 words": wide("no", 2_000, 30, "boolean"),
    "2,000 links": wide("a@b.cc", 2_000, 30),
    "2,000 long cells": wide("'" * 300, 2_000, 3),
    "2,000 long titles": wide("x", 2_000, 30, title='"' * 110),
}


async def measure(client: QuartClient, address: str) -> tuple[int, float]:
    """The bytes of a page, and the processor time of the event loop's thread: the least of three."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        answer = await client.get(address)
        body = await answer.get_data(as_text=False)
        took.append(time.thread_time() - began)
        assert answer.status_code == 200
    return len(body), min(took)


@pytest.mark.parametrize("query", ["", ALMOST_ALL_ADDRESSES, MANY_FILTERS], ids=["whole", "long address", "filters"])
@pytest.mark.parametrize("name", TABLES)
async def test_the_largest_pages_of_a_table(client: QuartClient, settings: Settings, name: str, query: str) -> None:
    await sign_up(client)
    columns, rows = table_of(name, settings.data_dir)
    rows = [["x", *row[1:]] for row in rows] if query else rows
    table = f"/tables/{add_table(settings.data_dir, columns, rows)}"
    ordinary = f"/tables/{add_table(settings.data_dir, *TABLES['ordinary'])}"
    _, usual = await measure(client, ordinary)
    for path in ("", "/rows", "/rows/1", "/columns", "/columns/1", "/columns/1/profile"):
        size, seconds = await measure(client, f"{table}{path}{query}")
        assert size <= LARGEST, path
        assert seconds <= TIMES * usual, path


@pytest.mark.parametrize("cell", ["x", "&" * 400])
async def test_the_largest_preview_of_an_import(
    app: Application, client: QuartClient, settings: Settings, cell: str
) -> None:
    await sign_up(client)
    _, usual = await measure(client, f"/tables/{add_table(settings.data_dir, *TABLES['ordinary'])}")
    most = most_columns(settings.data_dir)
    lines = [[f"column {number}" for number in range(most)], *([[f"{cell}{n}"] * most for n in range(30)])]
    address = await uploaded(app, client, "\n".join(map(",".join, lines)).encode(), "wide.csv")
    await settled(app, address)
    size, seconds = await measure(client, address)
    assert size <= LARGEST
    assert seconds <= TIMES * usual


@pytest.mark.sqlite  # PostgreSQL has tables of 300 columns at most, which fit
async def test_the_grid_shows_as_many_columns_as_fit_and_says_so(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    most = most_columns(settings.data_dir)
    table = f"/tables/{add_table(settings.data_dir, *wide('7', most, 3))}"
    page = tree(await get(client, table))
    heads = [head for head in page.iter("th") if head.attrib.get("class") == "text"]
    rows = [row for body in page.iter("tbody") for row in body.iter("tr")]
    assert 100 < len(heads) < most
    assert {len(texts(row)) for row in rows} == {len(heads) + 1}
    said = next("".join(chip.itertext()) for chip in page.iter("span") if chip.attrib.get("id") == "chip-columns")
    assert said == f"{len(heads)} of {most:,} columns: choose"
    others = tree(await get(client, f"{table}?cols={most - 20}-{most - 10}"))
    assert len([head for head in others.iter("th") if head.attrib.get("class") == "text"]) == 11
    assert "chip-columns" not in await get(client, f"{table}?cols={most - 20}-{most - 10}")


async def test_a_table_of_long_cells_is_paged_through_without_losing_a_row(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    columns, rows = wide("&" * 1_500, 20, 100)
    address: str | None = f"/tables/{add_table(settings.data_dir, columns, rows)}?sort=2"
    seen = []
    while address:
        page = tree(await get(client, address))
        seen += [row.attrib["id"] for row in page.iter("tr") if "id" in row.attrib]
        address = next((a.attrib["href"] for a in page.iter("a") if a.attrib.get("class") == "further"), None)
    assert seen == [f"r{number}" for number in range(1, 101)]


async def test_an_address_that_was_cut_is_no_link(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [["https://a.example/" + "b" * 2_000], ["https://a.example/b"]]
    table = f"/tables/{add_table(settings.data_dir, {'Address': 'text'}, rows)}"
    for path in ("", "/rows/1"):
        links = [a.attrib["href"] for a in tree(await get(client, table + path)).iter("a")]
        assert [link for link in links if link.startswith("https:")] == ([] if path else [rows[1][0]])


async def test_a_long_cell_is_cut_on_its_rows_page_and_can_be_downloaded(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    text = "<script>alert(1)</script>\0é" * 40_000
    table_id = add_table(settings.data_dir, {"A": "text", "B": "text", "C": "integer"}, [["short", text, "7"]])
    html = await get(client, f"/tables/{table_id}/rows/1")
    assert len(html) < 500_000
    links = [a for a in tree(html).iter("a") if "/cells/" in a.attrib["href"]]
    assert ["".join(link.itertext()) for link in links] == ["Download all 1.1 MB"]
    assert links[0].attrib["href"] == f"/tables/{table_id}/rows/1/cells/2"
    answer = await client.get(links[0].attrib["href"])
    assert (await answer.get_data(as_text=False)).decode() == text
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert await get(client, f"/tables/{table_id}/rows/1/cells/3") == "7"


@pytest.mark.parametrize("path", ["rows/1/cells/9", "rows/5/cells/1", f"rows/{2**70}/cells/1"])
async def test_a_cell_that_does_not_exist_is_not_found(client: QuartClient, settings: Settings, path: str) -> None:
    await sign_up(client)
    table_id = add_table(settings.data_dir, {"A": "text"}, [["x"]])
    await get(client, f"/tables/{table_id}/{path}", 404)


async def test_a_cell_of_another_persons_table_is_not_found(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    table_id = add_table(settings.data_dir, {"A": "text"}, [["x"]], owner=_another_person(settings))
    await get(client, f"/tables/{table_id}/rows/1/cells/1", 404)
