"""Links to tables by a program of their owner's, by the same verbs as the pages."""

from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from settings import Settings
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import add_planets
from tests.saved_views import add_view
from webapp.extensions import db
from webapp.models import AuditEvent, Event, Role, Scope
from webapp.web.application import Application

TABLES = "/api/v1/tables"


async def test_a_link_is_made_used_changed_and_revoked(
    app: Application, settings: Settings, client: QuartClient, program: Make
) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/links"
    wanted = {"name": "Press", "state": "f.2=ge%3A20&cols=1-2", "may_export": False}

    made = await own.post(url, json=wanted)
    link = await made.get_json()
    path = link.pop("address").removeprefix("http://localhost")
    page = await (await client.get(path)).get_data(as_text=True)
    await db.of(app).wait_for_writes()  # of when it was used
    shown = await (await own.get(made.headers["Location"])).get_json()
    change = {"may_export": True, "expires_at": "2999-01-01T00:00:00+01:00", "origins": ["https://Example.org/"]}
    changed = await (await own.patch(made.headers["Location"], json=change)).get_json()
    listed = await (await own.get(url)).get_json()

    assert made.status_code == 201
    assert ("Jupiter" in page, "Earth" in page, "Radius" in page) == (True, False, False)
    assert link == shown | {"used_at": None}
    assert {name: link[name] for name in ("name", "may_export", "may_edit")} == {
        "name": "Press",
        "may_export": False,
        "may_edit": False,
    }
    assert changed["expires_at"] == "2998-12-31T23:00:00Z"
    assert (changed["name"], changed["origins"]) == ("Press", ["https://example.org"])
    assert listed["items"] == [changed]
    assert (await own.delete(made.headers["Location"])).status_code == 204
    assert (await client.get(path)).status_code == 404
    await problem(await own.delete(made.headers["Location"]), 404)
    await db.of(app).wait_for_writes()
    async with db.of(app).reading() as session:
        events = (await session.scalars(select(AuditEvent.event).order_by(AuditEvent.id))).all()
    assert [event for event in events if event.startswith("table.link")] == [
        Event.TABLE_LINK_MADE,
        Event.TABLE_LINK_CHANGED,
        Event.TABLE_LINK_REVOKED,
    ]


async def test_a_link_shows_a_saved_view_and_asks_for_its_password(
    settings: Settings, client: QuartClient, program: Make
) -> None:
    table_id = add_planets(settings)
    own, url = await program(), f"{TABLES}/{table_id}/links"
    view_id = add_view(settings.data_dir, table_id, owner=1)

    made = await (await own.post(url, json={"name": "x", "view_id": view_id, "password": "of eight"})).get_json()
    path = made["address"].removeprefix("http://localhost")
    before = await (await client.get(path)).get_data(as_text=True)
    changed = await own.patch(f"{url}/{made['id']}", json={"password": None})
    after = await (await client.get(path)).get_data(as_text=True)

    assert (made["view_id"], made["has_password"]) == (view_id, True)
    assert ("Jupiter" in before, "Jupiter" in after) == (False, True)
    assert (await changed.get_json())["has_password"] is False


async def test_a_repeat_leads_to_the_link_that_is_there(settings: Settings, program: Make) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/links"
    key, wanted = {"Idempotency-Key": "one"}, {"name": "Press", "password": "of eight"}

    first, again = [await own.post(url, json=wanted, headers=key) for _ in range(2)]

    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert await again.get_json() == await first.get_json()
    await problem(await own.post(url, json=wanted | {"name": "Board"}, headers=key), 422)
    assert len((await (await own.get(url)).get_json())["items"]) == 1


async def test_a_link_is_brought_up_to_date_with_its_view(settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    own, url = await program(), f"{TABLES}/{table_id}"
    view = await (await own.post(f"{url}/views", json={"name": "Giants", "state": "f.2=ge%3A20"})).get_json()
    link = await (await own.post(f"{url}/links", json={"name": "x", "view_id": view["id"]})).get_json()
    place = f"{url}/links/{link['id']}"
    later = await (await own.patch(f"{url}/views/{view['id']}", json={"state": "f.2=ge%3A60"})).get_json()

    await problem(await own.post(f"{place}/view", json={"version": view["version"]}), 409)
    before = await (await own.get(place)).get_json()
    followed = await own.post(f"{place}/view", json={"version": later["version"]})

    assert (before["state"], (await followed.get_json())["state"]) == ("f.2=ge%3A20", "f.2=ge%3A60")
    plain = await (await own.post(f"{url}/links", json={"name": "y"})).get_json()
    await problem(await own.post(f"{url}/links/{plain['id']}/view", json={"version": 1}), 404)


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "#/name"),
    ({"name": " "}, 400, "#/name"),
    ({"name": "x", "password": "short"}, 400, "#/password"),
    ({"name": "x", "expires_at": "tomorrow"}, 400, "#/expires_at"),
    ({"name": "x", "expires_at": 4_000_000_000}, 400, "#/expires_at"),
    ({"name": "x", "expires_at": "2999-02-30T00:00:00Z"}, 422, "#/expires_at"),
    ({"name": "x", "expires_at": "9999-12-31T23:59:59-12:00"}, 422, "#/expires_at"),
    ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, 422, "#/expires_at"),
    ({"name": "x", "origins": ["javascript:alert(1)"]}, 422, "#/origins"),
    ({"name": "x", "origins": ["https://example.org"], "password": "of eight"}, 422, "#/origins"),
    ({"name": "x", "expires_at": "9999-01-01T00:00:00Z"}, 422, "#/expires_at"),
    ({"name": "x" * 101}, 400, "#/name"),
    ({"name": "x", "origins": [f"https://{n}.example.org" for n in range(51)]}, 400, "#/origins"),
    ({"name": "x", "state": "q=a", "view_id": 1}, 422, "#/view_id"),
    ({"name": "x", "token": "mine"}, 400, "#/token"),
]


@pytest.mark.parametrize(("body", "status", "pointer"), WRONG)
async def test_what_a_link_cannot_be_is_refused(
    settings: Settings, program: Make, body: dict[str, Any], status: int, pointer: str
) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/links"

    found = await problem(await own.post(url, json=body), status)

    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await (await own.get(url)).get_json())["items"] == []


async def test_links_of_what_is_not_there_are_refused(settings: Settings, program: Make) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/links"
    made = await (await own.post(url, json={"name": "x"})).get_json()
    other = f"{TABLES}/{add_planets(settings)}/links/{made['id']}"

    unknown = await problem(await own.post(url, json={"name": "x", "state": "cols=99"}), 422)
    await problem(await own.post(url, json={"name": "x", "view_id": 99}), 404)
    await problem(await own.patch(f"{url}/{made['id']}", json={}), 400)
    for method, body in (("GET", None), ("PATCH", {"name": "y"}), ("DELETE", None)):
        await problem(await own.open(other, method=method, json=body), 404)

    assert unknown["errors"][0]["parameter"] == "cols"
    assert (await own.get(f"{url}/{made['id']}")).status_code == 200


async def test_only_the_owner_has_to_do_with_links(settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    own, member, reader = await program(), await program(role=Role.MEMBER), await program(Scope.READ)
    url = f"{TABLES}/{table_id}/links"
    made = await (await own.post(url, json={"name": "x"})).get_json()
    place = f"{url}/{made['id']}"
    requests = (("GET", url, None), ("POST", url, {"name": "y"}), ("GET", place, None), ("PATCH", place, {"name": "y"}))

    for method, path, body in (*requests, ("DELETE", place, None)):
        await problem(await member.open(path, method=method, json=body), 404)
        await problem(await reader.open(path, method=method, json=body), 403)
    await own.post(f"{TABLES}/{table_id}/members", json={"user_id": 2, "role": "editor"})
    for method, path, body in (*requests, ("DELETE", place, None)):
        await problem(await member.open(path, method=method, json=body), 403)
    assert (await (await own.get(url)).get_json())["items"] == [
        {name: value for name, value in made.items() if name != "address"}
    ]
