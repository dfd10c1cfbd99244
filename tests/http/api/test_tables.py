"""Tables and columns: the same verbs as the pages, for programs."""

from typing import Any

import pytest

from settings import Settings
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import add_planets
from webapp.models import Role, Scope
from webapp.web.application import Application

TABLES = "/api/v1/tables"


async def test_tables_are_listed_page_by_page_with_what_one_is_to_them(settings: Settings, program: Make) -> None:
    client = await program()
    for number in range(5):
        add_planets(settings, title=f"Planets {number}")

    first = await (await client.get(f"{TABLES}?limit=2&q=PLANETS")).get_json()
    second = await (await client.get(first["next"])).get_json()
    third = await (await client.get(second["next"])).get_json()

    pages = [first, second, third]
    assert [item["title"] for page in pages for item in page["items"]] == [f"Planets {number}" for number in range(5)]
    assert third["next"] is None
    item = first["items"][0]
    assert (item["role"], item["owner"], item["rows"], item["column_count"]) == (
        "owner",
        {"id": 1, "name": "ada"},
        8,
        5,
    )


async def test_a_strangers_table_is_not_there(settings: Settings, program: Make) -> None:
    add_planets(settings)
    stranger = await program(role=Role.MEMBER)

    assert (await (await stranger.get(TABLES)).get_json())["items"] == []
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/columns"),
        ("POST", "/columns"),
        ("GET", "/rows"),
        ("POST", "/rows"),
    ):
        bodies = {"/columns": {"title": "x"}, "/rows": {"rows": [{"cells": {}}]}, "": {"title": "x"}}
        sent: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": bodies[path]}
        await problem(await stranger.open(f"{TABLES}/1{path}", method=method, **sent), 404)


async def test_a_table_is_created_from_columns_renamed_and_deleted(program: Make) -> None:
    client = await program()
    columns = [{"title": "Planet"}, {"title": "Moons", "type": "integer"}, {"title": "Seen", "type": "date"}]

    created = await client.post(TABLES, json={"title": " Planets ", "columns": columns})
    table = await created.get_json()
    url = created.headers["Location"]
    added = await client.post(f"{url}/rows", json={"rows": [{"cells": {"Planet": "Mars", "Seen": "1610-09-01"}}]})
    renamed = await client.patch(url, json={"title": "Worlds"})
    deleted = await client.delete(url)

    assert (created.status_code, table["title"], table["rows"]) == (201, "Planets", 0)
    assert [(column["number"], column["title"], column["type"]) for column in table["columns"]] == [
        (1, "Planet", "text"),
        (2, "Moons", "integer"),
        (3, "Seen", "date"),
    ]
    assert added.status_code == 201
    assert (await renamed.get_json())["title"] == "Worlds"
    assert deleted.status_code == 204
    await problem(await client.get(url), 404)


@pytest.mark.parametrize(
    ("columns", "pointer"),
    [
        ([], "#/columns"),
        ([{"title": "a"}, {"title": "A"}], "#/columns/1/title"),
        ([{"title": " "}], "#/columns/0/title"),
        ([{"title": "a", "type": "date", "format": {"layout": "HH"}}], "#/columns/0/format"),
        ([{"title": "a", "type": "json"}], "#/columns/0/type"),
        ([{"title": "a", "colour": "red"}], "#/columns/0/colour"),
        ([{"title": f"c{n}"} for n in range(1001)], "#/columns"),
    ],
)
async def test_columns_that_cannot_be_made_are_named(program: Make, columns: list[Any], pointer: str) -> None:
    client = await program()

    answer = await client.post(TABLES, json={"title": "T", "columns": columns})

    found = await problem(answer, answer.status_code)
    assert answer.status_code in (400, 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await (await client.get(TABLES)).get_json())["items"] == []


async def test_a_table_is_created_once_with_a_key(program: Make) -> None:
    client, key = await program(), {"Idempotency-Key": "k1"}
    body = {"title": "T", "columns": [{"title": "a"}]}

    first = await (await client.post(TABLES, json=body, headers=key)).get_json()
    second = await (await client.post(TABLES, json=body, headers=key)).get_json()
    other = await client.post(TABLES, json=body | {"title": "U"}, headers=key)

    assert first["id"] == second["id"]
    assert "other content" in (await problem(other, 422))["detail"]


async def test_nothing_is_changed_in_another_version(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}"
    seen = (await client.get(url)).headers["ETag"]
    assert (await client.get(f"{url}/columns")).headers["ETag"] == seen
    await client.patch(f"{url}/rows/3", json={"cells": {"Moons": 2}})

    stale = {"If-Match": seen}
    for answer in (
        await client.patch(url, json={"title": "x"}, headers=stale),
        await client.delete(url, headers=stale),
        await client.post(f"{url}/columns", json={"title": "x"}, headers=stale),
        await client.patch(f"{url}/columns/2", json={"title": "x"}, headers=stale),
        await client.delete(f"{url}/columns/2", headers=stale),
    ):
        await problem(answer, 412)
    now = {"If-Match": (await client.get(url)).headers["ETag"]}
    assert (await client.patch(url, json={"title": "x"}, headers=now)).status_code == 200


async def test_columns_are_added_changed_moved_and_deleted(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/columns"

    added = await client.post(url, json={"title": "Mass", "type": "decimal", "place": 2})
    rules = {"required": True, "unique": True, "choices": []}
    changed = await client.patch(f"{url}/6", json={"title": "Weight", "rules": rules, "place": 1, "type": "integer"})
    await client.delete(f"{url}/3")
    listed = (await (await client.get(url)).get_json())["items"]

    assert (added.status_code, added.headers["Location"]) == (201, f"{url}/6")
    assert (await added.get_json())["place"] == 2
    column = await changed.get_json()
    assert (column["title"], column["type"], column["rules"], column["place"]) == ("Weight", "integer", rules, 1)
    assert [each["number"] for each in listed] == [6, 1, 2, 4, 5]


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"title": "planet"}, 422, "#/title"),
        ({"title": ""}, 422, "#/title"),
        ({"format": {"group": 5}}, 422, "#/format"),
        ({"title": "New", "type": "date", "format": {"layout": "x"}}, 422, "#/format"),
        ({"rules": {"choices": ["many"]}}, 422, "#/rules"),
        ({"rules": {"colour": 1}}, 400, "#/rules/colour"),
        ({"place": 0}, 400, "#/place"),
        ({"type": "jpeg"}, 400, "#/type"),
        ({"title": None}, 400, "#/title"),
    ],
)
async def test_a_change_that_does_not_fit_names_the_field_and_changes_nothing(
    settings: Settings, program: Make, change: dict[str, Any], status: int, pointer: str
) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/columns/2"
    before = await (await client.get(url)).get_json()

    found = await problem(await client.patch(url, json=change), status)

    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert await (await client.get(url)).get_json() == before


async def test_the_last_column_stays(program: Make) -> None:
    client = await program()
    url = (await client.post(TABLES, json={"title": "T", "columns": [{"title": "a"}]})).headers["Location"]

    await problem(await client.delete(f"{url}/columns/1"), 409)
    await problem(await client.delete(f"{url}/columns/2"), 404)


async def test_a_token_that_reads_changes_nothing(app: Application, settings: Settings, program: Make) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}"

    assert (await client.get(url)).status_code == 200
    for method, path, body in (
        ("PATCH", url, {"title": "x"}),
        ("DELETE", url, None),
        ("POST", f"{url}/rows", {"rows": [{"cells": {}}]}),
        ("POST", TABLES, {"title": "x", "columns": [{"title": "x"}]}),
    ):
        await problem(await client.open(path, method=method, json=body), 403)
