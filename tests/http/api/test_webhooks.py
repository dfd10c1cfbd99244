"""Webhooks by a program of the table's owner, by the same verbs as the pages."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from settings import Settings
from tests.events import names
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import add_planets
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Role, Scope, Webhook
from webapp.models.tables import webhooks
from webapp.models.tables.webhooks import MAX_WEBHOOKS
from webapp.web.application import Application

TABLES = "/api/v1/tables"
SHOP = {"name": "Shop", "url": "https://hooks.invalid/rowcast", "events": ["rows.added"]}


async def test_a_webhook_is_made_changed_and_deleted(app: Application, settings: Settings, program: Make) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/webhooks"

    made = await own.post(url, json=SHOP)
    place, webhook = made.headers["Location"], await made.get_json()
    secret = webhook.pop("secret")
    shown = await (await own.get(place)).get_json()
    changed = await (await own.patch(place, json={"name": "  Stock ", "events": [], "is_on": False})).get_json()
    listed = await (await own.get(url)).get_json()
    rotated = await (await own.post(f"{place}/secret")).get_json()

    assert made.status_code == 201
    assert secret.startswith("whsec_")
    assert shown == webhook
    assert {name: webhook[name] for name in SHOP} == SHOP
    assert (changed["name"], changed["events"], changed["is_on"]) == ("Stock", [], False)
    assert listed["items"] == [changed]
    assert (rotated["secret"] != secret, rotated["old_secret_until"] is not None) == (True, True)
    assert (await own.delete(place)).status_code == 204
    await problem(await own.delete(place), 404)
    await problem(await own.get(place), 404)
    done = [name.partition("_")[2] for name in await names(app) if name.startswith("table.webhook")]
    assert done == ["made", "changed", "switched", "rotated", "deleted"]


async def test_a_repeat_makes_nothing_and_is_not_shown_the_secret(
    app: Application, settings: Settings, program: Make
) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/webhooks"
    key = {"Idempotency-Key": "one"}

    first = await own.post(url, json=SHOP, headers=key)
    again = await own.post(url, json=SHOP, headers=key)
    other = await own.post(url, json=SHOP | {"name": "Other"}, headers=key)
    elsewhere = await own.post(f"{TABLES}/{add_planets(settings)}/webhooks", json=SHOP, headers=key)

    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert (await again.get_json())["secret"] is None
    await problem(other, 422)
    assert elsewhere.headers["Location"] != first.headers["Location"]
    place = first.headers["Location"]
    secrets = [(await (await own.post(f"{place}/secret", headers=key)).get_json())["secret"] for _ in range(2)]
    tests = [(await own.post(f"{place}/test", headers=key)).headers["Location"] for _ in range(2)]
    assert [secret is None for secret in secrets] == [False, True]
    assert tests[0] == tests[1]
    async with db.of(app).reading() as session:
        assert await session.scalar(select(func.count()).select_from(Webhook)) == 2


async def test_it_is_switched_off_although_its_address_is_no_longer_allowed(
    app: Application, settings: Settings, program: Make
) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/webhooks"
    place = (await own.post(url, json=SHOP)).headers["Location"]

    async def move(work: UnitOfWork) -> None:
        await work.session.execute(update(Webhook).values(url="https://10.0.0.1/"))

    await db.of(app).write(move)

    assert (await (await own.patch(place, json={"is_on": False})).get_json())["is_on"] is False


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"url": SHOP["url"]}, 400, "#/name"),
    ({"name": "x"}, 400, "#/url"),
    ({"name": "x", "url": ""}, 400, "#/url"),
    ({"name": "x", "url": SHOP["url"], "events": ["rows.sorted"]}, 400, "#/events/0"),
    ({"name": "x", "url": SHOP["url"], "events": ["table"] * 6}, 400, "#/events"),
    ({"name": "x", "url": SHOP["url"], "secret": "mine"}, 400, "#/secret"),
    ({"name": "x", "url": "https://127.0.0.1/"}, 422, "#/url"),
    ({"name": "x", "url": "http://hooks.invalid/"}, 422, "#/url"),
    ({"name": "x", "url": "https://hooks.invalid:22/"}, 422, "#/url"),
    ({"name": "x", "url": "file:///etc/passwd"}, 422, "#/url"),
]


@pytest.mark.parametrize(("body", "status", "pointer"), WRONG)
async def test_what_a_webhook_cannot_be_is_refused(
    settings: Settings, program: Make, body: dict[str, Any], status: int, pointer: str
) -> None:
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/webhooks"

    found = await problem(await own.post(url, json=body), status)

    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await (await own.get(url)).get_json())["items"] == []


async def test_limits_are_those_of_the_pages(
    settings: Settings, program: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_WAITING", 0)
    own, url = await program(), f"{TABLES}/{add_planets(settings)}/webhooks"
    for number in range(MAX_WEBHOOKS):
        place = (await own.post(url, json=SHOP | {"name": f"{number}"})).headers["Location"]

    assert "at most 20 webhooks" in (await problem(await own.post(url, json=SHOP), 409))["detail"]
    await problem(await own.post(f"{place}/test"), 409)
    found = await problem(await own.post(f"{place}/replay", json={"seq": 99}), 422)
    assert found["errors"][0]["pointer"] == "#/seq"
    await problem(await own.patch(place, json={"name": "y", "url": "https://10.0.0.1/"}), 422)
    assert (await (await own.get(place)).get_json())["name"] == "19"


async def test_only_the_owner_has_to_do_with_webhooks(settings: Settings, program: Make) -> None:
    table_id, other_id = add_planets(settings), add_planets(settings)
    own, editor, reader = await program(), await program(role=Role.MEMBER), await program(Scope.READ)
    url = f"{TABLES}/{table_id}/webhooks"
    await own.post(f"{TABLES}/{table_id}/members", json={"user_id": 2, "role": "editor"})
    place = (await own.post(url, json=SHOP)).headers["Location"]
    delivery = (await own.post(f"{place}/test")).headers["Location"]
    elsewhere = f"{TABLES}/{other_id}/webhooks/{place.rpartition('/')[2]}"
    requests: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", None),
        ("PATCH", "", {"name": "y"}),
        ("POST", "/test", None),
        ("POST", "/secret", None),
        ("POST", "/replay", {"seq": 1}),
        ("GET", "/deliveries", None),
        ("GET", f"/deliveries/{delivery.rpartition('/')[2]}", None),
        ("POST", f"/deliveries/{delivery.rpartition('/')[2]}/again", None),
        ("DELETE", "", None),
    )

    for method, path, body in requests:
        await problem(await editor.open(place + path, method=method, json=body), 403)
        await problem(await reader.open(place + path, method=method, json=body), 403)
        await problem(await own.open(elsewhere + path, method=method, json=body), 404)
    await problem(await editor.get(url), 403)
    assert (await own.get(delivery)).status_code == 200
