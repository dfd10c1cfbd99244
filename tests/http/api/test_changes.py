"""Following the changes of a table: asked for, or streamed by the hub that pages have."""

import json
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.http.api.conftest import Make, Program, problem
from tests.http.api.tables import add_planets
from tests.tables import add_table
from webapp.extensions import db
from webapp.live.hubs import hubs
from webapp.models import Role, Scope
from webapp.models.accounts.api_token import revoke_api_token
from webapp.models.accounts.audit import COMMAND_LINE
from webapp.models.tables.change_set import MAX_LISTED
from webapp.web.application import Application

TABLES = "/api/v1/tables"
STREAM = {"Accept": "text/event-stream"}


async def test_changes_are_told_in_order_whoever_made_them(
    settings: Settings, program: Make, owner: QuartClient
) -> None:
    table_id = add_planets(settings)
    client, url = await program(), f"{TABLES}/{table_id}"
    await owner.post(f"/tables/{table_id}/cells", json={"edits": [{"row": 3, "column": 2, "seen": "1", "text": "2"}]})
    await client.post(f"{url}/rows", json={"rows": [{"cells": {"Planet": "Pluto"}}]})
    await client.delete(f"{url}/rows/1")
    await client.patch(url, json={"title": "Worlds"})
    await client.delete(f"{url}/columns/4")

    first = await (await client.get(f"{url}/changes?limit=2")).get_json()
    rest = await (await client.get(f"{url}/changes?after={first['seq']}")).get_json()
    none = await (await client.get(f"{url}/changes?after=5")).get_json()

    assert (first["seq"], first["latest"], rest["seq"], rest["latest"]) == (2, 5, 5, 5)
    edit, added, deleted, title, column = first["items"] + rest["items"]
    assert (edit["kind"], edit["by"], edit["cells"]) == (
        "cells",
        {"id": 1, "name": "ada"},
        [{"row": 3, "column": 2, "text": "2"}],
    )
    assert (added["added"], deleted["deleted"], title["title"], column["columns"]) == ([9], [1], "Worlds", [4])
    assert (none["items"], none["seq"], none["reset"]) == ([], 5, False)


async def test_a_large_change_says_where_and_a_gap_says_so(settings: Settings, program: Make) -> None:
    table_id = add_table(settings.data_dir, {"n": "integer"}, [])
    client, url = await program(), f"{TABLES}/{table_id}"
    rows = [{"cells": {"n": number}} for number in range(MAX_LISTED + 1)]
    await client.post(f"{url}/rows", json={"rows": rows})

    large = await (await client.get(f"{url}/changes")).get_json()
    ahead = await (await client.get(f"{url}/changes?after=99")).get_json()

    (item,) = large["items"]
    assert item["extent"] == {"first": 1, "last": MAX_LISTED + 1, "rows": MAX_LISTED + 1, "columns": []}
    assert (ahead["items"], ahead["seq"], ahead["reset"]) == ([], 1, True)


async def test_a_long_text_is_left_to_be_read(settings: Settings, program: Make) -> None:
    client, url = await program(), f"{TABLES}/{add_planets(settings)}"

    await client.patch(f"{url}/rows/3", json={"cells": {"Planet": "x" * 1001}})
    await client.patch(f"{url}/rows/3", json={"cells": {"Planet": "x" * 1000}})

    items = (await (await client.get(f"{url}/changes")).get_json())["items"]
    assert [item["cells"][0]["text"] for item in items] == [None, "x" * 1000]


async def read_messages(connection: Any, count: int) -> list[tuple[str, str, Any]]:
    """The next messages: event, id and data; without pings."""
    found, text = list[tuple[str, str, Any]](), ""
    while len(found) < count:
        text += (await connection.receive()).decode()
        *whole, text = text.split("\n\n")
        for message in whole:
            fields = dict(line.split(": ", 1) for line in message.splitlines())
            if fields.get("event") != "ping":
                found.append((fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])))
    return found


@pytest.mark.parametrize("header", [{}, {"Last-Event-ID": "1"}])
async def test_a_stream_goes_on_from_where_it_was_with_the_hub_of_the_page(
    app: Application, settings: Settings, program: Make, owner: QuartClient, header: dict[str, str]
) -> None:
    table_id = add_planets(settings)
    client, url = await program(), f"{TABLES}/{table_id}"
    for moons in (2, 3):
        await client.patch(f"{url}/rows/3", json={"cells": {"Moons": moons}})
    polled = (await (await client.get(f"{url}/changes")).get_json())["items"]

    shown = {"Authorization": f"Bearer {client.token}"} | STREAM | header
    async with client.request(f"{url}/changes?after=0", headers=shown) as connection:
        await connection.send_complete()
        before = await read_messages(connection, 1 if header else 2)
        hub = hubs.of(app).find(("table", table_id))
        await owner.post(f"/tables/{table_id}/rows", json={"rows": [{"1": "Pluto"}]})
        after = await read_messages(connection, 1)
        await connection.disconnect()

    assert [message[2] for message in before] == (polled[1:] if header else polled)
    assert [message[1] for message in before] == (["2"] if header else ["1", "2"])
    assert (after[0][1], after[0][2]["added"]) == ("3", [9])
    assert hub is not None


async def test_a_program_is_not_shown_as_present(app: Application, settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    client = await program(Scope.READ)
    headers = {"Authorization": f"Bearer {client.token}"} | STREAM

    async with client.request(f"{TABLES}/{table_id}/changes", headers=headers) as connection:
        await connection.send_complete()
        await connection.receive()
        hub = hubs.of(app).find(("table", table_id))
        assert hub is not None
        assert list(hub.subject.presence.people) == []  # type: ignore[attr-defined]
        await connection.disconnect()


async def test_the_stream_of_a_token_that_is_revoked_ends(app: Application, settings: Settings, program: Make) -> None:
    table_id = add_planets(settings)
    client, other = await program(Scope.READ), await program()
    headers = {"Authorization": f"Bearer {client.token}"} | STREAM

    async with client.request(f"{TABLES}/{table_id}/changes", headers=headers) as connection:
        await connection.send_complete()
        await connection.receive()
        await db.of(app).write(revoke_api_token, COMMAND_LINE, 1, 1)
        await other.patch(f"{TABLES}/{table_id}/rows/3", json={"cells": {"Moons": 2}})
        messages = await read_messages(connection, 1)
        await connection.disconnect()

    assert messages[0][0] == "access"
    assert messages[0][2] == {"role": "none"}


async def test_only_who_may_see_the_table_follows_it(settings: Settings, program: Make) -> None:
    table_id = add_planets(settings, owner=1)
    stranger: Program = await program(role=Role.MEMBER)

    for headers in ({}, STREAM):
        await problem(await stranger.get(f"{TABLES}/{table_id}/changes", headers=headers), 404)
    for args in ("after=x", "limit=0", "limit=501", "before=1"):
        await problem(await stranger.get(f"{TABLES}/{table_id}/changes?{args}"), 400)
