"""Forms of a table by a program, by the same verbs as the pages; answered at the address that the program is given."""

from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.events import names
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import add_planets
from webapp.models import Role, Scope
from webapp.models.tables.form_checks import MAX_FIELDS, MAX_ORIGINS
from webapp.web.application import Application

TABLES = "/api/v1/tables"
FIELDS = [{"column": 1, "label": "Which planet?", "required": True}, {"column": 2}]


def path_of(form: dict[str, Any]) -> str:
    address: str = form["address"]
    return address.removeprefix("http://localhost")


async def test_a_form_is_made_switched_on_answered_and_deleted(
    app: Application, settings: Settings, client: QuartClient, program: Make
) -> None:
    table_id = add_planets(settings)
    own, url = await program(), f"{TABLES}/{table_id}/forms"

    made = await own.post(url, json={"name": "New planets", "fields": FIELDS, "max_answers": 1})
    place, form = made.headers["Location"], await made.get_json()
    await own.patch(place, json={"is_on": True, "thanks": "Thank you."})
    answer = await client.post(path_of(form), json={"Planet": "Pluto", "Moons": "5"})
    shown = await (await own.get(place)).get_json()
    rows = await (await own.get(f"{TABLES}/{table_id}/rows?q=Pluto")).get_json()
    listed = (await (await own.get(url)).get_json())["items"]

    assert (made.status_code, form["is_on"], form["state"]) == (201, False, "closed")
    assert [(field["column"], field["name"], field["label"]) for field in form["fields"]] == [
        (1, "Planet", "Which planet?"),
        (2, "Moons", ""),
    ]
    assert answer.status_code == 201, await answer.get_data()
    assert (shown["answers"], shown["state"], shown["thanks"]) == (1, "full", "Thank you.")
    assert [row["cells"]["Moons"] for row in rows["items"]] == [5]
    assert listed == [shown]
    assert (await own.delete(place)).status_code == 204
    assert (await client.get(path_of(form))).status_code == 404
    await problem(await own.delete(place), 404)
    restored = await (await own.post(f"{place}/restoration")).get_json()
    renewed = await (await own.post(f"{place}/address")).get_json()
    assert (restored["address"], restored["is_on"]) == (form["address"], True)
    assert renewed["address"] != form["address"]
    assert (await client.get(path_of(form))).status_code == 404
    done = [name.partition("_")[2] for name in await names(app) if name.startswith("table.form")]
    assert done == ["made", "switched", "deleted", "restored", "renewed"]


async def test_by_default_a_form_asks_for_all_columns(settings: Settings, program: Make) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/forms"

    form = await (await own.post(url, json={"name": "x"})).get_json()

    assert [field["name"] for field in form["fields"]] == ["Planet", "Moons", "Radius", "Rings", "Seen"]


async def test_a_repeat_leads_to_the_form_that_is_there(settings: Settings, program: Make) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/forms"
    key = {"Idempotency-Key": "one"}

    first, again = [await own.post(url, json={"name": "x"}, headers=key) for _ in range(2)]
    renewed = [await (await own.post(f"{first.headers['Location']}/address", headers=key)).get_json() for _ in range(2)]

    assert await again.get_json() == await first.get_json()
    assert len((await (await own.get(url)).get_json())["items"]) == 1
    assert renewed[0]["address"] == renewed[1]["address"]
    await problem(await own.post(url, json={"name": "y"}, headers=key), 422)


async def test_a_field_keeps_its_name_and_a_stale_version_is_refused(settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    own, url = await program(), f"{TABLES}/{table_id}/forms"
    made = await own.post(url, json={"name": "x", "fields": FIELDS})
    place = made.headers["Location"]
    await own.patch(f"{TABLES}/{table_id}/columns/1", json={"title": "World"})

    changed = await own.patch(place, json={"fields": [{"column": 1}]}, headers={"If-Match": made.headers["ETag"]})
    stale = await own.patch(place, json={"name": "y"}, headers={"If-Match": made.headers["ETag"]})

    (field,) = (await changed.get_json())["fields"]
    assert (field["name"], field["label"]) == ("Planet", "")
    await problem(stale, 412)


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "#/name"),
    ({"name": "x", "fields": []}, 400, "#/fields"),
    ({"name": "x", "fields": [{"column": 1}] * (MAX_FIELDS + 1)}, 400, "#/fields"),
    ({"name": "x", "fields": [{"column": 1, "ask": "guess"}]}, 400, "#/fields/0/ask"),
    ({"name": "x", "fields": [{"column": 99}]}, 422, "#/fields/0/column"),
    ({"name": "x", "fields": [{"column": 1}, {"column": 1}]}, 422, "#/fields/1/column"),
    ({"name": "x", "fields": [{"column": 1}, {"column": 2, "default": "many"}]}, 422, "#/fields/1/default"),
    ({"name": "x", "fields": [{"column": 2, "choices": ["1", "many"]}]}, 422, "#/fields/0/choices"),
    ({"name": "x", "next_url": "javascript:alert(1)"}, 422, "#/next_url"),
    ({"name": "x", "origins": ["example.org"]}, 422, "#/origins"),
    ({"name": "x", "origins": ["https://example.org"] * (MAX_ORIGINS + 1)}, 400, "#/origins"),
    ({"name": "x", "max_answers": 0}, 400, "#/max_answers"),
    ({"name": "x", "opens_at": "tomorrow"}, 400, "#/opens_at"),
    ({"name": "x", "opens_at": "0001-01-01T00:00:00Z"}, 422, "#/opens_at"),
    ({"name": "x", "opens_at": "2030-01-02T00:00:00Z", "closes_at": "2030-01-01T00:00:00Z"}, 422, "#/closes_at"),
]


@pytest.mark.parametrize(("body", "status", "pointer"), WRONG)
async def test_what_a_form_cannot_be_is_refused(
    settings: Settings, program: Make, body: dict[str, Any], status: int, pointer: str
) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/forms"

    found = await problem(await own.post(url, json=body), status)

    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await (await own.get(url)).get_json())["items"] == []


async def test_a_change_that_is_refused_changes_nothing(settings: Settings, program: Make) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/forms"
    made = await own.post(url, json={"name": "x"})
    wanted = {"is_on": True, "name": "y", "fields": [{"column": 2, "default": "many"}]}

    found = await problem(await own.patch(made.headers["Location"], json=wanted), 422)

    assert found["errors"][0]["pointer"] == "#/fields/0/default"
    assert await (await own.get(made.headers["Location"])).get_json() == await made.get_json()


async def test_forms_are_for_those_who_may_edit_the_table(settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    own, member, reader = await program(), await program(role=Role.MEMBER), await program(Scope.READ)
    url = f"{TABLES}/{table_id}/forms"
    place = (await own.post(url, json={"name": "x"})).headers["Location"]
    elsewhere = f"{TABLES}/{add_planets(settings)}/forms/{place.rpartition('/')[2]}"
    requests: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", None),
        ("PATCH", "", {"name": "y"}),
        ("POST", "/address", None),
        ("POST", "/restoration", None),
        ("DELETE", "", None),
    )

    for method, path, body in requests:
        await problem(await member.open(place + path, method=method, json=body), 404)
        await problem(await reader.open(place + path, method=method, json=body), 403)
        await problem(await own.open(elsewhere + path, method=method, json=body), 404)
    await own.post(f"{TABLES}/{table_id}/members", json={"user_id": 2, "role": "viewer"})
    for method, path, body in requests:
        await problem(await member.open(place + path, method=method, json=body), 403)
    await own.patch(f"{TABLES}/{table_id}/members/2", json={"role": "editor"})
    assert (await member.patch(place, json={"name": "y"})).status_code == 200
