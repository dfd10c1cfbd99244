"""The pages of a table's members: sharing, looking up who sees it and why, and what is offered to whom."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import Person
from tests.http.admin.conftest import page
from tests.people import BOB, EVE, GUS, settle_everybody, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp import create_app
from webapp.models import Role, User
from webapp.web.application import Application

KIM = "kim@example.org"  # without an account


@dataclass
class Scene:
    """Eve's table, and her browser."""

    app: Application
    settings: Settings
    people: dict[Role, User]
    client: QuartClient
    table_id: int

    @property
    def path(self) -> str:
        return f"/tables/{self.table_id}"

    def id_of(self, role: Role) -> int:
        return self.people[role].id

    async def post(self, action: str, client: QuartClient | None = None, **form: str) -> tuple[int, str]:
        answer = await (client or self.client).post(f"{self.path}{action}", form=form)
        return answer.status_code, await answer.get_data(as_text=True)

    async def share(self, person: Person, role: str = "viewer") -> None:
        assert (await self.post("/members", person=person.email, role=role))[0] == 303


async def open_scene(app: Application, settings: Settings) -> Scene:
    people = await settle_everybody(app)
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=people[Role.MEMBER].id)
    return Scene(app, settings, people, await window(app, EVE), table_id)


@pytest.fixture
async def scene(app: Application, settings: Settings) -> Scene:
    return await open_scene(app, settings)


@pytest.fixture
async def inviting(data_dir: Path) -> AsyncIterator[Scene]:
    """On a server where members invite, too."""
    settings = make_settings(data_dir, registration="invitation")
    app = create_app(settings)
    app.test_client_class = Client
    async with app.test_app():
        yield await open_scene(app, settings)


async def status(client: QuartClient, path: str) -> int:
    return int((await client.get(path)).status_code)


async def test_a_shared_table_is_seen_edited_and_lost_again(scene: Scene) -> None:
    gus = await window(scene.app, GUS)
    edit = {"edits": [{"row": 3, "column": 2, "seen": "1", "text": "2"}]}
    assert await status(gus, scene.path) == 404

    await scene.share(GUS)
    assert "Read-only for you" in await page(gus, scene.path)
    assert await status(gus, f"{scene.path}/export?format=csv") == 200
    assert (await gus.post(f"{scene.path}/cells", json=edit)).status_code == 403

    assert (await scene.post(f"/members/{scene.id_of(Role.GUEST)}", role="editor"))[0] == 303
    assert (await gus.post(f"{scene.path}/cells", json=edit)).status_code == 200

    assert (await scene.post(f"/members/{scene.id_of(Role.GUEST)}/removal"))[0] == 303
    assert await status(gus, scene.path) == 404


async def test_people_are_found_by_address_by_name_and_by_a_part_of_either(scene: Scene) -> None:
    code, html = await scene.post("/members", person="example.org", role="editor")
    assert code == 422
    assert "Who is meant?" in html
    assert all(f'value="{person.email}"' in html for person in (BOB, GUS))
    for typed in ("GUS@Example.org", "bob"):
        assert (await scene.post("/members", person=typed, role="viewer"))[0] == 303
    html = await page(scene.client, f"{scene.path}/members")
    assert [f'id="member-{scene.id_of(role)}"' in html for role in (Role.GUEST, Role.ADMINISTRATOR)] == [True, True]

    suggested = await page(scene.client, f"{scene.path}/members/suggestions?person=gu")
    assert re.findall(r'value="([^"]+)"', suggested) == [GUS.email]


@pytest.mark.parametrize("form", [{}, {"person": "gus@example.org", "role": "owner"}, {"person": "x" * 400}])
async def test_a_form_that_names_nobody_or_no_role_shares_nothing(scene: Scene, form: dict[str, str]) -> None:
    assert (await scene.post("/members", **form))[0] == 422

    assert "1 person" in await page(scene.client, f"{scene.path}/members")


async def test_members_see_the_list_and_guests_no_addresses(scene: Scene) -> None:
    await scene.share(GUS)
    await scene.share(BOB, "editor")
    for person, sees in ((BOB, True), (GUS, False)):
        client = await window(scene.app, person)
        html = await page(client, f"{scene.path}/members")
        main = html.partition("<main")[2]
        assert (EVE.email in main) is sees
        assert "Leave this table" in html
        assert "/removal" not in html
        asked = await page(client, f"{scene.path}/access?person={EVE.email}")
        assert ("Owner of the table" in asked) is sees
        assert "Member of the table" in await page(client, f"{scene.path}/access")


async def test_the_page_of_access_says_what_a_person_may_do_and_through_what(scene: Scene) -> None:
    await scene.share(GUS, "editor")
    found = {}
    for email in (EVE.email, GUS.email, BOB.email, KIM):
        html = (await page(scene.client, f"{scene.path}/access?person={email}")).partition("<main")[2]
        found[email] = (re.findall(r"<dt>(\w+)</dt>", html), html)

    assert [rights for rights, _ in found.values()] == [["Yes"] * 3, ["Yes", "Yes", "No"], ["No"] * 3, []]
    assert "as an editor; added by eve" in found[GUS.email][1]
    assert "The role administrator gives no access" in found[BOB.email][1]
    assert "Nobody here" in found[KIM][1]


async def test_a_table_is_handed_over_after_a_confirmation(scene: Scene) -> None:
    await scene.share(BOB)
    await scene.share(GUS)
    path = f"/members/{scene.id_of(Role.ADMINISTRATOR)}/handover"
    assert "Hand this table over to bob?" in await page(scene.client, scene.path + path)
    assert await status(scene.client, f"{scene.path}/members/{scene.id_of(Role.GUEST)}/handover") == 404

    assert (await scene.post(path))[0] == 303

    bob = await window(scene.app, BOB)
    assert "Share this table" in await page(bob, f"{scene.path}/members")
    assert (await scene.post("/deletion", confirmation="Planets"))[0] == 403


async def test_a_member_leaves(scene: Scene) -> None:
    await scene.share(GUS)
    gus = await window(scene.app, GUS)

    assert (await scene.post("/members/leaving", gus))[0] == 303
    assert await status(gus, scene.path) == 404
    code, html = await scene.post("/members/leaving")
    assert (code, "hand the table over" in html) == (422, True)


async def test_with_closed_registration_only_administrators_invite(scene: Scene) -> None:
    code, html = await scene.post("/members", person=KIM, role="viewer")
    assert (code, "Ask an administrator" in html) == (422, True)
    assert (await scene.post("/invitations", email=KIM, role="viewer"))[0] == 403

    await scene.share(BOB)
    await scene.post(f"/members/{scene.id_of(Role.ADMINISTRATOR)}/handover")
    bob = await window(scene.app, BOB)
    code, html = await scene.post("/members", bob, person=KIM, role="editor")
    assert (code, f'name="email" value="{KIM}"' in html) == (422, True)
    assert (await scene.post("/invitations", bob, email=KIM, role="editor"))[0] == 303


async def test_somebody_new_gets_a_link_and_lands_among_the_members(inviting: Scene) -> None:
    _, html = await inviting.post("/members", person=KIM, role="editor")
    assert f'name="email" value="{KIM}"' in html
    assert "Nobody here has this address. Invite them below." in html
    assert (await inviting.post("/invitations", email=KIM, role="editor"))[0] == 303
    html = await page(inviting.client, f"{inviting.path}/members")
    found = re.search(r"/invitations/(\d+)/link", html)
    assert found
    code, html = await inviting.post(f"/invitations/{found[1]}/link")
    link = re.search(r"http://[^/]+(/invitations/[\w-]+)", html)
    assert link, (code, html)

    kim = inviting.app.test_client()
    assert "You will see the table <b>Planets</b>." in await page(kim, link[1])
    phrase = "another phrase of mine"
    answer = await kim.post(link[1], form={"name": "Kim", "password": phrase, "confirmation": phrase})

    assert (answer.status_code, answer.headers["Location"]) == (303, inviting.path)
    assert "Planets" in await page(kim, "/dashboard?show=shared")
    assert "data-may-edit" in await page(kim, inviting.path)


async def test_a_withdrawn_invitation_is_gone_from_the_list(inviting: Scene) -> None:
    await inviting.post("/invitations", email=KIM, role="viewer")
    html = await page(inviting.client, f"{inviting.path}/members")
    found = re.search(r"/invitations/(\d+)/withdrawal", html)
    assert found

    assert (await inviting.post(f"/invitations/{found[1]}/withdrawal"))[0] == 303

    assert KIM not in (await page(inviting.client, f"{inviting.path}/members")).partition("Invited</h2>")[2]


async def test_nobody_sends_invitations_without_end(inviting: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = [(await inviting.post("/invitations", email=KIM, role="viewer"))[0] for _ in range(61)]

    assert codes == [303] * 60 + [429]


async def test_the_dashboard_lists_what_is_shared_newest_change_first(scene: Scene) -> None:
    older = add_table(scene.settings.data_dir, PLANETS, PLANET_ROWS, title="Moons", owner=scene.id_of(Role.GUEST))
    await scene.share(GUS)
    gus = await window(scene.app, GUS)
    edit = {"edits": [{"row": 3, "column": 2, "seen": "1", "text": "2"}]}

    def titles(html: str) -> list[str]:
        return re.findall(r'class="title"><a[^>]*>.*?<span>([^<]+)</span>', html)

    await gus.post(f"/tables/{older}/cells", json=edit)
    assert titles(await page(gus, "/dashboard")) == ["Moons", "Planets"]
    await scene.client.post(f"{scene.path}/cells", json=edit)
    html = await page(gus, "/dashboard")
    assert titles(html) == ["Planets", "Moons"]
    assert re.search(r'class="owner">eve <span class="badge">Viewer</span>', html)
    assert titles(await page(gus, "/dashboard?show=mine")) == ["Moons"]
    assert titles(await page(gus, "/dashboard?show=shared&q=plan")) == ["Planets"]
    assert titles(await page(gus, "/dashboard?sort=owner")) == ["Planets", "Moons"]
    assert titles(await page(gus, "/dashboard?q=moo&show=shared")) == []


async def test_an_administrator_sees_that_something_is_shared_and_not_what(scene: Scene) -> None:
    await scene.share(GUS, "editor")
    bob = await window(scene.app, BOB)

    html = await page(bob, f"/admin/people/{scene.id_of(Role.GUEST)}")

    assert f"Number {scene.table_id}" in html
    assert "the part in 1 table of other people" in html
    assert "Planets" not in html
    removal = await page(bob, f"/admin/people/{scene.id_of(Role.MEMBER)}/removal")
    assert "1 table of these that members lose, unless handed over before" in removal
