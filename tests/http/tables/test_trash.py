"""The page of the trash: deleted tables, restoring them, deleting them for good, and what old links answer."""

import asyncio
import html
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from quart import Response
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect, contents, relations
from tests.helpers import ADA, GRACE, Person, sign_up
from tests.people import settle, window
from tests.servers import wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models import Role
from webapp.web.application import Application


async def get(client: QuartClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status_code == status, await answer.get_data(as_text=True)
    return html.unescape(await answer.get_data(as_text=True))


@pytest.fixture
async def planets(client: QuartClient, data_dir: Path) -> str:
    await sign_up(client, ADA)
    return f"/tables/{add_table(data_dir, PLANETS, PLANET_ROWS)}"


async def colleague(app: Application, role: Role) -> Person:
    await settle(app, GRACE.email, role)
    return GRACE


async def delete(client: QuartClient, table: str) -> None:
    assert (await client.post(f"{table}/deletion")).status_code == 303


async def empty(client: QuartClient, ids: Sequence[str]) -> Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post("/tables/trash/purge", data="&".join(f"id={id_}" for id_ in ids), headers=form)


async def test_deleting_a_table_offers_to_undo_it_on_the_next_page(client: QuartClient, planets: str) -> None:
    answer = await client.post(f"{planets}/deletion")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard?deleted=1")
    page = await get(client, "/dashboard?deleted=1")
    assert "“Planets” is in the" in page
    assert "Trash (1)" in page
    assert 'action="/tables/trash/1/restoration"' in page
    assert (await client.post("/tables/trash/1/restoration")).headers["Location"] == planets
    assert "is restored" in await get(client, planets)
    page = await get(client, "/dashboard?deleted=1")
    assert "/tables/trash/1/restoration" not in page
    assert "Trash (" not in page


@pytest.mark.parametrize("value", ["x", "2", "-1", "9" * 30, ""])
async def test_an_address_that_says_something_was_deleted_shows_nothing_else(
    client: QuartClient, planets: str, value: str
) -> None:
    assert "restoration" not in await get(client, f"/dashboard?deleted={value}")


async def test_the_trash_lists_what_was_deleted_and_until_when_it_stays(client: QuartClient, planets: str) -> None:
    assert "The trash is empty" in await get(client, "/tables/trash")
    await delete(client, planets)

    page = await get(client, "/tables/trash")

    assert re.search(r"<span>Planets</span>.*?>8</td>.*?>5</td>.*?Nobody", page, re.DOTALL)
    assert 'action="/tables/trash/1/restoration"' in page
    assert "stay here for 30 days" in page


async def test_an_old_link_to_a_deleted_table_offers_its_owner_to_restore_it(
    client: QuartClient, planets: str, app: Application
) -> None:
    await delete(client, planets)

    for path in ("", "/history", "/rows/3", "/export?format=csv", "/edit", "/members"):
        page = await get(client, f"{planets}{path}", 404)
        assert "“Planets” is in the trash" in page
        assert 'action="/tables/trash/1/restoration"' in page
    other = await window(app, await colleague(app, Role.OWNER))
    page = await get(other, planets, 404)
    assert "There is no such table" in page
    assert "Planets" not in page
    assert "trash is empty" in await get(other, "/tables/trash")


async def test_a_script_that_writes_to_a_deleted_table_is_told_so(client: QuartClient, planets: str) -> None:
    await delete(client, planets)

    edit = {"row": 3, "column": 2, "seen": "1", "text": "2"}
    answer = await client.post(f"{planets}/cells", json={"edits": [edit]}, headers={"Accept": "application/json"})
    part = await client.get(planets, headers={"HX-Request": "true", "HX-Request-Type": "partial"})

    assert answer.status_code == part.status_code == 404
    assert (await answer.get_json(force=True))[
        "detail"
    ] == "“Planets” is in the trash. Restore it there to open it again."
    assert "“Planets” is in the trash" in html.unescape(await part.get_data(as_text=True))
    assert "<html" not in await part.get_data(as_text=True)


async def test_a_table_is_deleted_for_good_only_after_typing_its_title(
    client: QuartClient, planets: str, settings: Settings
) -> None:
    await delete(client, planets)
    assert "Type its title to confirm: <b>Planets</b>" in await get(client, "/tables/trash/1/purge")
    refused = await client.post("/tables/trash/1/purge", form={"confirmation": "Planet"})
    assert refused.status_code == 422
    assert "Nothing was deleted" in await refused.get_data(as_text=True)

    answer = await client.post("/tables/trash/1/purge", form={"confirmation": " Planets "})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/tables/trash")
    assert "“Planets” is deleted for good." in await get(client, "/tables/trash")
    assert "There is no such table" in await get(client, planets, 404)
    for path in ("restoration", "purge"):
        assert (await client.post(f"/tables/trash/1/{path}", form={"confirmation": "Planets"})).status_code == 404
    await asyncio.to_thread(wait_for, lambda: b"CREATE TABLE t1 " not in contents(settings.data_dir))
    assert "t1" not in relations(settings.data_dir / "rowcast.db")


async def test_emptying_the_trash_leaves_what_somebody_deletes_meanwhile(
    client: QuartClient, planets: str, data_dir: Path
) -> None:
    other, third = (f"/tables/{add_table(data_dir, {'A': 'text'}, [['x']], title=title)}" for title in "BC")
    await delete(client, planets)
    await delete(client, other)
    page = await get(client, "/tables/trash/purge")
    assert "Delete 2 tables for good?" in page
    listed = re.findall(r'name="id" value="(\d+)"', page)
    await delete(client, third)

    assert (await empty(client, listed)).status_code == 303

    page = await get(client, "/tables/trash")
    assert "2 tables are deleted for good." in page
    assert re.findall(r'id="table-(\d+)"', page) == ["3"]
    assert (await empty(client, [*listed, "x"])).status_code == 303


async def test_restoring_and_purging_at_the_same_time_do_one_of_both(client: QuartClient, planets: str) -> None:
    await delete(client, planets)

    answers = await asyncio.gather(
        client.post("/tables/trash/1/restoration"),
        client.post("/tables/trash/1/purge", form={"confirmation": "Planets"}),
        client.post("/tables/trash/1/restoration"),
    )

    restored, purged, again = (answer.status_code for answer in answers)
    assert restored == again != purged
    assert {restored, purged} == {303, 404}
    assert (await client.get(planets)).status_code == (200 if restored == 303 else 404)


async def test_guests_see_their_trash_but_take_nothing_out_of_it(app: Application, data_dir: Path) -> None:
    """Somebody who owned tables and has become a guest."""
    client = await window(app, await colleague(app, Role.GUEST))
    table = add_table(data_dir, PLANETS, PLANET_ROWS, owner=1)
    with closing(connect(data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE tables SET deleted_at = '2026-11-22 12:00:00'")

    page = await get(client, "/tables/trash")

    assert "Planets" in page
    assert "restoration" not in page
    for path in ("restoration", "purge"):
        assert (await client.post(f"/tables/trash/{table}/{path}")).status_code == 403
