"""Devices that have signed in before."""

import json
from collections.abc import Callable

from quart import request
from quart.testing import QuartClient

from webapp.models import User
from webapp.web.known_devices import MAX_PEOPLE, known_device, remember_device

Serve = Callable[..., QuartClient]


async def visit() -> str:
    """Remember the people of the query, then name the device of each person of 0 to 19, if it is known."""
    for user_id in request.args.getlist("remember", type=int):
        remember_device(person(user_id))
    return json.dumps({user_id: known_device(person(user_id)) for user_id in range(20)})


def person(user_id: int) -> User:
    """Their password is `changed` once the request says so."""
    changed = request.args.getlist("changed", type=int)
    return User(id=user_id, password_hash="new" if user_id in changed else "old", totp_secret=None)


async def known_people(client: QuartClient, query: str = "") -> tuple[set[str], set[int]]:
    """The names of the device, and whom it knows."""
    devices = json.loads(await (await client.get(f"/try?{query}")).get_data())
    return {name for name in devices.values() if name}, {int(user_id) for user_id, name in devices.items() if name}


async def test_a_device_remembers_the_people_seen_last_on_it(serve: Serve) -> None:
    client = serve(visit)

    for user_id in range(MAX_PEOPLE + 2):
        await client.get(f"/try?remember={user_id}")
        await client.get("/try?remember=0")

    names, people = await known_people(client)
    assert len(names) == 1
    assert people == {0, *range(3, MAX_PEOPLE + 2)}
    assert len(people) == MAX_PEOPLE


async def test_a_device_is_unknown_once_the_password_has_changed(serve: Serve) -> None:
    client = serve(visit)
    await client.get("/try?remember=3&remember=4")

    assert (await known_people(client, "changed=3"))[1] == {4}


async def test_a_forged_device_cookie_is_ignored(serve: Serve) -> None:
    client = serve(visit)
    client.set_cookie("localhost", "rowcast-device", "WyJuYW1lIixbMV1d.x.y")

    assert await known_people(client) == (set(), set())
