"""Reading rows: the grid's view for programs, page by page or streamed."""

import asyncio
import csv
import gzip
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from settings import Settings
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import CELLS, add_planets
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models import Scope

TABLES = "/api/v1/tables"
NDJSON = {"Accept": "application/x-ndjson"}


async def test_cells_are_typed(settings: Settings, program: Make) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows"

    answer = await client.get(f"{url}?rows=3")
    text = await answer.get_data(as_text=True)

    document = json.loads(text)
    assert document["items"] == [{"id": 3, "cells": CELLS}]
    assert '"Radius":6371.0,' in text
    assert (document["next"], document["seq"]) == (None, 0)


async def test_all_rows_come_page_by_page_in_the_views_order(settings: Settings, program: Make) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows?sort=-2,1&limit=3&cols=2,1"
    seen, pages = list[dict[str, Any]](), 0

    while url:
        answer = await client.get(url)
        page = await answer.get_json()
        seen, pages = seen + page["items"], pages + 1
        url = page["next"]
        assert (page["total"], page["counted"]) == (8, True)
        assert answer.headers.get("Link") == (f'<{url}>; rel="next"' if url else None)

    assert pages == 3
    names = ["Saturn", "Jupiter", "Uranus", "Neptune", "Mars", "Earth", "Mercury", "Venus"]
    assert [item["cells"]["Planet"] for item in seen] == names
    assert list(seen[0]["cells"]) == ["Moons", "Planet"]


async def test_filters_search_and_fields_are_the_grids(settings: Settings, program: Make) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows"

    found = await (
        await client.get(f"{url}?f.2=ge:16&f.4=eq:yes&q=u&fields=Planet&fields=Moons&names=title")
    ).get_json()
    strings = await (await client.get(f"{url}?rows=5&names=number&fields=3&values=strings")).get_json()
    texts = await (await client.get(f"{url}?rows=1&values=text")).get_json()

    assert [item["cells"] for item in found["items"]] == [
        {"Planet": "Jupiter", "Moons": 95},
        {"Planet": "Saturn", "Moons": 146},
        {"Planet": "Uranus", "Moons": 28},
        {"Planet": "Neptune", "Moons": 16},
    ]
    assert (found["total"], found["counted"], found["more_than"]) == (4, True, None)
    assert strings["items"] == [{"id": 5, "cells": {"3": "69911.0"}}]
    assert list(texts["items"][0]["cells"].values()) == list(PLANET_ROWS[0])


async def test_totals_are_exact_or_said_to_be_unknown(
    settings: Settings, program: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.rowstore.sql.pages.COUNT_LIMIT", 3)
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows"

    capped = await (await client.get(f"{url}?f.2=ge:1&limit=2")).get_json()
    later = await (await client.get(capped["next"])).get_json()

    assert (capped["total"], capped["counted"], capped["more_than"]) == (None, False, 3)
    assert (later["total"], later["counted"], later["more_than"]) == (None, False, None)


@pytest.mark.parametrize(
    ("args", "status", "parameter"),
    [
        ("sort=99", 422, "sort"),
        ("cols=99", 422, "cols"),
        ("f.99=eq:1", 422, "f.99"),
        ("f.2=eq:many", 422, "f.2"),
        ("f.2=starts:1", 422, "f.2"),
        ("fields=Mass", 422, "fields"),
        ("rows=x", 400, "rows"),
        ("rows=1-9999999", 422, "rows"),
        ("after=zzzz", 422, "after"),
        ("limit=1001", 400, "limit"),
        ("limit=x", 400, "limit"),
        ("values=words", 400, "values"),
        ("colour=red", 400, "colour"),
        ("q=" + "x" * 300, 422, "q"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_named(
    settings: Settings, program: Make, args: str, status: int, parameter: str
) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows"

    found = await problem(await client.get(f"{url}?{args}"), status)
    streamed = await problem(await client.get(f"{url}?{args}", headers=NDJSON), status) if status == 400 else found

    assert [error["parameter"] for error in found["errors"]] == [parameter]
    assert streamed["errors"] == found["errors"]


async def test_rows_are_streamed_as_the_same_objects_and_as_the_cells_of_the_file(
    settings: Settings, program: Make
) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows?f.2=ge:1&sort=2"

    page = await (await client.get(url)).get_json()
    lines = await client.get(url, headers=NDJSON)
    table = await client.get(url, headers={"Accept": "text/csv"})

    assert lines.mimetype == "application/x-ndjson"
    assert [json.loads(line) for line in (await lines.get_data()).splitlines()] == page["items"]
    cells = list(csv.reader(io.StringIO(await table.get_data(as_text=True), newline="")))
    assert cells[0] == list(PLANETS)
    assert cells[1:] == sorted([list(row) for row in PLANET_ROWS if int(row[1]) >= 1], key=lambda row: int(row[1]))


async def test_what_has_not_changed_is_not_sent_again(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"
    urls = [(url, {}), (f"{url}?sort=2", {}), (url, NDJSON), (url, {"Accept": "text/csv"}), (f"{url}/3", {})]
    seen = [(await client.get(one, headers=more)).headers["ETag"] for one, more in urls]
    assert len(set(seen)) == len(seen)

    async def ask() -> list[int]:
        asked = zip(urls, seen, strict=True)
        return [
            (await client.get(one, headers=more | {"If-None-Match": tag})).status_code for (one, more), tag in asked
        ]

    assert await ask() == [304] * 5
    await client.patch(f"{url}/3", json={"cells": {"Moons": 2}})
    assert await ask() == [200] * 5


async def test_a_page_is_compressed_for_a_token_and_not_for_a_cookie(
    settings: Settings, program: Make, owner: Any
) -> None:
    client = await program(Scope.READ)
    table_id = add_table(settings.data_dir, {"a": "text"}, [("x" * 50,)] * 100)
    url, accepts = f"{TABLES}/{table_id}/rows", {"Accept-Encoding": "gzip"}

    packed, plain = await client.get(url, headers=accepts), await owner.get(url, headers=accepts)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(await packed.get_data()) == await plain.get_data()
    assert "Content-Encoding" not in plain.headers
    again = await client.get(url, headers=accepts | {"If-None-Match": packed.headers["ETag"]})
    assert again.status_code == 304


async def test_long_cells_are_whole_and_make_a_page_short(
    settings: Settings, program: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.api.rows.PAGE_CHARACTERS", 50_000)
    client = await program(Scope.READ)
    table_id = add_table(settings.data_dir, {"a": "text"}, [("x" * 20_000,)] * 7)
    url, sizes = f"{TABLES}/{table_id}/rows", list[list[int]]()

    while url:
        page = await (await client.get(url)).get_json()
        sizes.append([len(item["cells"]["a"]) for item in page["items"]])
        url = page["next"]

    assert [size for page in sizes for size in page] == [20_000] * 7
    assert max(map(len, sizes)) <= 3


async def test_a_row_has_its_own_version(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/rows"
    before, other = await client.get(f"{url}/3"), await client.get(f"{url}/4")

    assert await before.get_json() == {"id": 3, "cells": CELLS}
    await client.patch(f"{url}/3", json={"cells": {"Moons": 2}})

    assert (await client.get(f"{url}/3")).headers["ETag"] != before.headers["ETag"]
    assert (await client.get(f"{url}/4")).headers["ETag"] == other.headers["ETag"]
    await problem(await client.get(f"{url}/99"), 404)


async def test_numbers_are_exact(settings: Settings, program: Make) -> None:
    client = await program(Scope.READ)
    rows = [(str(2**63 - 1), "0.1"), (str(-(2**63)), "123456789012.25")]
    table_id = add_table(settings.data_dir, {"i": "integer", "d": "decimal"}, rows)

    text = await (await client.get(f"{TABLES}/{table_id}/rows")).get_data(as_text=True)

    items = json.loads(text, parse_float=Decimal)["items"]
    assert [tuple(item["cells"].values()) for item in items] == [
        (2**63 - 1, Decimal("0.1")),
        (-(2**63), Decimal("123456789012.25")),
    ]


async def test_several_can_read_at_once(settings: Settings, program: Make) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/rows"

    answers = await asyncio.gather(*(client.get(url) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
