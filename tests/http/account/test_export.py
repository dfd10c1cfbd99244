"""All data about a person, as one JSON document."""

import json
from typing import Any

from quart.testing import QuartClient

from tests.events import names
from tests.forms import add_form
from tests.helpers import ADA
from tests.http.account.conftest import make_session_stale, page
from tests.http.account.test_tokens import create_token
from tests.links import add_link
from tests.people import EVE
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.webhooks import add_webhook
from webapp.extensions import config, db
from webapp.models import ApiToken, Scope, User
from webapp.web.application import Application

MADE = ("links", "webhooks", "forms", "form_answers")


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

    assert list(found) == ["profile", "sessions", "passkeys", "identities", "tokens", "tables", *MADE, "events"]
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


async def test_an_export_lists_what_the_person_has_made_and_answered_without_its_secrets(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    settings, database = config.of(app), db.of(app)
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, title="Ada's planets")
    async with database.reading() as session:
        owner = await session.get_one(User, 1)
    _, address = await add_link(app, table_id, owner)
    _, secret = await add_webhook(app, table_id, owner, "https://hooks.invalid/of-ada")
    form = await add_form(database, settings, table_id, one_each=True)
    await eve.get(form.url)
    answered = await eve.post(form.url, json={"Planet": "Pluto"})
    assert answered.status_code == 201, await answer_text(answered)

    made = await export(ada)
    theirs = await export(eve)

    assert [[part["name"] for part in made[name]] for name in MADE] == [["Press"], ["Stock"], ["New planets"], []]
    assert {(part["table_id"], part["table"]) for name in MADE for part in made[name]} == {(table_id, "Ada's planets")}
    assert [theirs[name] for name in MADE[:3]] == [[], [], []]
    (answer,) = theirs["form_answers"]
    assert (answer["name"], answer["table_id"], answer["table"]) == ("New planets", table_id, None)
    text = json.dumps([made[name] for name in MADE])
    assert not [one for one in (address.rpartition("/")[2], secret, form.token, "of-ada") if one in text]


async def answer_text(answer: Any) -> str:
    text: str = await answer.get_data(as_text=True)
    return text


async def test_an_export_says_which_tables_a_token_is_for(app: Application, ada: QuartClient) -> None:
    expiry: dict[str, Any] = {"scope": Scope.READ, "expires_at": None}
    await db.of(app).write(ApiToken.issue, 1, name="all", **expiry)
    await db.of(app).write(ApiToken.issue, 1, name="two", table_ids=[7, 3], **expiry)

    tokens = (await export(ada))["tokens"]

    assert [(token["name"], token["table_ids"]) for token in tokens] == [("all", None), ("two", [3, 7])]


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
