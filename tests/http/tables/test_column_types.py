"""Changing a column's type: what the form offers, what changes, and what does not."""

import asyncio
import html
import json
import re
from contextlib import closing

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.helpers import GRACE, sign_up
from tests.http.tables.test_tables import PARTIAL, column, get
from tests.people import settle, window
from tests.servers import PATIENCE
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models import Role
from webapp.models.tables import type_changing
from webapp.tables import column_types
from webapp.web.application import Application

TEXT_ROWS = [("10", "a"), ("9", "b"), ("NA", "c"), ("1,000", "d"), ("", "e")]


@pytest.fixture
async def table(client: QuartClient, settings: Settings) -> str:
    """The URL of a table whose first column has numbers as text."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, {'Size': 'text', 'Name': 'text'}, TEXT_ROWS)}"


def offered(page: str) -> dict[str, str]:
    """What the form sends, by the type and what is said about it."""
    found = re.findall(r'name="type" value="([^"]+)".*?-reason">([^<]+)', page, re.DOTALL)
    return {json.loads(html.unescape(value))["type"]: html.unescape(value) + "|" + said for value, said in found}


async def offered_in_the_end(client: QuartClient, url: str) -> dict[str, str]:
    """The same, once no change runs: one that took too long at once goes on in the background."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if found := offered(await get(client, url)):
                return found
            await asyncio.sleep(0.05)


async def choose(client: QuartClient, table: str, type_: str) -> str:
    value = offered(await get(client, f"{table}/columns/1/type"))[type_].rpartition("|")[0]
    answer = await client.post(f"{table}/columns/1/type", form={"type": value})
    assert answer.status_code == 303, await answer.get_data(as_text=True)
    return str(answer.headers["location"])


async def export(client: QuartClient, table: str) -> bytes:
    answer = await client.get(f"{table}/export?format=csv")
    return bytes(await answer.get_data())


async def test_the_form_says_of_each_type_what_becomes_of_all_values(client: QuartClient, table: str) -> None:
    page = await get(client, f"{table}/columns/1/type")

    found = offered(page)
    assert found["integer"].endswith("|Integer, grouped by commas: 1 of 4 keeps its text (NA)")
    assert found["text"].endswith("|All 4 values convert without loss")
    assert "“NA” in 1 cell, first in row 3" in page


async def test_after_a_change_the_column_sorts_by_value_and_exports_the_same_bytes(
    client: QuartClient, table: str
) -> None:
    before = await export(client, table)

    for name in ("integer", "decimal", "text", "integer"):
        assert await choose(client, table, name) == table
        assert await export(client, table) == before
    assert column(await get(client, f"{table}?sort=1")) == ["9", "10", "1,000", "NA", ""]
    assert column(await get(client, f"{table}?f.1=gt:9")) == ["10", "1,000"]
    assert "Integer, grouped by commas, as you chose" in await get(client, f"{table}/columns/1")


async def test_the_panel_of_a_column_leads_to_its_type_and_shows_it_there(client: QuartClient, table: str) -> None:
    panel = await get(client, f"{table}/columns/1", **PARTIAL)
    link = f'<a class="button" href="{table}/columns/1/type" hx-boost="target:#panel swap:innerHTML">Change type</a>'
    assert link in panel

    form = await get(client, f"{table}/columns/1/type", **PARTIAL)

    assert "<html" not in form
    assert f'action="{table}/columns/1/type"' in form


@pytest.mark.parametrize(
    "value",
    [
        "",
        "integer",
        "[]",
        '{"type": "number", "format": {}}',
        '{"type": "integer", "format": []}',
        '{"type": "boolean", "format": {"true": []}}',
        '{"type": "date", "format": {"layout": "x"}}',
        '{"type": "decimal", "format": {"style": {}, "scale": "2"}}',
        '{"type": "integer", "format": {"prefix": ["$"], "group": {}}}',
        "[" * 5000,
    ],
)
async def test_what_is_no_type_is_refused_in_words(client: QuartClient, table: str, value: str) -> None:
    answer = await client.post(f"{table}/columns/1/type", form={"type": value})

    assert answer.status_code == 422
    page = await answer.get_data(as_text=True)
    assert "Choose a type." in page or "This is not a type that the column can have." in page


async def test_the_same_type_again_changes_nothing(client: QuartClient, table: str, settings: Settings) -> None:
    await choose(client, table, "text")

    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        assert connection.execute("SELECT count(*) FROM type_changes").fetchone() == (0,)


async def test_while_rows_are_coming_in_the_type_stays(client: QuartClient, table: str, settings: Settings) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE tables SET state = 'importing'")

    assert "are still coming in" in await get(client, f"{table}/columns/1/type", 422)
    answer = await client.post(f"{table}/columns/1/type", form={"type": '{"type": "integer", "format": {}}'})
    assert answer.status_code == 422
    assert "are still coming in" in await answer.get_data(as_text=True)


async def test_a_change_that_runs_is_shown_can_be_cancelled_and_refuses_another(
    client: QuartClient, table: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large table it runs in the background; here, nowhere."""
    monkeypatch.setattr(type_changing, "AT_ONCE", 0)
    monkeypatch.setattr("webapp.jobs.queue.DurableQueue.enqueue", lambda *_: None)
    address = await choose(client, table, "integer")
    number = address.rpartition("=")[2]
    assert address == f"{table}/columns/1/type?change={number}"

    page = await get(client, f"{table}/columns/1/type")
    assert "0 of 5 rows" in page
    assert 'hx-trigger="every 1s"' in page
    again = await client.post(
        f"{table}/columns/1/type", form={"type": '{"type": "boolean", "format": {"true": "1", "false": "0"}}'}
    )
    assert "is being changed already" in await again.get_data(as_text=True)

    assert (await client.post(f"{table}/columns/1/type/cancellation")).status_code == 303
    assert "The change was cancelled" in await get(client, address)
    assert column(await get(client, f"{table}?sort=1"))[0] == "1,000"  # still as texts
    assert "integer" in offered(await get(client, f"{table}/columns/1/type"))


async def test_a_large_table_is_read_and_converted_by_child_processes(
    client: QuartClient, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_changing, "AT_ONCE", 0)
    monkeypatch.setattr(column_types, "AT_ONCE", 0)
    before = await export(client, table)

    address = await choose(client, table, "integer")

    page = await get(client, address)
    while "values are being converted" in page:
        page = await get(client, address)
    assert "The type of this column is changed." in page
    assert await export(client, table) == before
    assert column(await get(client, f"{table}?sort=1")) == ["9", "10", "1,000", "NA", ""]


async def test_a_strangers_column_is_not_found(app: Application, table: str) -> None:
    await settle(app, GRACE.email)
    client = await window(app, GRACE)

    await get(client, f"{table}/columns/1/type", 404)
    for path in ("type", "type/cancellation"):
        answer = await client.post(f"{table}/columns/1/{path}", form={"type": '{"type": "integer", "format": {}}'})
        assert answer.status_code == 404


async def test_a_column_of_every_type_can_become_text_and_its_type_again(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    url = f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"
    before = await export(client, url)

    for number, type_ in enumerate(PLANETS.values(), 1):
        for wanted in ("text", type_):
            value = (await offered_in_the_end(client, f"{url}/columns/{number}/type"))[wanted].rpartition("|")[0]
            assert (await client.post(f"{url}/columns/{number}/type", form={"type": value})).status_code == 303
            await offered_in_the_end(client, f"{url}/columns/{number}/type")
            assert await export(client, url) == before


async def test_a_column_that_is_not_there_has_no_type(client: QuartClient, table: str) -> None:
    await get(client, f"{table}/columns/9/type", 404)


@pytest.mark.parametrize("change", ["7", "-1", "x", "9" * 30])
async def test_a_change_that_is_unknown_shows_the_form(client: QuartClient, table: str, change: str) -> None:
    assert "integer" in offered(await get(client, f"{table}/columns/1/type?change={change}"))


async def test_who_may_only_read_is_not_led_to_the_type(app: Application, settings: Settings) -> None:
    viewer = await settle(app, GRACE.email, Role.GUEST)
    owner = await settle(app, "owner@example.org", Role.MEMBER)
    url = f"/tables/{add_table(settings.data_dir, {'Size': 'text'}, [('1',)], owner=owner.id)}"
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO table_members (table_id, user_id, role, added_at) VALUES (1, ?, 'viewer', '2026-01-01')",
            (viewer.id,),
        )
    client = await window(app, GRACE)

    assert "Change type" not in await get(client, f"{url}/columns/1")
    await get(client, f"{url}/columns/1/type", 403)
