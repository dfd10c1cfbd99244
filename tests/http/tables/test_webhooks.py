"""The pages on which a table's owner makes webhooks and sees what they sent; and the receiver of the documents."""

import base64
import hashlib
import hmac
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from settings import Settings
from tests.conftest import make_settings
from tests.http.admin.conftest import page, text, words_in
from tests.people import EVE, settle_everybody, window
from tests.servers import wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.webhooks import deliveries, found
from webapp.extensions import db
from webapp.models import AuditEvent, Role, Webhook
from webapp.web.application import Application

SECRET = re.compile(r'id="secret" tabindex="0">(whsec_[^<]+)<')
NOWHERE = "https://hooks.invalid/hook"
ALL = ("rows.added", "rows.changed", "rows.deleted", "columns", "table")
DOCUMENT = Path(__file__).parents[3] / "docs" / "webhooks.md"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, webhook_timeout=5)


@dataclass
class Scene:
    app: Application
    client: QuartClient
    path: str

    async def post(self, action: str = "", **form: object) -> tuple[int, str]:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.client.post(f"{self.path}{action}", data=urlencode(form, doseq=True), headers=kind)
        return answer.status_code, unescape(await text(answer))

    async def make(self, url: str = NOWHERE, name: str = "Stock") -> tuple[int, str]:
        status, html = await self.post(name=name, url=url, events=list(ALL))
        found = SECRET.search(html)
        assert (status, found is not None) == (200, True), html
        async with db.of(self.app).reading() as session:
            newest = (await session.scalars(select(Webhook.id).order_by(Webhook.id.desc()))).first()
        assert newest is not None
        return newest, found[1] if found else ""

    async def words(self, path: str = "") -> str:
        return words_in(await page(self.client, f"{self.path}{path}"))


@pytest.fixture
async def scene(app: Application, settings: Settings) -> Scene:
    people = await settle_everybody(app)
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=people[Role.MEMBER].id)
    return Scene(app, await window(app, EVE), f"/tables/{table_id}/webhooks")


async def test_a_webhook_is_made_and_its_secret_shown_once(scene: Scene) -> None:
    webhook_id, secret = await scene.make()
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    listed = await scene.words()
    assert "1 webhook Stock On All changes · https://hooks.invalid/hook" in listed
    assert secret not in await page(scene.client, scene.path)
    assert secret not in await page(scene.client, f"{scene.path}/{webhook_id}")


async def test_the_page_of_members_leads_there(scene: Scene) -> None:
    members = await page(scene.client, scene.path.replace("/webhooks", "/members"))
    assert f'href="{scene.path}"' in members


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://hooks.invalid/", "Use an address that begins with https://."),
        ("https://127.0.0.1/", "private network"),
        ("https://[::1]/", "private network"),
        ("https://169.254.169.254/latest/", "private network"),
        ("https://eve:password@hooks.invalid/", "no name or password"),
        ("https://hooks.invalid:25/", "Use the port 443"),
        ("ftp://hooks.invalid/", "begins with https://"),
        ("", "Type the address"),
        ("https://hooks.invalid/" + "x" * 2_000, "too long for an address"),
    ],
)
async def test_an_address_that_cannot_be_is_refused_beside_its_field(scene: Scene, url: str, message: str) -> None:
    status, html = await scene.post(name="Stock", url=url, events=list(ALL))
    assert status == 422
    assert message in html
    async with db.of(scene.app).reading() as session:
        assert (await session.scalars(select(Webhook))).all() == []


async def test_a_webhook_is_about_something(scene: Scene) -> None:
    status, html = await scene.post(name="Stock", url=NOWHERE)
    assert status == 422
    assert "Choose at least one." in html
    status, _ = await scene.post(name="Stock", url=NOWHERE, events=["rows.exploded"])
    assert status == 422


async def test_a_webhook_is_changed_switched_and_deleted(scene: Scene) -> None:
    webhook_id, _ = await scene.make()
    status, _ = await scene.post(f"/{webhook_id}", name="Shop", url="https://shop.invalid/", events=["rows.added"])
    assert status == 303
    assert "Shop On Rows were added · https://shop.invalid/" in await scene.words()
    await scene.post(f"/{webhook_id}/state")
    assert "Shop Off" in await scene.words()
    await scene.post(f"/{webhook_id}/state", on="1")
    assert (await found(scene.app, webhook_id)).is_on
    for _ in range(2):
        assert (await scene.post(f"/{webhook_id}/deletion"))[0] == 303
    assert (await scene.client.get(f"{scene.path}/{webhook_id}")).status_code == 404


async def test_everything_is_in_the_audit_log(scene: Scene) -> None:
    webhook_id, secret = await scene.make()
    await scene.post(f"/{webhook_id}", name="Shop", url=NOWHERE, events=list(ALL))
    await scene.post(f"/{webhook_id}/state")
    await scene.post(f"/{webhook_id}/secret")
    await scene.post(f"/{webhook_id}/replay", seq="1")
    await scene.post(f"/{webhook_id}/deletion")
    await db.of(scene.app).wait_for_writes()
    async with db.of(scene.app).reading() as session:
        entries = list(await session.scalars(select(AuditEvent).where(AuditEvent.event.like("table.webhook%"))))
    assert [entry.event.removeprefix("table.webhook_") for entry in entries] == [
        "made",
        "changed",
        "switched",
        "rotated",
        "replayed",
        "deleted",
    ]
    assert all(entry.details["webhook_id"] == webhook_id and entry.actor == EVE.email for entry in entries)
    assert all(secret not in str(entry.details) for entry in entries)


async def test_a_new_secret_is_shown_once_and_the_page_says_how_long_the_old_one_signs(scene: Scene) -> None:
    webhook_id, old = await scene.make()
    status, html = await scene.post(f"/{webhook_id}/secret")
    shown = SECRET.search(html)
    assert status == 200
    assert shown is not None
    assert shown[1] != old
    assert "signed with the old secret as well" in html
    assert "The old one signs until" in await scene.words(f"/{webhook_id}")


async def test_a_test_to_nowhere_says_what_became_of_it(scene: Scene) -> None:
    webhook_id, _ = await scene.make()
    assert (await scene.post(f"/{webhook_id}/test"))[0] == 303
    while (await deliveries(scene.app, webhook_id))[0].state == "waiting":
        pass
    shown = await scene.words(f"/{webhook_id}")
    assert "Test Failed" in shown
    assert "There is no server called hooks.invalid." in shown or "It did not answer within" in shown


async def test_a_replay_begins_with_a_change_that_is_kept(scene: Scene) -> None:
    webhook_id, _ = await scene.make()
    for wrong in ("0", "99", "x", ""):
        status, _ = await scene.post(f"/{webhook_id}/replay", seq=wrong)
        assert status == 422, wrong
    assert (await scene.post(f"/{webhook_id}/replay", seq="1"))[0] == 303


async def test_a_table_has_a_bounded_number_of_webhooks(scene: Scene) -> None:
    for number in range(20):
        await scene.make(name=f"Hook {number}")
    status, html = await scene.post(name="One more", url=NOWHERE, events=list(ALL))
    assert status >= 400
    assert "at most 20 webhooks" in html


async def test_a_webhook_of_another_table_is_not_there(scene: Scene, settings: Settings) -> None:
    webhook_id, _ = await scene.make()
    other = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=(await found(scene.app, webhook_id)).made_by or 0)
    for action in ("", "/test", "/state", "/secret", "/replay", "/deliveries/1/again"):
        answer = await scene.client.post(f"/tables/{other}/webhooks/{webhook_id}{action}", form={"seq": "1"})
        assert answer.status_code == 404, action


async def test_a_private_network_of_the_settings_may_be_typed_without_tls(data_dir: Path) -> None:
    from webapp.models.tables.webhook_terms import WrongAddress, ensure_possible

    networks = [ip_network("10.1.0.0/16")]
    ensure_possible("http://10.1.2.3:8080/", networks)
    ensure_possible("http://intern.example/", networks)
    with pytest.raises(WrongAddress):
        ensure_possible("http://10.2.0.1/", networks)


# --- the receiver of the documents ---


@contextmanager
def receiver_of_the_documents(folder: Path, secret: str) -> Iterator[int]:
    """The first Python program of the page, running; yields its port."""
    program = folder / "receiver.py"
    blocks = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    program.write_text(blocks[0], encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"ROWCAST_SECRET": secret}
    with (folder / "out").open("w") as out:
        process = subprocess.Popen([sys.executable, program, str(port)], env=environment, stdout=out, stderr=out)
    try:
        wait_for(lambda: _listens(port))
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_the_receiver_of_the_documents_takes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    from webapp.outgoing.signatures import new_secret, signed_headers

    secret, body = new_secret(), b'{"changes": [{"seq": 7, "kind": "cells", "cells": []}]}'
    now = int(time.time())
    with receiver_of_the_documents(tmp_path, secret) as port:

        def send(headers: dict[str, str], content: bytes = body) -> int:
            return httpx.post(f"http://127.0.0.1:{port}/", headers=headers, content=content).status_code

        assert send(signed_headers([secret], "msg_1", now, body)) == 204
        assert send(signed_headers([secret], "msg_1", now, body)) == 204  # twice, and told once
        assert send(signed_headers([new_secret(), secret], "msg_1", now, body)) == 204
        assert send(signed_headers([new_secret()], "msg_1", now, body)) == 401
        assert send(signed_headers([secret], "msg_1", now - 3_600, body)) == 401
        assert send(signed_headers([secret], "msg_1", now, body), body.replace(b"7", b"8")) == 401
        assert send(signed_headers([secret], "msg_1", now, body) | {"webhook-id": "msg_2"}) == 401
    lines = [line for line in (tmp_path / "out").read_text().splitlines() if line.startswith("7 ")]
    assert lines == ["7 cells []"]


def test_the_signature_is_the_one_that_the_page_describes() -> None:
    """Its own arithmetic, so that page and code cannot change together unseen."""
    from webapp.outgoing.signatures import signed_headers

    key = bytes(range(32))
    headers = signed_headers(["whsec_" + base64.b64encode(key).decode()], "msg_1", 1_700_000_000, b"{}")
    expected = base64.b64encode(hmac.digest(key, b"msg_1.1700000000.{}", hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
