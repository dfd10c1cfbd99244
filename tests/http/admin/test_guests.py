"""Guests can look at tables and are offered nothing that they may not do."""

import pytest

from settings import Settings
from tests.helpers import Person
from tests.http.admin.conftest import page
from tests.people import EVE, GUS, settle_everybody, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Member, Role
from webapp.web.application import Application


async def share(work: UnitOfWork, table_id: int, user_id: int) -> None:
    work.session.add(Member(table_id=table_id, user_id=user_id, role="viewer"))


@pytest.mark.parametrize(("person", "offered"), [(EVE, True), (GUS, False)])
async def test_a_guest_can_look_at_a_table_and_is_offered_no_change(
    app: Application, settings: Settings, person: Person, offered: bool
) -> None:
    team = await settle_everybody(app)
    user = next(user for user in team.values() if user.email == person.email)
    owner = team[Role.OWNER]
    client = await window(app, person)

    empty = await page(client, "/dashboard")
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=user.id if offered else owner.id)
    if not offered:
        async with app.app_context():
            await db().write(share, table_id, user.id)
    full, table = await page(client, "/dashboard"), await page(client, f"/tables/{table_id}")

    for html in (empty, full):
        assert ('action="/tables"' in html, "As a guest you can use" in html) == (offered, not offered)
    assert (f"/tables/{table_id}/edit" in table) is offered
    assert ("Read-only for you" in table) is not offered
    assert (f"/tables/{table_id}/rows/new" in table, "data-may-edit" in table) == (offered, offered)
    assert f"/tables/{table_id}/export" in table
    assert "Jupiter" in table
