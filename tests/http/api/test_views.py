"""Saved views and members, by the same verbs as the pages."""

from settings import Settings
from tests.http.api.conftest import Make, add, problem
from tests.http.api.tables import add_planets
from tests.saved_views import add_view
from webapp.models import Role, Scope
from webapp.web.application import Application

TABLES = "/api/v1/tables"


async def test_a_view_is_saved_read_changed_and_deleted(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}"

    created = await client.post(f"{url}/views", json={"name": "Giants", "state": "f.2=ge%3A20&sort=-2"})
    view = await created.get_json()
    again = await client.post(f"{url}/views", json={"name": "Giants", "state": "f.2=ge%3A20&sort=-2"})
    taken = await client.post(f"{url}/views", json={"name": "Giants"})
    rows = await (await client.get(f"{url}/rows?{view['state']}&fields=Planet")).get_json()
    change = {"name": "All", "state": "", "is_shared": True, "is_default": True}
    changed = await client.patch(created.headers["Location"], json=change)
    listed = await (await client.get(f"{url}/views")).get_json()

    assert (created.status_code, (await again.get_json())["id"]) == (201, view["id"])
    await problem(taken, 409)
    assert [item["cells"]["Planet"] for item in rows["items"]] == ["Saturn", "Jupiter", "Uranus"]
    assert listed["items"] == [await changed.get_json()]
    assert {name: listed["items"][0][name] for name in change} == change
    assert (await client.delete(created.headers["Location"])).status_code == 204
    assert (await (await client.get(f"{url}/views")).get_json())["items"] == []


async def test_a_view_is_changed_only_in_the_version_that_was_seen_and_as_far_as_it_fits(
    settings: Settings, program: Make
) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}/views"
    place = (await client.post(url, json={"name": "Giants"})).headers["Location"]
    stale = {"If-Match": (await client.get(place)).headers["ETag"]}
    await client.patch(place, json={"state": "sort=1"})

    await problem(await client.patch(place, json={"state": "sort=2"}, headers=stale), 412)
    unknown = await problem(await client.patch(place, json={"state": "sort=99", "name": "x"}), 422)
    own = await problem(await client.patch(place, json={"is_default": True}), 422)

    assert unknown["errors"][0]["parameter"] == "sort"
    assert own["errors"][0]["pointer"] == "#/is_default"
    assert (await (await client.get(place)).get_json())["name"] == "Giants"


async def test_views_of_others_are_not_there(app: Application, settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    client, member = await program(), await program(role=Role.MEMBER)
    await client.post(f"{TABLES}/{table_id}/members", json={"user_id": 2, "role": "viewer"})
    url = f"{TABLES}/{table_id}/views/{add_view(settings.data_dir, table_id, owner=1)}"

    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        await problem(await member.open(url, method=method, json=body), 404)
    shared = await member.post(f"{TABLES}/{table_id}/views", json={"name": "x", "is_shared": True})
    reads = await program(Scope.READ)
    await problem(shared, 403)
    await problem(await reads.post(f"{TABLES}/{table_id}/views", json={"name": "x"}), 403)


async def test_a_table_is_shared_and_no_longer(app: Application, settings: Settings, program: Make) -> None:
    url, client = f"{TABLES}/{add_planets(settings)}", await program()
    member = await program(role=Role.MEMBER)
    assert (await member.get(url)).status_code == 404

    added = await client.post(f"{url}/members", json={"user_id": 2})
    assert (await member.get(url)).status_code == 200
    changed = await client.patch(f"{url}/members/2", json={"role": "editor"})
    listed = await (await member.get(f"{url}/members")).get_json()

    assert (added.status_code, (await added.get_json())["role"]) == (201, "viewer")
    assert [(each["user_id"], each["role"]) for each in listed["items"]] == [(1, "owner"), (2, "editor")]
    assert (await changed.get_json()) == listed["items"][1]
    await problem(await member.post(f"{url}/members", json={"user_id": 2}), 403)
    assert (await client.delete(f"{url}/members/2")).status_code == 204
    assert (await member.get(url)).status_code == 404
    await problem(await client.delete(f"{url}/members/2"), 404)


async def test_who_cannot_be_a_member_is_refused(app: Application, settings: Settings, program: Make) -> None:
    url, client = f"{TABLES}/{add_planets(settings)}/members", await program()
    await add(app, "grace@example.org")

    await problem(await client.post(url, json={"user_id": 1}), 409)
    await problem(await client.post(url, json={"user_id": 99}), 404)
    await problem(await client.post(url, json={"user_id": 2, "role": "owner"}), 400)
    await problem(await client.patch(f"{url}/2", json={"role": "editor"}), 404)
