"""All data about a person, as one JSON document."""

import json
from typing import Any

from quart.testing import QuartClient

from tests.events import names
from tests.helpers import ADA
from tests.http.account.conftest import make_session_stale, page
from tests.http.account.test_tokens import create_token
from tests.people import EVE
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.extensions import config
from webapp.web.application import Application


async def export(client: QuartClient) -> dict[str, Any]:
    answer = await client.post("/account/export")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="rowcast-')
    found: dict[str, Any] = json.loads(await answer.get_data())
    return found


async def test_an_export_contains_all_data_of_the_person(app: Application, ada: QuartClient) -> None:
    add_table(config.of(app).data_dir, PLANETS, PLANET_ROWS)
    await create_token(ada)

    found = await export(ada)

    assert list(found) == ["profile", "sessions", "passkeys", "identities", "tokens", "tables", "events"]
    assert found["profile"][0]["email"] == ADA.email
    assert found["sessions"][0]["agent"] == "Quart"
    assert found["tokens"][0]["name"] == "nightly export"
    (table,) = found["tables"]
    assert (table["title"], table["rows"], len(table["columns"])) == ("Planets", 8, 5)
    assert table["export"] == "http://localhost/tables/1/export?format=csv"
    assert (await ada.get("/tables/1/export?format=csv")).status_code == 200
    assert {"account.registered", "session.started", "token.made"} <= {event["event"] for event in found["events"]}


async def test_an_export_contains_no_secret(app: Application, ada: QuartClient) -> None:
    token = await create_token(ada)

    text = json.dumps(await export(ada))

    assert token not in text
    assert "$argon2" not in text
    assert not [word for word in ("password_hash", "token_hash", "totp", "credential") if word in text]


async def test_an_export_contains_nothing_of_other_people(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    """It says who did something to them, but not from where."""
    add_table(config.of(app).data_dir, PLANETS, PLANET_ROWS, title="Ada's planets")

    text = json.dumps(await export(eve))

    assert EVE.email in text
    assert "Ada's planets" not in text
    assert ADA.email not in text


async def test_actions_by_others_are_exported_without_their_network_address(app: Application, eve: QuartClient) -> None:
    found = await export(eve)

    (added,) = [event for event in found["events"] if event["event"] == "person.added"]
    assert added["actor"] == "command line"
    assert "address" not in added


async def test_many_events_are_read_in_several_blocks(app: Application, ada: QuartClient, monkeypatch: Any) -> None:
    monkeypatch.setattr("webapp.account.data.EVENTS_PER_READ", 2)

    events = (await export(ada))["events"]

    assert len(events) == len({event["at"] + event["event"] for event in events}) >= 2


async def test_an_export_requires_a_fresh_sign_in_and_is_audited(app: Application, ada: QuartClient) -> None:
    await export(ada)
    assert "account.exported" in await names(app)
    await make_session_stale(app)

    answer = await ada.post("/account/export", headers={"Referer": "http://localhost/account/export"})

    assert answer.headers["Location"] == "/login/confirm?next=/account/export"
    assert "Download my data" in await page(ada, "/account/export")
