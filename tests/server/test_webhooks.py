"""Webhooks of real servers: killed while they send, with other processes that send as well, and without a receiver."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.database import connect
from tests.jobs.driver import Browser
from tests.receiver import Receiver
from tests.servers import ROOT, Server, wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table

SETTINGS = {"private_networks": "127.0.0.0/8", "webhook_retry": "0.2", "webhook_timeout": "3"}
# Another process that sends, as a second server on the same database would; it looks often.
SENDER = """
import asyncio
from settings import Settings
from webapp.broker import InProcessBroker
from webapp.db.database import Database
from webapp.jobs import JobContext, webhooks
from webapp.rowstore import create_store

async def main():
    webhooks.LOOK_EVERY = 0.02
    settings = Settings(_env_file=None)
    database = Database(settings)
    await database.open()
    print("ready", flush=True)
    await webhooks.WebhookSender(JobContext(settings, database, create_store(database), InProcessBroker())).run()

asyncio.run(main())
"""


class Scene:
    """Ada's table with a webhook, on a server that can be killed and started again."""

    def __init__(self, start: Callable[..., Server], data_dir: Path, browser: Browser, receiver: Receiver) -> None:
        self.start, self.data_dir, self.browser, self.receiver = start, data_dir, browser, receiver
        self.server = start(**SETTINGS)
        browser.visit(self.server).sign_up()
        self.path = f"/tables/{add_table(data_dir, PLANETS, PLANET_ROWS)}"
        self.text = "Mercury"
        self.webhook = self.make(receiver.url)

    def make(self, url: str) -> int:
        form = {
            "name": "Stock",
            "url": url,
            "events": ["rows.added", "rows.changed", "rows.deleted", "columns", "table"],
        }
        answer = self.browser.client.post(f"{self.path}/webhooks", data=form)
        assert answer.status_code == 200, answer.text
        return int(self.ask("SELECT max(id) FROM webhooks")[0][0])

    def change(self, text: str) -> None:
        edit = {"row": 1, "column": 1, "seen": self.text, "text": text}
        answer = self.browser.client.post(f"{self.path}/cells", json={"edits": [edit]})
        assert answer.status_code == 200, answer.text
        self.text = text

    def kill(self) -> None:
        self.server.process.send_signal(signal.SIGKILL)
        self.server.wait()

    def start_again(self) -> None:
        self.server = self.start(**SETTINGS)
        self.browser.visit(self.server)

    def ask(self, statement: str, *values: Any) -> list[Any]:
        with closing(connect(self.data_dir / "rowcast.db")) as connection:
            return connection.execute(statement, values).fetchall()

    def waits_until_taken(self, count: int) -> None:
        wait_for(lambda: len(self.receiver.seqs()) >= count)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as receiver:
        yield receiver


@pytest.fixture
def scene(server: Any, data_dir: Path, tmp_path: Path, receiver: Receiver) -> Iterator[Scene]:
    with closing(Browser(data_dir)) as browser:
        yield Scene(server, data_dir, browser, receiver)


def test_a_server_that_is_killed_while_it_sends_loses_nothing_and_keeps_the_order(scene: Scene) -> None:
    scene.receiver.behave("never")
    scene.change("one")
    scene.receiver.wait_for(1)
    scene.change("two")
    scene.kill()
    scene.receiver.behave("200")
    scene.start_again()
    scene.change("three")
    scene.waits_until_taken(3)

    assert scene.receiver.seqs() == [1, 2, 3]
    (_, lost, body), (_, again, same), *_ = scene.receiver.requests()
    assert (lost["webhook-id"], body) == (again["webhook-id"], same)


def test_of_several_processes_one_sends(scene: Scene) -> None:
    """Each message comes once, in order, whoever is faster."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROWCAST_")}
    given = {"data_dir": str(scene.data_dir), "secret_key": "k" * 40, **SETTINGS}
    environment |= {f"ROWCAST_{name.upper()}": value for name, value in given.items()}
    command = [sys.executable, "-W", "error", "-c", SENDER]
    with ExitStack() as running:
        for _ in range(2):
            sender = running.enter_context(
                subprocess.Popen(command, cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
            )
            running.callback(sender.kill)
            assert sender.stdout is not None
            assert sender.stdout.readline() == b"ready\n"
        for number in range(20):
            scene.change(f"name {number}")
        scene.waits_until_taken(20)
    assert scene.receiver.seqs() == list(range(1, 21))
    ids = [headers["webhook-id"] for _, headers, _ in scene.receiver.requests()]
    assert len(ids) == len(set(ids))


def test_neither_secret_nor_address_is_in_the_log_of_the_server(scene: Scene) -> None:
    scene.receiver.behave("500")
    scene.change("one")
    scene.receiver.wait_for(3)
    scene.server.stop()
    log = scene.server.log.read_text()
    assert "whsec_" not in log
    assert "from=rowcast" not in log


def test_a_server_that_stops_while_it_sends_gives_its_lease_back(scene: Scene) -> None:
    scene.receiver.behave("never")
    scene.change("one")
    scene.receiver.wait_for(1)
    assert scene.server.stop() == 0
    assert scene.ask("SELECT lease, lease_until FROM webhooks WHERE id = ?", scene.webhook) == [(None, None)]
