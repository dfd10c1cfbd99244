"""The pages on which a table's owner makes, lists, changes and revokes links."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from quart.testing import QuartClient
from sqlalchemy import select, update

from settings import Settings
from tests.http.admin.conftest import page, text, words_in
from tests.people import EVE, GUS, settle_everybody, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, Link, Role
from webapp.web.application import Application

ADDRESS = re.compile(r'id="address-(\d+)">http://localhost(/s/[\w-]{43})<')
RINGS = "f.4=eq:yes&cols=1,4"  # a view


@dataclass
class Scene:
    """Eve's table, and her browser; and one of nobody."""

    app: Application
    client: QuartClient
    stranger: QuartClient
    path: str

    async def post(self, action: str = "", **form: str) -> tuple[int, str]:
        answer = await self.client.post(f"{self.path}/links{action}", form=form)
        return answer.status_code, await text(answer)

    async def make(self, name: str = "Press", **form: str) -> tuple[str, str]:
        """The id and the path of the new link."""
        status, html = await self.post(name=name, what="table", may_search="y", may_export="y", **form)
        assert status == 303, html
        return ADDRESS.findall(await page(self.client, f"{self.path}/links"))[0]


@pytest.fixture
async def scene(app: Application, settings: Settings) -> Scene:
    people = await settle_everybody(app)
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=people[Role.MEMBER].id)
    stranger = app.test_client(use_cookies=False)
    return Scene(app, await window(app, EVE), stranger, f"/tables/{table_id}")


async def test_a_link_is_made_copied_used_and_revoked(scene: Scene) -> None:
    link_id, address = await scene.make()
    listed = words_in(await page(scene.client, f"{scene.path}/links"))
    assert "1 link Press All rows; all columns" in listed
    assert "not used yet" in listed
    assert "Neptune" in await page(scene.stranger, address)
    async with scene.app.app_context():
        await db().wait_for_writes()
    assert "last used just now" in words_in(await page(scene.client, f"{scene.path}/links"))

    for _ in range(2):
        assert (await scene.post(f"/{link_id}/revocation"))[0] == 303

    assert (await scene.stranger.get(address)).status_code == 404
    assert "address-" not in await page(scene.client, f"{scene.path}/links")


async def test_it_shows_the_view_from_which_it_was_made(scene: Scene) -> None:
    table = await page(scene.client, f"{scene.path}?{RINGS}")
    found = re.search(r'id="show-links"[^>]*href="([^"]*)"', table)
    assert found is not None
    form = await page(scene.client, unescape(found[1]))
    assert "This view: Rows where Rings is yes; 2 columns: Planet, Rings" in words_in(form)
    view = re.search(r'name="view" value="([^"]*)"', form)
    assert view is not None

    assert (await scene.post(name="Rings", what="view", view=unescape(view[1])))[0] == 303

    ((_, address),) = ADDRESS.findall(listed := await page(scene.client, f"{scene.path}/links"))
    assert "Rows where Rings is yes; 2 columns: Planet, Rings; no search; no export" in words_in(listed)
    html = await page(scene.stranger, address)
    assert re.findall(r"<td>([^<]+)<td><b>yes", html) == ["Jupiter", "Saturn", "Uranus", "Neptune"]
    assert "Radius" not in html


async def save_view(scene: Scene, state: str, seen: int | None = None) -> None:
    """A new view, or with what was seen another state of it."""
    action, form = ("/1/state", {"seen": str(seen)}) if seen else ("", {"name": "Rings"})
    assert (await scene.client.post(f"{scene.path}/views{action}?{state}", form=form)).status_code == 303


async def test_a_view_that_was_saved_anew_is_shown_by_its_link_only_when_the_owner_says_so(scene: Scene) -> None:
    await save_view(scene, f"{RINGS}&sort=2")
    assert (await scene.post(name="Press", what="view", view=f"{RINGS}&sort=-1&view=1"))[0] == 303
    ((link_id, address),) = ADDRESS.findall(listed := await page(scene.client, f"{scene.path}/links"))
    assert "As the view “Rings” has it" in words_in(listed)
    await save_view(scene, f"{RINGS}&sort=1&colour=2", seen=1)  # what links do not fix
    assert "As the view “Rings” has it" in words_in(await page(scene.client, f"{scene.path}/links"))

    await save_view(scene, "f.4=eq:no&cols=1,2", seen=2)

    listed = words_in(await page(scene.client, f"{scene.path}/links"))
    assert "The view now shows: Rows where Rings is no; 2 columns: Planet, Moons." in listed
    assert "Moons" not in await page(scene.stranger, address)
    status, html = await scene.post(f"/{link_id}/view", seen="2")
    assert (status, "was saved anew in the meantime" in html) == (422, True), html
    assert "Moons" not in await page(scene.stranger, address)
    for seen in ("3", "3", "1"):  # pressed twice, and once on an old page
        assert (await scene.post(f"/{link_id}/view", seen=seen))[0] == 303
    html = await page(scene.stranger, address)
    assert ("Mercury" in html, "Jupiter" in html, "Moons" in html) == (True, False, True)
    assert "As the view “Rings” has it" in words_in(await page(scene.client, f"{scene.path}/links"))
    async with scene.app.app_context(), db().reading() as session:
        (event,) = await session.scalars(select(AuditEvent).where(AuditEvent.event == "table.link_changed"))
    assert event.details["view"] == "Rings"


async def test_a_link_follows_no_view_that_is_gone_or_was_not_its_own(scene: Scene) -> None:
    await save_view(scene, RINGS)
    assert (await scene.post(name="Other", what="view", view="f.4=eq:no&view=1"))[0] == 303
    assert (await scene.post(name="Press", what="view", view=f"{RINGS}&view=1"))[0] == 303
    (press, _), (other, _) = ADDRESS.findall(listed := await page(scene.client, f"{scene.path}/links"))
    assert words_in(listed).count("As the view “Rings” has it") == 1
    assert (await scene.post(f"/{other}/view", seen="1"))[0] == 404

    await save_view(scene, "f.4=eq:no", seen=1)
    await scene.client.post(f"{scene.path}/columns/4/deletion", form={"seen": "Rings"})
    listed = words_in(await page(scene.client, f"{scene.path}/links"))
    assert "The view uses columns that are not there any more" in listed
    assert "Show the view as it is now" not in listed
    assert (await scene.post(f"/{press}/view", seen="2"))[0] == 422
    await scene.client.post(f"{scene.path}/views/1/deletion")
    assert (await scene.post(f"/{press}/view", seen="2"))[0] == 404
    gus = await window(scene.app, GUS)
    assert (await gus.post(f"{scene.path}/links/{press}/view", form={"seen": "2"})).status_code == 403


async def test_the_whole_table_can_be_chosen_from_a_view_too(scene: Scene) -> None:
    assert (await scene.post(name="All", what="table", view=RINGS))[0] == 303

    assert "All rows; all columns" in await page(scene.client, f"{scene.path}/links")


async def test_what_it_allows_and_how_long_can_be_changed(scene: Scene) -> None:
    link_id, address = await scene.make()
    today = datetime.now(UTC).date()

    status, _ = await scene.post(f"/{link_id}", name="Board", may_search="y", until=str(today + timedelta(days=2)))

    assert status == 303
    listed = words_in(await page(scene.client, f"{scene.path}/links"))
    assert "Board All rows; all columns; no export" in listed
    assert "works until" in listed
    edited = await page(scene.client, f"{scene.path}/links/{link_id}")
    assert f'value="{today + timedelta(days=2)}"' in edited
    assert (await scene.stranger.get(f"{address}/export")).status_code == 404
    status, html = await scene.post(f"/{link_id}", name="Board", until=str(today - timedelta(days=1)))
    assert (status, "Choose a day from today on." in html) == (422, True)
    await scene.post(f"/{link_id}", name="Board", until=str(today))
    assert (await scene.stranger.get(address)).status_code == 200


async def test_one_that_expired_or_shows_nothing_any_more_says_so(scene: Scene) -> None:
    await scene.make("Old")
    await scene.make("Broken")

    async def spoil(work: UnitOfWork) -> None:
        await work.session.execute(
            update(Link).where(Link.name == "Old").values(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
        )
        broken = {"scope": [["f.9", "eq:x"]], "sealed": "of another key"}
        await work.session.execute(update(Link).where(Link.name == "Broken").values(**broken))

    async with scene.app.app_context():
        await db().write(spoil)

    listed = words_in(await page(scene.client, f"{scene.path}/links"))
    assert "Old Expired" in listed
    assert "Broken Shows nothing A column that it needs was deleted or is of another type now" in listed
    assert "Its address cannot be shown" in listed


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"name": ""}, "Give it a name"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "Press", "what": "other"}, "One field needs another look."),
        ({"name": "Press", "what": "view", "view": "f.9=eq:1"}, "no column number 9"),
        ({"name": "Press", "what": "view", "view": "q=" + "x" * 9000}, "too long for a link"),
        ({"name": "Press", "until": "2020-01-01"}, "Choose a day from today on."),
        ({"name": "Press", "until": "soon"}, "Not a valid date value"),
        ({"name": "Press", "password": "short"}, "Use 8 to"),
        ({"name": "Press", "origins": "\n".join(f"https://s{n}.example" for n in range(51))}, "At most 50 sites"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_made(scene: Scene, form: dict[str, str], message: str) -> None:
    status, html = await scene.post(**{"what": "table", **form})

    assert (status, message in html) == (422, True), html
    async with scene.app.app_context(), db().reading() as session:
        assert (await session.scalars(select(Link))).all() == []


async def test_a_form_that_is_sent_twice_makes_one_link(scene: Scene) -> None:
    key = re.search(r'name="idempotency_key" value="([^"]+)"', await page(scene.client, f"{scene.path}/links"))
    assert key is not None

    for _ in range(2):
        assert (await scene.post(name="Press", what="table", idempotency_key=key[1]))[0] == 303

    listed = await page(scene.client, f"{scene.path}/links")
    assert len(ADDRESS.findall(listed)) == 1
    assert "The link is there already." in listed


async def test_another_tables_link_is_not_there(scene: Scene, settings: Settings) -> None:
    link_id, address = await scene.make()
    other = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=3)

    path = f"/tables/{other}/links/{link_id}"
    assert (await scene.client.get(path)).status_code == 404
    assert (await scene.client.post(path, form={"name": "Mine"})).status_code == 404
    await scene.client.post(f"{path}/revocation")
    assert (await scene.stranger.get(address)).status_code == 200


async def test_members_do_not_see_links(scene: Scene) -> None:
    await scene.client.post(f"{scene.path}/members", form={"person": GUS.email, "role": "editor"})
    gus = await window(scene.app, GUS)

    assert "show-links" not in await page(gus, scene.path)
    assert (await gus.get(f"{scene.path}/links")).status_code == 403
