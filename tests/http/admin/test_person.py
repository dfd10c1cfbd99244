"""A person's page, and the actions on one person or several at once."""

import re
from contextlib import closing

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.database import connect
from tests.helpers import PASSWORD, Person, is_signed_in
from tests.http.admin.conftest import PARTIAL, page, statements, text, words_in
from tests.http.admin.test_people import Team, events, reload
from tests.people import EVE, settle, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.admin.people import MAX_SELECTED
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Event, Mail, Role, Table, User
from webapp.web.application import Application


async def test_the_page_shows_the_person_their_devices_and_their_history(
    app: Application, owner: QuartClient, team: Team
) -> None:
    eve = team[Role.MEMBER]
    client = await window(app, EVE)
    await client.get("/dashboard")
    await owner.post(f"/admin/people/{eve.id}", form={"name": "Eve"})
    said = words_in(await page(owner, f"/admin/people/{eve.id}"))

    for words in ("eve@example.org", "Member", "Signed in on", "Changed a person eve → Eve", "no tables"):
        assert words in said
    assert (await owner.get("/admin/people/999")).status_code == 404


@pytest.mark.parametrize("name", ["deactivation", "sessions/end"])
async def test_deactivating_and_signing_out_take_effect_at_once(
    app: Application, administrator: QuartClient, team: Team, name: str
) -> None:
    eve, client = team[Role.MEMBER], await window(app, EVE)
    answer = await administrator.post(f"/admin/people/{eve.id}/{name}")

    assert answer.status_code == 303
    assert not await is_signed_in(client)
    assert len(await events(app, Event.DEACTIVATED if name == "deactivation" else Event.ALL_SIGNED_OUT)) == 1
    back = await client.post("/login", form={"email": EVE.email, "password": PASSWORD})
    assert back.status_code == (422 if name == "deactivation" else 303)
    await administrator.post(f"/admin/people/{eve.id}/activation")
    await window(app, EVE)


async def test_an_administrator_cannot_manage_an_owner(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    ada = team[Role.OWNER]
    forms = {"name": "x", "email": "x@example.org", "confirmation": ada.email, "role": "guest"}
    for what in ("", "/email", "/role", "/deactivation", "/activation", "/sessions/end", "/reset", "/removal"):
        answer = await administrator.post(f"/admin/people/{ada.id}{what}", form=forms)
        assert answer.status_code == 403, what
    now = await reload(app, ada)
    assert (now.name, now.email, now.role, now.is_active) == (ada.name, ada.email, Role.OWNER, True)
    assert "Only an owner" in await page(administrator, f"/admin/people/{ada.id}")


async def test_a_changed_address_is_unverified_and_the_old_one_is_notified(
    app: Application, owner: QuartClient, team: Team
) -> None:
    eve, path = team[Role.MEMBER], f"/admin/people/{team[Role.MEMBER].id}/email"
    for email, words in (("eve", "@"), ("bob@example.org", "Somebody else"), ("", "Type the new address")):
        answer = await owner.post(path, form={"email": email})
        assert (answer.status_code, words in await text(answer)) == (422, True)

    answer = await owner.post(path, form={"email": " Eva@Example.ORG "})
    now = await reload(app, eve)
    async with app.app_context(), db().reading() as session:
        told = list(await session.scalars(select(Mail.recipient)))

    assert (answer.status_code, now.email, now.verified_at) == (303, "eva@example.org", None)
    assert "eve@example.org" in told
    await window(app, Person("eva@example.org"))


async def test_the_address_of_a_person_with_a_second_factor_cannot_be_changed(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    eve = team[Role.MEMBER]

    async def protect(work: UnitOfWork) -> None:
        (await work.session.get_one(User, eve.id)).totp_secret = "sealed"

    await db.of(app).write(protect)
    answer = await administrator.post(f"/admin/people/{eve.id}/email", form={"email": "eva@example.org"})

    assert (answer.status_code, "only they can change their address" in await text(answer)) == (422, True)
    assert (await reload(app, eve)).email == "eve@example.org"


async def test_removing_a_person_removes_their_tables(app: Application, owner: QuartClient, team: Team) -> None:
    eve = team[Role.MEMBER]
    folder = app.extensions["rowcast.settings"].data_dir
    table_id = add_table(folder, PLANETS, PLANET_ROWS, owner=eve.id)
    path = f"/admin/people/{eve.id}/removal"

    assert "1 table with 8 rows" in await page(owner, path)
    wrong = await owner.post(path, form={"confirmation": "eve"})
    assert (wrong.status_code, "Nothing was removed" in await text(wrong)) == (422, True)
    assert (await owner.post(path, form={"confirmation": "EVE@example.org"})).status_code == 303

    async with app.app_context(), db().reading() as session:
        assert await session.get(User, eve.id) is None
        assert await session.get(Table, table_id) is None
    with closing(connect(folder / "rowcast.db")) as connection:
        left = connection.execute("SELECT name FROM sqlite_master WHERE name = ?", (f"t{table_id}",)).fetchall()
    assert left == []
    assert "Removed a person" in await page(owner, "/admin/audit?person=eve@")


async def test_without_a_mail_server_a_reset_link_waits_in_the_outbox(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    eve = team[Role.MEMBER]
    answer = await administrator.post(f"/admin/people/{eve.id}/reset")
    assert answer.headers["Location"] == "/admin/mails"
    listed = await page(administrator, "/admin/mails")
    link = re.search(r'action="(/admin/mails/\w+/link)"', listed)
    assert link
    assert "/reset/" not in listed

    shown = await administrator.post(link[1])
    opens = re.search(r"http://localhost(/[\w/-]+)", (await text(shown)).partition('id="link"')[2])
    assert opens
    assert (await app.test_client().get(opens[1])).status_code == 200
    assert len(await events(app, Event.LINK_COPIED)) == 1

    await administrator.post(f"/admin/people/{eve.id}/deactivation")
    assert (await administrator.post(f"/admin/people/{eve.id}/reset")).status_code == 422


async def bulk(client: QuartClient, action: str, *users: User, **more: object) -> object:
    body = "&".join([f"action={action}", "next=/admin/people?q=e", *(f"id={user.id}" for user in users)])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post("/admin/people/bulk", data=body, headers=headers | dict(more.get("headers", {})))  # type: ignore[call-overload]


async def test_several_are_deactivated_and_those_left_out_are_named(
    app: Application, administrator: QuartClient, team: Team
) -> None:
    answer = await bulk(administrator, "deactivate", *team.values())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/people?q=e")  # type: ignore[attr-defined]

    said = words_in(await page(administrator, "/admin/people"))
    assert "2 people cannot sign in any more. Left out: 2 people. ada@example.org: You may not manage" in said
    assert "bob@example.org: Nobody deactivates themselves" in said
    states = [(await reload(app, user)).is_active for user in team.values()]
    assert states == [True, True, False, False]
    assert len(await events(app, Event.DEACTIVATED)) == 2


async def test_with_htmx_a_bulk_action_updates_the_rows_in_place(owner: QuartClient, team: Team) -> None:
    eve, gus = team[Role.MEMBER], team[Role.GUEST]
    answer = await bulk(owner, "deactivate", eve, gus, headers=PARTIAL)
    html = await text(answer)

    assert [f'hx-target="#person-{user.id}" hx-swap="outerHTML"' in html for user in (eve, gus)] == [True, True]
    assert "2 people cannot sign in any more." in html
    assert html.count("Deactivated") == 2
    back = await text(await bulk(owner, "activate", eve, headers=PARTIAL))
    assert "1 person can sign in." in back


async def test_a_bulk_action_reads_all_people_with_one_query(app: Application, owner: QuartClient) -> None:
    users = [await settle(app, f"p{number}@example.org") for number in range(12)]

    async def reads(*chosen: User) -> int:
        with statements(app) as seen:
            await bulk(owner, "deactivate", *chosen, headers=PARTIAL)
        return sum(statement.startswith("SELECT") and "FROM users" in statement for statement in seen)

    assert await reads(*users[:2]) == await reads(*users[2:])


@pytest.mark.parametrize("headers", [{}, PARTIAL])
async def test_a_bulk_action_stops_at_its_limit(
    app: Application, owner: QuartClient, team: Team, headers: dict[str, str]
) -> None:
    eve, gus = team[Role.MEMBER], team[Role.GUEST]
    nobody = [User(id=number) for number in range(1000, 1000 + MAX_SELECTED - 1)]

    answer = await bulk(owner, "deactivate", eve, eve, *nobody, gus, headers=headers)

    assert [(await reload(app, user)).is_active for user in (eve, gus)] == [False, True]
    assert f"person-{gus.id}" not in await text(answer)


async def test_a_bulk_action_without_a_selection_is_refused_with_a_message(owner: QuartClient, team: Team) -> None:
    for answer in (
        await bulk(owner, "deactivate"),
        await bulk(owner, "destroy", team[Role.MEMBER]),
        await owner.post("/admin/people/bulk", form={"id": "1e9", "action": "activate"}),
    ):
        assert answer.status_code == 303  # type: ignore[attr-defined]
        assert answer.headers["Location"].startswith("/admin/people")  # type: ignore[attr-defined]
    assert "Nobody is selected." in await page(owner, "/admin/people")
    parts = await owner.post("/admin/people/bulk", form={"action": "activate"}, headers={"HX-Request-Type": "partial"})
    assert parts.status_code == 422
    gone = await owner.post("/admin/people/bulk", form={"id": "999", "action": "activate"})
    assert gone.status_code == 303
    assert "Nothing was changed." in await page(owner, "/admin/people")


async def test_two_owners_are_not_both_deactivated(app: Application, owner: QuartClient, team: Team) -> None:
    zoe, yan = [await settle(app, f"{name}@example.org", Role.OWNER) for name in ("zoe", "yan")]
    await bulk(owner, "deactivate", team[Role.OWNER], zoe, yan)

    assert [(await reload(app, user)).is_active for user in (team[Role.OWNER], zoe, yan)] == [True, False, False]
