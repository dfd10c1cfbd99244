"""Saved views: what they keep, who makes and changes them, what a table opens with, and what deleted columns leave."""

import asyncio
import re
from contextlib import closing
from dataclasses import dataclass

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.http.admin.conftest import page
from tests.http.tables.test_column_types import offered
from tests.http.tables.test_tables import PARTIAL
from tests.people import BOB, EVE, GUS, settle_everybody, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models import Role
from webapp.models.tables import saved_view, view_saving
from webapp.web.application import Application

GIANTS = "q=ur&f.2=ge:10&sort=-2&cols=1-3"  # the parameters of what most of these tests save
GRID = re.compile(r'data-view="(\d+)" data-height="(\w+)"')
SET_WIDTH = re.compile(r'<col data-column="(\d+)" width="(\d+)" data-auto="\d+"')
UNDO = re.compile(r'action="([^"]+/restoration[^"]*)"')
MARK = 'class="view-mark" data-changed'  # what is seen is not what the view has
NAMED = re.compile(r'class="view-name(?: wide)?">([^<]+)<')


@dataclass
class Scene:
    """Eve's table; Bob edits it, Gus looks at it."""

    eve: QuartClient
    bob: QuartClient
    gus: QuartClient
    path: str
    settings: Settings

    async def post(self, client: QuartClient, action: str, status: int = 303, **form: str) -> str:
        """Where it leads; or the page that says why not."""
        answer = await client.post(f"{self.path}{action}", form=form)
        html = await answer.get_data(as_text=True)
        assert answer.status_code == status, html
        return str(answer.headers.get("location", html))

    async def save(self, client: QuartClient, name: str, query: str = GIANTS, **form: str) -> int:
        """The id of the new view."""
        location = await self.post(client, f"/views?{query}", name=name, **form)
        return int(location.partition("view=")[2])

    async def open(self, client: QuartClient, action: str) -> str:
        """Where it leads."""
        answer = await client.get(f"{self.path}{action}")
        assert answer.status_code == 303, await answer.get_data(as_text=True)
        return str(answer.headers["location"])

    def count(self) -> int:
        with closing(connect(self.settings.data_dir / "rowcast.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM saved_views").fetchone()[0])


@pytest.fixture
async def scene(app: Application, settings: Settings) -> Scene:
    people = await settle_everybody(app)
    path = f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=people[Role.MEMBER].id)}"
    eve = await window(app, EVE)
    for person, role in ((BOB, "editor"), (GUS, "viewer")):
        await eve.post(f"{path}/members", form={"person": person.email, "role": role})
    return Scene(eve, await window(app, BOB), await window(app, GUS), path, settings)


async def test_a_view_is_saved_opened_and_compared_with_what_is_seen(scene: Scene) -> None:
    view_id = await scene.save(scene.gus, "Giants")

    opened = await scene.open(scene.gus, f"/views/{view_id}")
    html = await page(scene.gus, opened)

    assert opened == f"{scene.path}?{GIANTS}&view={view_id}"
    assert NAMED.findall(html) == ["Giants"]
    assert MARK not in html
    changed = await page(scene.gus, opened.replace("sort=-2", "sort=1"))
    assert MARK in changed
    assert f'href="{scene.path}/views/{view_id}" data-reset-view>Reset' in changed


async def test_the_links_of_a_page_keep_the_view_that_it_came_from(scene: Scene) -> None:
    view_id = await scene.save(scene.gus, "Giants")
    html = await page(scene.gus, f"{scene.path}?{GIANTS}&view={view_id}")

    links = re.findall(rf'href="({scene.path}\?[^"]*)"', html)

    assert len(links) > 5
    assert all(f"view={view_id}" in link for link in links)
    assert f'name="view" value="{view_id}"' in html  # of the search without a script


async def test_what_is_seen_is_saved_over_the_view(scene: Scene) -> None:
    view_id = await scene.save(scene.gus, "Giants")

    saved = await scene.post(scene.gus, f"/views/{view_id}/state?sort=1&view={view_id}", seen="1")

    assert saved == f"{scene.path}?sort=1&view={view_id}"
    assert await scene.open(scene.gus, f"/views/{view_id}") == saved
    assert MARK not in await page(scene.gus, saved)


async def test_nobody_saves_over_what_they_have_not_seen(scene: Scene) -> None:
    view_id = await scene.save(scene.eve, "Giants", is_shared="y")
    await scene.post(scene.bob, f"/views/{view_id}/state?sort=1", seen="1")

    refused = await scene.post(scene.eve, f"/views/{view_id}/state?sort=4", 422, seen="1")

    assert "saved anew by somebody else" in refused
    assert await scene.open(scene.eve, f"/views/{view_id}") == f"{scene.path}?sort=1&view={view_id}"


async def test_a_view_keeps_widths_and_the_height_of_rows(scene: Scene) -> None:
    view_id = await scene.save(scene.bob, "Giants", is_shared="y", layout="2.180,3.10,9.70,x,2.y,compact")
    opened = f"{scene.path}?{GIANTS}&view={view_id}"

    html = await page(scene.gus, opened)

    assert GRID.findall(html) == [(str(view_id), "compact")]
    assert SET_WIDTH.findall(html) == [("2", "180"), ("3", "48")]  # the narrowest
    assert MARK not in html
    assert GRID.findall(await page(scene.gus, scene.path)) == []
    assert SET_WIDTH.findall(await page(scene.gus, scene.path)) == []
    await scene.post(scene.eve, f"/views/{view_id}/state?{GIANTS}", seen="1")  # without a script
    assert SET_WIDTH.findall(await page(scene.gus, opened)) == [("2", "180"), ("3", "48")]
    await scene.post(scene.eve, f"/views/{view_id}/state?{GIANTS}", seen="1", layout="1.90")
    html = await page(scene.gus, opened)
    assert SET_WIDTH.findall(html) == [("1", "90")]
    assert GRID.findall(html) == []
    await scene.post(scene.bob, f"/views/{view_id}/state?{GIANTS}", 422, seen="1", layout="")
    other = await scene.post(scene.bob, f"/views?{GIANTS}", 422, name="Giants", is_shared="y", layout="1.91")
    assert "There is a view “Giants” already" in other


async def test_own_views_are_nobody_elses_business(scene: Scene) -> None:
    view_id = await scene.save(scene.gus, "Mine")
    for client in (scene.eve, scene.bob):
        assert "Mine" not in await page(client, f"{scene.path}/views")
        assert "Mine" not in await page(client, f"{scene.path}?sort=1&view={view_id}")
        await page(client, f"{scene.path}/views/{view_id}", 404)
        await page(client, f"{scene.path}/views/{view_id}/edit", 404)
        for action in ("", "/state", "/deletion"):
            await scene.post(client, f"/views/{view_id}{action}", 404, name="Theirs", seen="1")

    assert "Mine" in await page(scene.gus, f"{scene.path}/views")


async def test_views_for_all_members_are_made_and_changed_by_editors(scene: Scene) -> None:
    view_id = await scene.save(scene.bob, "Giants", is_shared="y")

    assert NAMED.findall(await page(scene.gus, await _follow(scene, scene.gus, view_id))) == ["Giants"]
    menu = await page(scene.gus, f"{scene.path}/views", headers=PARTIAL)
    assert "For all members" in menu
    assert f"/views/{view_id}/edit" not in menu
    await page(scene.gus, f"{scene.path}/views/{view_id}/edit", 403)
    for action in ("", "/state", "/deletion"):
        await scene.post(scene.gus, f"/views/{view_id}{action}", 403, name="Theirs", seen="1")
    await scene.post(scene.gus, "/views", 403, name="For you all", is_shared="y")
    own = await scene.save(scene.gus, "Own")
    await scene.post(scene.gus, f"/views/{own}", 403, name="Own", is_shared="y")
    changed = await page(scene.gus, f"{scene.path}?sort=1&view={view_id}")
    assert "Save as" in changed
    assert f"/views/{view_id}/state" not in changed

    await scene.post(scene.eve, f"/views/{view_id}", name="Large ones", is_shared="y")
    assert "Large ones" in await page(scene.gus, f"{scene.path}/views")
    await scene.post(scene.eve, f"/views/{view_id}/deletion")
    assert "Large ones" not in await page(scene.gus, f"{scene.path}/views")


async def _follow(scene: Scene, client: QuartClient, view_id: int) -> str:
    return await scene.open(client, f"/views/{view_id}")


async def test_a_table_opens_with_its_default_view_and_leads_to_the_whole_table(scene: Scene) -> None:
    view_id = await scene.save(scene.bob, "Giants", is_shared="y")
    await scene.post(scene.bob, f"/views/{view_id}", name="Giants", is_shared="y", is_default="y")

    assert await scene.open(scene.gus, "") == f"{scene.path}?{GIANTS}&view={view_id}"
    menu = await page(scene.gus, f"{scene.path}/views")
    assert f'href="{scene.path}?view=0"' in menu
    plain = await page(scene.gus, f"{scene.path}?view=0")
    assert "Mercury" in plain
    assert NAMED.findall(plain) == ["Views"]
    searched = await page(scene.gus, f"{scene.path}?q=ur")  # an old link
    assert f'href="{scene.path}?view=0" data-clear' in searched
    assert "Mercury" in await page(scene.gus, scene.path, headers=PARTIAL)  # of a page that shows the whole table

    await scene.post(scene.bob, f"/views/{view_id}/deletion")
    assert "Mercury" in await page(scene.gus, scene.path)


async def test_only_a_view_for_all_members_is_what_a_table_opens_with(scene: Scene) -> None:
    view_id = await scene.save(scene.bob, "Giants")

    refused = await scene.post(scene.bob, f"/views/{view_id}", 422, name="Giants", is_default="y")

    assert "has to be one for all members" in refused
    await scene.post(scene.bob, f"/views/{view_id}", name="Giants", is_shared="y", is_default="y")
    await scene.post(scene.bob, f"/views/{view_id}", name="Giants")  # kept to oneself again
    assert "Mercury" in await page(scene.gus, scene.path)
    await page(scene.gus, f"{scene.path}/views/{view_id}", 404)


async def test_a_view_of_deleted_and_changed_columns_shows_the_rest_and_says_so(scene: Scene) -> None:
    query = "f.2=ge:10&f.3=gt:3000&sort=-2,1&cols=1-3"
    view_id = await scene.save(scene.bob, "Giants", query, is_shared="y")
    await scene.post(scene.bob, f"/views/{view_id}", name="Giants", is_shared="y", is_default="y")
    await scene.post(scene.eve, "/columns/2/deletion", seen="Moons")
    text = offered(await page(scene.eve, f"{scene.path}/columns/3/type"))["text"].rpartition("|")[0]
    await scene.post(scene.eve, "/columns/3/type", type=text)

    opened = await scene.open(scene.gus, "")
    html = await page(scene.gus, opened)

    assert opened == f"{scene.path}?sort=1&cols=1,3&view={view_id}"
    assert "“Moons” was deleted and “Radius” has another type" in html
    assert MARK in html
    kept = await scene.open(scene.gus, f"?{query}&view={view_id}")  # a bookmark
    assert kept == f"{scene.path}?sort=1&cols=1-3&view={view_id}"
    await page(scene.gus, f"{scene.path}?f.3=gt:3000", 422)  # what somebody typed is theirs to correct
    await scene.post(scene.bob, f"/views/{view_id}/state?sort=1&cols=1,3", seen="1")
    assert MARK not in await page(scene.gus, opened)


async def test_a_view_of_nothing_but_deleted_columns_shows_the_whole_table(scene: Scene) -> None:
    view_id = await scene.save(scene.bob, "Moons", "f.2=ge:10&cols=2", is_shared="y")
    await scene.post(scene.bob, f"/views/{view_id}", name="Moons", is_shared="y", is_default="y")
    await scene.post(scene.eve, "/columns/2/deletion", seen="Moons")

    assert await scene.open(scene.gus, "") == f"{scene.path}?view={view_id}"
    assert await scene.open(scene.gus, "?sort=2") == f"{scene.path}?view=0"


async def test_a_name_is_used_once_and_saving_the_same_twice_makes_one_view(scene: Scene) -> None:
    saved = await asyncio.gather(*(scene.save(scene.gus, "Giants") for _ in range(4)))
    assert (len(set(saved)), scene.count()) == (1, 1)

    refused = await scene.post(scene.gus, "/views?sort=1", 422, name="Giants")
    assert "There is a view “Giants” already" in refused
    await scene.save(scene.bob, "Giants")  # another person's
    await scene.save(scene.bob, "Giants", "sort=1", is_shared="y")
    other = await scene.save(scene.gus, "Small")
    assert "There is a view “Giants”" in await scene.post(scene.gus, f"/views/{other}", 422, name="Giants")
    for name in ("", "x" * 81):
        await scene.post(scene.gus, "/views", 422, name=name)


async def test_a_table_has_so_many_views_and_no_more(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (saved_view.MAX_OWN, saved_view.MAX_SHARED) == (50, 200)
    monkeypatch.setattr(view_saving, "MAX_OWN", 1)
    monkeypatch.setattr(view_saving, "MAX_SHARED", 1)
    await scene.save(scene.bob, "A", is_shared="y")
    own = await scene.save(scene.bob, "A")

    assert "at most 1 views" in await scene.post(scene.bob, "/views", 422, name="B", is_shared="y")
    assert "of your own" in await scene.post(scene.bob, "/views", 422, name="B")
    await scene.post(scene.bob, f"/views/{own}", 422, name="C", is_shared="y")
    await scene.save(scene.gus, "A")  # everybody has room for their own


async def test_a_member_takes_their_own_views_along(scene: Scene) -> None:
    await scene.save(scene.gus, "Mine")
    await scene.save(scene.bob, "For all", is_shared="y")

    await scene.post(scene.gus, "/members/leaving")

    assert scene.count() == 1


async def test_the_export_of_a_persons_data_names_their_own_views(scene: Scene) -> None:
    view_id = await scene.save(scene.gus, "Mine")
    await scene.save(scene.bob, "For all", is_shared="y")

    answer = await scene.gus.post("/account/export")
    exported = (await answer.get_json())["tables"][0]["views"]

    assert exported == [{"name": "Mine", "address": f"http://localhost{scene.path}/views/{view_id}"}]


async def test_the_deletion_of_a_view_can_be_undone(scene: Scene) -> None:
    view_id = await scene.save(scene.bob, "Giants", is_shared="y")
    await scene.post(scene.bob, f"/views/{view_id}", name="Giants", is_shared="y", is_default="y")
    await scene.post(scene.bob, f"/views/{view_id}/deletion?{GIANTS}&view={view_id}")
    undo = UNDO.findall(await page(scene.bob, f"{scene.path}?view=0"))[0].removeprefix(scene.path)
    await page(scene.bob, f"{scene.path}/views/{view_id}", 404)
    await scene.post(scene.gus, undo, 403)

    opened = [await scene.post(scene.bob, undo) for _ in range(2)]

    assert opened == [f"{scene.path}/views/{view_id}"] * 2
    assert await scene.open(scene.gus, "") == f"{scene.path}?{GIANTS}&view={view_id}"


async def test_a_deleted_view_gives_its_name_away_and_does_not_come_back_beside_another(scene: Scene) -> None:
    first = await scene.save(scene.gus, "Giants")
    await scene.post(scene.gus, f"/views/{first}/deletion")
    second = await scene.save(scene.gus, "Giants")
    assert first != second

    refused = await scene.post(scene.gus, f"/views/{first}/restoration", 422)

    assert "There is a view “Giants” already" in refused
    await scene.post(scene.eve, f"/views/{first}/restoration", 404)
    menu = await page(scene.gus, f"{scene.path}/views")
    assert re.findall(r"/views/(\d+)/edit", menu) == [str(second)]
    await scene.post(scene.gus, f"/views/{second}/deletion")
    exported = await (await scene.gus.post("/account/export")).get_json()
    assert exported["tables"][0]["views"] == []


async def test_a_view_that_is_gone_leaves_its_address_as_it_was(scene: Scene) -> None:
    view_id = await scene.save(scene.gus, "Giants")
    left = await scene.post(scene.gus, f"/views/{view_id}/deletion?{GIANTS}&view={view_id}")

    assert left == f"{scene.path}?{GIANTS}&view=0"
    for asked in (left, f"{scene.path}?{GIANTS}&view={view_id}", f"{scene.path}?{GIANTS}&view=none"):
        html = await page(scene.gus, asked)
        assert NAMED.findall(html) == ["Views"]
        assert "Uranus" in html
