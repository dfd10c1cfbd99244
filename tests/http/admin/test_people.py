"""The list of people: search as you type, sorting by any column, pagination; inline editing of names and roles."""

import re
from datetime import timedelta
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.helpers import is_signed_in, sign_in
from tests.http.admin.conftest import PARTIAL, page, people_in, text, words_in
from tests.people import EVE, GUS, settle, window
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, Event, Role, Session, User, utc_now
from webapp.models.accounts import people_query
from webapp.web.application import Application

Team = dict[Role, User]


async def reload(app: Application, user: User) -> User:
    async with app.app_context(), db().reading() as session:
        return await session.get_one(User, user.id)


async def events(app: Application, event: Event) -> list[AuditEvent]:
    async with app.app_context(), db().reading() as session:
        return list(await session.scalars(select(AuditEvent).where(AuditEvent.event == event)))


async def test_everybody_is_listed_with_role_state_and_sign_ins(owner: QuartClient) -> None:
    html = await page(owner, "/admin/people")

    assert people_in(html) == ["ada@example.org", "bob@example.org", "eve@example.org", "gus@example.org"]
    assert "4 people" in html
    ada = words_in(html.partition('id="person-1"')[2].partition("</tr>")[0])
    assert "ada You ada@example.org Owner Active" in ada
    assert ada.endswith(" 1")


@pytest.mark.parametrize("person", [EVE, GUS])
async def test_members_and_guests_cannot_open_the_administration(app: Application, team: Team, person: object) -> None:
    client = await window(app, person)  # type: ignore[arg-type]

    for path in ("/admin/people", "/admin/audit", "/admin/jobs", "/admin/mails", "/admin/settings"):
        assert (await client.get(path)).status_code == 403
    assert "/admin/" not in await page(client, "/dashboard")


async def test_the_account_menu_links_to_the_administration(administrator: QuartClient) -> None:
    assert 'href="/admin/people"' in await page(administrator, "/dashboard")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ada", ["ada@example.org"]),
        ("EXAMPLE.org eve", ["eve@example.org"]),
        ("øyvind", ["oe@example.org"]),
        ("Øyvind", ["oe@example.org"]),
        ("%", []),
        ("_", []),
        ("nobody", []),
        ("'", []),
    ],
)
async def test_a_search_matches_names_and_addresses(
    app: Application, owner: QuartClient, search: str, found: list[str]
) -> None:
    await settle(app, "oe@example.org", name="Øyvind")
    answer = await owner.get("/admin/people", query_string={"q": search}, headers=PARTIAL)
    html = await text(answer)

    assert people_in(html) == found
    assert "<html" not in html
    assert 'hx-target="#people-summary"' in html
    assert f"{len(found)} of 5 people" in html
    if not found:
        assert "Nobody found" in html


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("name", "Zoe", "ada"),
        ("-name", "ada", "Zoe"),
        ("email", "a0@example.org", "gus@example.org"),
        ("role", "ada@example.org", "gus@example.org"),
        ("-role", "gus@example.org", "ada@example.org"),
        ("state", "ada", "invited"),
        ("seen", "never", "long ago"),
        ("nonsense", "", ""),
    ],
)
async def test_every_column_sorts_and_the_next_page_continues_the_order(
    app: Application, owner: QuartClient, monkeypatch: pytest.MonkeyPatch, sort: str, first: str, last: str
) -> None:
    monkeypatch.setattr(people_query, "PAGE_SIZE", 3)
    for number in range(8):
        await settle(app, f"a{number}@example.org", name=("Zoe", "zoe", "Émile")[number % 3])

    async def vary(work: UnitOfWork) -> None:
        for number, user in enumerate(await work.session.scalars(select(User))):
            user.seen_at = utc_now() - timedelta(days=number) if number % 2 else None
            user.is_active = number % 5 > 0 or user.role == Role.OWNER
            user.verified_at = None if number % 3 == 0 else user.verified_at

    async with app.app_context():
        await db().write(vary)
    whole, address = [], f"/admin/people?sort={sort}"
    while address:
        html = await page(owner, address)
        assert len(people_in(html)) <= 3
        whole += people_in(html)
        rows = re.search(r'hx-get="(/admin/people/rows[^"]+)"', html)
        further = re.search(r'class="further" href="([^"]+)"', html)
        address = further[1].replace("&amp;", "&") if further else ""
        if rows:
            part = await page(owner, rows[1].replace("&amp;", "&"), headers=PARTIAL)
            assert part.count("<tbody>") == 1
            assert people_in(part) == people_in(await page(owner, address))

    async with app.app_context(), db().reading() as session:
        everybody = set(await session.scalars(select(User.email)))
    assert (len(whole), set(whole)) == (12, everybody)
    if sort == "role":
        assert (whole[0], whole[-1]) == (first, last)
    if sort.startswith("-"):
        other = []
        monkeypatch.setattr(people_query, "PAGE_SIZE", 100)
        other = people_in(await page(owner, f"/admin/people?sort={sort[1:]}"))
        assert whole == other[::-1]


@pytest.mark.parametrize("after", ["x", "W10", "é", "W251bGwsMV0", "WzEsMV0", "a" * 5000])
async def test_a_forged_cursor_is_refused_with_a_message(owner: QuartClient, after: str) -> None:
    answer = await owner.get("/admin/people", query_string={"after": after})

    assert answer.status_code == 422
    assert "no longer known" in await text(answer)


async def test_counts_are_in_the_readers_number_style(app: Application, owner: QuartClient) -> None:
    async def fill(work: UnitOfWork) -> None:
        (await work.session.get_one(User, 1)).number_style = "point"
        work.session.add_all(User(email=f"p{n}@example.com", name=f"P{n}", password_hash="x") for n in range(1100))

    await db.of(app).write(fill)

    assert "1.100 of 1.104 people with “example.com”" in await page(owner, "/admin/people?q=example.com")


async def test_only_active_sign_ins_are_counted_and_listed(app: Application, owner: QuartClient, team: Team) -> None:
    eve, now, settings = team[Role.MEMBER], utc_now(), db.of(app).settings
    idle = now - timedelta(seconds=settings.session_idle + 60)
    ages: dict[str, dict[str, Any]] = {
        "in use": {},
        "remembered": {"created_at": idle, "seen_at": idle, "remembered": True},
        "ended": {"revoked_at": now},
        "idle": {"created_at": idle, "seen_at": idle},
        "forgotten": {"seen_at": now - timedelta(seconds=settings.session_remember + 60), "remembered": True},
        "too old": {"created_at": now - timedelta(seconds=settings.session_lifetime + 60), "remembered": True},
    }

    async def fill(work: UnitOfWork) -> None:
        for address, age in ages.items():
            row = {"user_id": eve.id, "token_hash": address, "agent": "", "address": address, "remembered": False}
            work.session.add(Session(**row | age))

    await db.of(app).write(fill)

    listed = words_in((await page(owner, "/admin/people")).partition(f'id="person-{eve.id}"')[2].partition("</tr>")[0])
    devices = (await page(owner, f"/admin/people/{eve.id}")).partition('id="devices-title"')[2].partition("</table>")[0]
    assert listed.endswith(" 2")
    assert re.findall(r"<td>([a-z ]+)</td>", devices) == ["in use", "remembered"]


async def test_a_name_is_edited_in_its_row(app: Application, owner: QuartClient, team: Team) -> None:
    eve = team[Role.MEMBER]
    field = await page(owner, f"/admin/people/{eve.id}/edit", headers=PARTIAL)
    assert field.lstrip().startswith(f'<tr id="person-{eve.id}">')
    assert 'name="name" value="eve"' in field

    empty = await owner.post(f"/admin/people/{eve.id}", form={"name": "  "}, headers=PARTIAL)
    assert (empty.status_code, "Type a name." in await text(empty)) == (422, True)

    saved = await owner.post(f"/admin/people/{eve.id}", form={"name": " Eve\u202e\n<b>"}, headers=PARTIAL)
    row = await text(saved)
    assert (saved.status_code, "<form" in row.partition('class="address"')[0]) == (200, False)
    assert "Eve &lt;b&gt;" in row
    assert (await reload(app, eve)).name == "Eve <b>"
    assert (await text(await owner.get(f"/admin/people/{eve.id}", headers=PARTIAL))).count("<tr") == 1


async def test_a_name_is_edited_on_a_page_without_javascript(app: Application, owner: QuartClient, team: Team) -> None:
    eve = team[Role.MEMBER]
    assert "<html" in await page(owner, f"/admin/people/{eve.id}/edit")

    refused = await owner.post(f"/admin/people/{eve.id}", form={"name": "x" * 201})
    saved = await owner.post(f"/admin/people/{eve.id}", form={"name": "Eva"})

    assert (refused.status_code, saved.status_code) == (422, 303)
    assert saved.headers["Location"] == f"/admin/people/{eve.id}"
    assert "The name is changed." in await page(owner, f"/admin/people/{eve.id}")


async def test_a_role_changes_in_its_row_and_takes_effect_at_once(
    app: Application, owner: QuartClient, team: Team
) -> None:
    eve, theirs = team[Role.MEMBER], await window(app, EVE)
    path = f"/admin/people/{eve.id}/role"

    part = await owner.post(path, form={"role": "administrator"}, headers=PARTIAL)
    assert (part.status_code, 'value="administrator" selected' in await text(part)) == (200, True)
    assert not await is_signed_in(theirs)  # with more rights they sign in anew
    await sign_in(theirs, EVE)
    assert (await theirs.get("/admin/people")).status_code == 200
    whole = await owner.post(path, form={"role": "guest"})
    assert whole.status_code == 303
    assert (await theirs.get("/admin/people")).status_code == 403


async def test_an_administrator_cannot_grant_their_own_or_a_higher_role(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    eve, gus, ada = team[Role.MEMBER], team[Role.GUEST], team[Role.OWNER]
    html = await page(administrator, "/admin/people")
    row = html.partition(f'id="person-{eve.id}"')[2].partition("</tr>")[0]
    assert re.findall(r'<option value="(\w+)"', row) == ["member", "guest"]

    for role in ("owner", "administrator", "emperor", ""):
        answer = await administrator.post(f"/admin/people/{gus.id}/role", form={"role": role}, headers=PARTIAL)
        assert (answer.status_code, "none of the roles" in await text(answer)) == (422, True)
    assert (await administrator.post(f"/admin/people/{ada.id}/role", form={"role": "guest"})).status_code == 403
    assert (await reload(app, gus)).role == Role.GUEST
    assert await events(app, Event.ROLE_CHANGED) == []
    above = html.partition(f'id="person-{ada.id}"')[2].partition("</tr>")[0]
    assert "<select" not in above
    assert "checkbox" not in above


async def test_the_last_owner_keeps_the_role_and_the_reason_is_shown(
    app: Application, owner: QuartClient, team: Team
) -> None:
    zoe = await settle(app, "zoe@example.org", Role.OWNER)
    theirs = await window(app, type(EVE)("zoe@example.org"))
    path = f"/admin/people/{team[Role.OWNER].id}/role"

    assert (await theirs.post(path, form={"role": "member"})).status_code == 303
    again = await theirs.post(f"/admin/people/{zoe.id}/role", form={"role": "member"}, headers=PARTIAL)
    assert again.status_code == 403  # their own
    assert "Nobody changes their own role" in await text(again)
    assert (await owner.get("/admin/people")).status_code == 403
    assert await is_signed_in(owner)


async def test_changing_a_role_requires_a_fresh_sign_in(app: Application, owner: QuartClient, team: Team) -> None:
    async def age(work: UnitOfWork) -> None:
        for session in await work.session.scalars(select(Session)):
            session.authenticated_at = utc_now() - timedelta(hours=1)

    async with app.app_context():
        await db().write(age)
    eve = team[Role.MEMBER]

    for path in (f"/admin/people/{eve.id}/role", f"/admin/people/{eve.id}/email", f"/admin/people/{eve.id}/removal"):
        answer = await owner.post(path, form={"role": "owner", "confirmation": eve.email, "email": "x@example.org"})
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login/confirm"), path
    assert (await reload(app, eve)).role == Role.MEMBER
