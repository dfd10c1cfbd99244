"""What a webhook sends to a receiver in another process, as the program that made it sees it."""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import make_settings
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import add_planets
from tests.receiver import Receiver

TABLES = "/api/v1/tables"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, private_networks=[ip_network("127.0.0.0/8")], webhook_timeout=5)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as receiver:
        yield receiver


async def settled(client: QuartClient, url: str, count: int) -> list[dict[str, Any]]:
    """The deliveries once there are so many, and none waits; the newest first."""
    async with asyncio.timeout(30):
        while True:
            found: list[dict[str, Any]] = (await (await client.get(f"{url}?limit=200")).get_json())["items"]
            if len(found) >= count and all(each["state"] != "waiting" for each in found):
                return found
            await asyncio.sleep(0.05)


async def test_deliveries_are_listed_sent_again_and_replayed(
    settings: Settings, program: Make, receiver: Receiver
) -> None:
    own, table = await program(), f"{TABLES}/{add_planets(settings)}"
    made = await own.post(f"{table}/webhooks", json={"name": "Shop", "url": receiver.url})
    place = made.headers["Location"]
    url = f"{place}/deliveries"

    tested = (await own.post(f"{place}/test")).headers["Location"]
    await settled(own, url, 1)
    await own.patch(f"{table}/rows/3", json={"cells": {"Moons": 2}})
    change, test = await settled(own, url, 2)
    again = await own.post(f"{url}/{change['id']}/again")
    await settled(own, url, 3)
    replayed = await own.post(f"{place}/replay", json={"seq": 1})
    sent = await settled(own, url, 4)

    first = await own.get(f"{url}?limit=3")
    page = await first.get_json()
    rest = await (await own.get(page["next"])).get_json()
    assert await (await own.get(tested)).get_json() == test
    assert (test["kind"], change["kind"], change["status"], change["answer"]) == ("test", "changes", 200, "thanks")
    assert (again.status_code, replayed.status_code) == (201, 200)
    assert [each["kind"] for each in sent] == ["changes", "again", "changes", "test"]
    assert sent[1]["message_id"] == change["message_id"] != sent[0]["message_id"]
    assert [each["id"] for each in page["items"] + rest["items"]] == [each["id"] for each in sent]
    assert (rest["next"], first.headers["Link"]) == (None, f'<{page["next"]}>; rel="next"')
    await problem(await own.get(f"{url}/{sent[0]['id'] + 1}"), 404)
