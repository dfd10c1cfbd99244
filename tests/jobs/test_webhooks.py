"""Webhooks are sent by the application to a receiver in another process: in order, signed, until they are taken."""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from settings import Settings
from tests.conftest import Client, make_settings
from tests.mails import letters
from tests.receiver import Receiver, until
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.webhooks import add_webhook, deliveries, found
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.jobs.webhooks import MAX_SENDING, MAX_SENDING_OF_ONE
from webapp.models import Actor, AuditEvent, AuditSource, Event, User, Webhook, WebhookDelivery, WebhookEvent, utc_now
from webapp.models.retention import RETENTIONS
from webapp.models.tables import webhooks
from webapp.models.tables.change_documents import change_document
from webapp.models.tables.change_feed import read_feed
from webapp.models.tables.columns import add_column
from webapp.models.tables.editing import CellEdit, add_rows, change_cells, delete_rows
from webapp.models.tables.renaming import rename_table
from webapp.models.tables.undo import undo_latest
from webapp.models.tables.webhook import KEPT
from webapp.models.tables.webhook_outcome import pause_after
from webapp.models.tables.webhook_sending import find_due
from webapp.models.tables.webhook_terms import WebhookTerms
from webapp.web.application import Application

GRACE = Actor(2, "grace@example.org", "Grace", "member")  # owns the table
SOURCE = AuditSource(GRACE.id, GRACE.email)


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, private_networks=[ip_network("127.0.0.0/8")], webhook_retry=0.02, webhook_timeout=3)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as receiver:
        yield receiver


@dataclass
class Scene:
    app: Application
    receiver: Receiver
    table_id: int
    webhook_id: int = 0
    secret: str = ""

    async def make(self, **options: Any) -> None:
        url = options.pop("url", self.receiver.url)
        self.webhook_id, self.secret = await add_webhook(self.app, self.table_id, GRACE, url, **options)

    async def act(self, verb: Any, *args: Any, **options: Any) -> Any:
        async with self.app.app_context():
            return await db().write(verb, GRACE, *args, **options)

    async def change(self, text: str, before: str, row: int = 1) -> None:
        await self.act(change_cells, self.table_id, [CellEdit(row, 1, before, text)])

    async def manage(self, verb: Any, *args: Any, **options: Any) -> Any:
        return await self.act(verb, SOURCE, self.table_id, self.webhook_id, *args, **options)

    async def took(self, count: int) -> None:
        await until(lambda: len(self.receiver.requests()) >= count)

    async def settled(self) -> Webhook:
        """Once it has nothing to send and nobody sends."""
        while True:
            async with db.of(self.app).reading() as session:
                statement = select(Webhook).where(Webhook.id == self.webhook_id, Webhook.lease.is_(None))
                waiting = select(WebhookDelivery.id).where(WebhookDelivery.state == "waiting")
                webhook = await session.scalar(statement)
                if webhook is not None and (not webhook.is_on or await session.scalar(waiting.limit(1)) is None):
                    return webhook


@pytest.fixture
async def scene(settings: Settings, receiver: Receiver) -> AsyncIterator[Scene]:
    async def keep(work: UnitOfWork) -> None:
        for who in (Actor(1, "ada@example.org", "Ada", "owner"), GRACE):
            work.session.add(User(id=who.id, email=who.email, name=who.name, password_hash="x", role=who.role))

    app = create_app(settings)
    app.test_client_class = Client
    async with app.test_app():
        await db.of(app).write(keep)
        yield Scene(app, receiver, add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=GRACE.id))


async def test_what_changes_is_sent_with_who_and_how(scene: Scene) -> None:
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)

    (message,) = scene.receiver.messages()
    assert message["type"] == "table.changed"
    assert message["table"]["id"] == scene.table_id
    assert message["table"]["title"] == "Planets"
    assert message["table"]["columns"][0] == {"number": 1, "title": "Planet", "type": "text"}
    assert (message["seq"], message["missing"]) == (1, None)
    (change,) = message["changes"]
    assert change["by"] == {"id": 2, "name": "Grace"}
    assert (change["seq"], change["kind"], change["via"], change["events"]) == (1, "cells", "grid", ["rows.changed"])
    assert change["cells"] == [{"row": 1, "column": 1, "text": "Hermes", "before": "Mercury"}]
    assert change["url"] == f"/api/v1/tables/{scene.table_id}/changes?after=0"
    (delivery,) = await deliveries(scene.app, scene.webhook_id)
    assert delivery.message_id == message["id"]


async def test_a_change_is_told_as_programs_that_ask_are_told_with_more(scene: Scene) -> None:
    await scene.make()
    table_id = scene.table_id
    await scene.change("Hermes", "Mercury")
    await scene.act(add_rows, table_id, [{1: "Pluto", 2: "5"}])
    await scene.act(delete_rows, table_id, [2])
    await scene.act(add_column, table_id, "Mass", "decimal", 0)
    await scene.act(rename_table, table_id, "Worlds")
    await scene.act(add_rows, table_id, [{1: f"rock {number}"} for number in range(1_200)])
    await until(lambda: scene.receiver.seqs() == [1, 2, 3, 4, 5, 6])

    feed = await db.of(scene.app).read(lambda connection: read_feed(connection, table_id, 0))
    assert feed is not None
    asked = [json.loads(json.dumps(change_document(one))) for one in feed.sets or ()]
    told = [change for message in scene.receiver.messages() for change in message["changes"]]
    for change in told:
        for cell in change["cells"]:
            del cell["before"]
    assert len(asked) == 6
    assert [{name: change[name] for name in asked[0]} for change in told] == asked


async def test_every_message_is_signed_and_says_what_it_is(scene: Scene) -> None:
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)

    ((_, headers, body),) = scene.receiver.requests()
    key = base64.b64decode(scene.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"
    assert abs(int(headers["webhook-timestamp"]) - utc_now().timestamp()) < 60


async def test_all_that_a_change_does_is_told(scene: Scene) -> None:
    await scene.make()
    table_id = scene.table_id
    await scene.act(add_rows, table_id, [{1: "Pluto", 2: "5"}])
    await scene.act(delete_rows, table_id, [2])
    await scene.act(undo_latest, table_id)
    await scene.act(add_column, table_id, "Mass", "decimal", 0)
    await scene.act(rename_table, table_id, "Worlds")
    await until(lambda: scene.receiver.seqs() == [1, 2, 3, 4, 5])

    added, deleted, undone, column, title = [c for m in scene.receiver.messages() for c in m["changes"]]
    assert (added["added"], added["rows"]["9"]["1"]) == ([9], "Pluto")
    assert (deleted["deleted"], deleted["rows"]["2"]["1"]) == ([2], "Venus")
    assert (undone["undo_of"], undone["rows"]["2"]["1"], undone["events"]) == (2, "Venus", ["rows.added"])
    assert (column["columns"], column["properties"][0]["after"]["title"]) == ([6], "Mass")
    assert (title["title"], title["title_before"]) == ("Worlds", "Planets")
    assert [each["events"] for each in (added, deleted, column, title)] == [
        ["rows.added"],
        ["rows.deleted"],
        ["columns"],
        ["table"],
    ]


async def test_changes_that_come_while_one_is_sent_go_together_in_order(scene: Scene) -> None:
    await scene.make()
    scene.receiver.behave("slow 1")
    texts = ["Mercury", *(f"name {number}" for number in range(10))]
    await scene.change(texts[1], texts[0])
    await scene.took(1)
    for before, after in pairwise(texts[1:]):
        await scene.change(after, before)
    await until(lambda: scene.receiver.seqs() == list(range(1, 11)))
    assert len(scene.receiver.messages()) < 10


async def test_it_is_sent_only_what_it_asks_for(scene: Scene) -> None:
    await scene.make(events=[WebhookEvent.ROWS_ADDED, WebhookEvent.TABLE])
    await scene.change("Hermes", "Mercury")
    await scene.act(add_rows, scene.table_id, [{1: "Pluto"}])
    await scene.act(delete_rows, scene.table_id, [3])
    await scene.act(rename_table, scene.table_id, "Worlds")
    await until(lambda: scene.receiver.seqs() == [2, 4])
    assert (await scene.settled()).seq == 4


async def test_a_message_that_is_not_taken_comes_again_and_nothing_overtakes_it(scene: Scene) -> None:
    scene.receiver.behave("500 broken")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(3)
    await scene.change("Merkur", "Hermes")
    scene.receiver.behave("200")
    await until(lambda: scene.receiver.seqs() == [1, 2])

    requests = scene.receiver.requests()
    first = [headers["webhook-id"] for how, headers, _ in requests if how.startswith("500")]
    assert len(set(first)) == 1
    assert scene.receiver.messages()[0]["id"] == first[0]
    webhook = await scene.settled()
    assert (webhook.seq, webhook.failing_since, webhook.due_at) == (2, None, None)
    delivery = (await deliveries(scene.app, scene.webhook_id))[0]
    assert (delivery.state, delivery.status, delivery.reason) == ("delivered", 200, "")
    assert delivery.attempts > len(first)


async def test_a_receiver_that_is_away_gets_every_change_once_it_is_back(scene: Scene) -> None:
    await scene.make()
    scene.receiver.die()
    names = ["Mercury", *(f"name {number}" for number in range(30))]
    for before, after in pairwise(names):
        await scene.change(after, before)
    while not [each for each in await deliveries(scene.app, scene.webhook_id) if each.attempts > 2]:
        pass
    assert (await found(scene.app, scene.webhook_id)).failing_since is not None
    scene.receiver.start()
    await until(lambda: scene.receiver.seqs() == list(range(1, 31)))


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("404", 404, "It answered 404."),
        ("redirect http://10.0.0.1/", 302, "It answered 302 and redirects, which is not followed"),
        ("garbage", None, "What it answers is not HTTP"),
        ("never", None, "It did not answer within 3 seconds."),
        ("drip", None, "It did not answer within 3 seconds."),
    ],
)
async def test_an_answer_that_does_not_take_it_is_said_in_words(
    scene: Scene, how: str, status: int | None, reason: str
) -> None:
    scene.receiver.behave(how)
    await scene.make()
    await scene.manage(webhooks.send_test)
    await scene.settled()
    (delivery,) = await deliveries(scene.app, scene.webhook_id)
    assert (delivery.state, delivery.status, delivery.attempts) == ("failed", status, 1)
    assert delivery.reason.startswith(reason)
    assert delivery.ms is not None


async def test_of_a_gigabyte_the_first_kilobyte_is_read(scene: Scene) -> None:
    scene.receiver.behave("huge")
    await scene.make()
    await scene.manage(webhooks.send_test)
    await scene.settled()
    (delivery,) = await deliveries(scene.app, scene.webhook_id)
    assert (delivery.state, delivery.answer) == ("delivered", "x" * 1_024 + "…")
    await until((scene.receiver.folder / "gave-up").exists)


async def test_what_is_answered_is_kept_as_plain_text(scene: Scene) -> None:
    scene.receiver.behave("200 ok\x1b[31m\u202e\x00 <script>")
    await scene.make()
    await scene.manage(webhooks.send_test)
    await scene.settled()
    (delivery,) = await deliveries(scene.app, scene.webhook_id)
    assert delivery.answer == "ok [31m   <script>"


async def test_an_answer_that_asks_for_time_gets_it(scene: Scene) -> None:
    scene.receiver.behave("later 600")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)
    while (webhook := await found(scene.app, scene.webhook_id)).due_at is None:
        pass
    assert webhook.due_at > utc_now() + timedelta(seconds=500)


async def test_a_receiver_that_wants_no_more_is_sent_no_more(scene: Scene) -> None:
    scene.receiver.behave("410")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)
    webhook = await scene.settled()
    assert (webhook.is_on, webhook.off_reason, webhook.seq) == (False, "gone", 0)
    (letter,) = await letters(scene.app)
    assert letter.recipient == GRACE.email
    assert "because its receiver asked for that" in letter.text
    assert f"/tables/{scene.table_id}/webhooks/{scene.webhook_id}" in letter.text

    await scene.change("Merkur", "Hermes")
    scene.receiver.behave("200")
    await scene.manage(webhooks.switch_webhook, is_on=True)
    await until(lambda: scene.receiver.seqs() == [1, 2])


async def test_after_days_of_failures_it_is_switched_off_and_its_owner_told(scene: Scene) -> None:
    scene.receiver.behave("500")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(2)

    async def age(work: UnitOfWork) -> None:
        await work.session.execute(update(Webhook).values(failing_since=utc_now() - timedelta(days=4)))

    async with scene.app.app_context():
        await db().write(age)
    while (await found(scene.app, scene.webhook_id)).is_on:
        pass
    assert (await found(scene.app, scene.webhook_id)).off_reason == "failing"
    (letter,) = await letters(scene.app)
    assert "nothing it sent was taken for days" in letter.text
    assert "It answered 500." in letter.text
    async with db.of(scene.app).reading() as session:
        events = (await session.scalars(select(AuditEvent.event).order_by(AuditEvent.id))).all()
    assert events[-1] == Event.WEBHOOK_STOPPED


async def test_a_test_is_sent_also_while_it_is_off_and_while_changes_wait(scene: Scene) -> None:
    await scene.make()
    await scene.manage(webhooks.switch_webhook, is_on=False)
    await scene.change("Hermes", "Mercury")
    await scene.manage(webhooks.send_test)
    await scene.took(1)
    (message,) = scene.receiver.messages()
    assert (message["type"], message["changes"]) == ("test", [])


async def test_a_delivery_is_sent_again_with_the_same_id_and_contents(scene: Scene) -> None:
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)
    await scene.settled()
    (delivery,) = await deliveries(scene.app, scene.webhook_id)
    await scene.manage(webhooks.send_again, delivery.id)
    await scene.took(2)
    (_, first, one), (_, second, two) = scene.receiver.requests()
    assert (first["webhook-id"], one) == (second["webhook-id"], two)


async def test_a_replay_sends_all_changes_from_a_number_on_as_new_messages(scene: Scene) -> None:
    await scene.make()
    for before, after in (("Mercury", "a"), ("a", "b"), ("b", "c")):
        await scene.change(after, before)
    await until(lambda: scene.receiver.seqs() == [1, 2, 3])
    await scene.settled()
    ids = {message["id"] for message in scene.receiver.messages()}
    await scene.manage(webhooks.replay, 2)
    await until(lambda: scene.receiver.seqs() == [1, 2, 3, 2, 3])
    assert scene.receiver.messages()[-1]["id"] not in ids


async def test_a_replay_may_skip_what_waits(scene: Scene) -> None:
    scene.receiver.behave("500")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)
    await scene.manage(webhooks.replay, 2)
    scene.receiver.behave("200")
    await scene.change("Merkur", "Hermes")
    await until(lambda: scene.receiver.seqs() == [2])


async def test_while_a_secret_is_replaced_both_sign(scene: Scene) -> None:
    await scene.make()
    _, new = await scene.act(webhooks.rotate_secret, SOURCE, _sealer(scene), scene.table_id, scene.webhook_id)
    await scene.manage(webhooks.send_test)
    await scene.took(1)
    ((_, headers, body),) = scene.receiver.requests()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in (new, scene.secret)]
    digests = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    assert headers["webhook-signature"] == " ".join(f"v1,{digest}" for digest in digests)

    async def age(work: UnitOfWork) -> None:
        await work.session.execute(update(Webhook).values(before_until=utc_now()))

    async with scene.app.app_context():
        await db().write(age)
    await scene.manage(webhooks.send_test)
    await scene.took(2)
    assert " " not in scene.receiver.requests()[1][1]["webhook-signature"]


async def test_a_secret_that_never_arrived_is_replaced_and_the_receiver_still_knows_a_signature(scene: Scene) -> None:
    await scene.make()
    for _ in range(3):
        await scene.act(webhooks.rotate_secret, SOURCE, _sealer(scene), scene.table_id, scene.webhook_id)
    await scene.manage(webhooks.send_test)
    await scene.took(1)

    ((_, headers, body),) = scene.receiver.requests()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    key = base64.b64decode(scene.secret.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    signatures = headers["webhook-signature"].split(" ")
    assert f"v1,{digest}" in signatures
    assert len(signatures) == 3


async def test_an_attempt_at_the_address_before_says_nothing_of_the_new_one(scene: Scene) -> None:
    scene.receiver.behave("never")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(1)  # it waits for an answer until its time is over
    scene.receiver.behave("200")
    terms = WebhookTerms(name="Shop", url=f"{scene.receiver.url}?new", events=())
    await scene.act(
        webhooks.change_webhook, SOURCE, [ip_network("127.0.0.0/8")], scene.table_id, scene.webhook_id, terms
    )

    webhook = await scene.settled()

    assert (webhook.seq, webhook.failing_since, webhook.due_at) == (1, None, None)
    (delivery,) = await deliveries(scene.app, scene.webhook_id)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


async def test_who_may_not_sign_in_sends_nothing(scene: Scene) -> None:
    await scene.make()

    async def set_active(work: UnitOfWork, is_active: bool) -> None:
        await work.session.execute(update(User).where(User.id == GRACE.id).values(is_active=is_active))

    scene.receiver.behave("500")
    await scene.change("Hermes", "Mercury")
    await scene.took(1)
    await db.of(scene.app).write(set_active, False)
    later = utc_now() + timedelta(hours=1)
    assert await db.of(scene.app).read(lambda reading: find_due(reading, later, timedelta(60))) == []

    scene.receiver.behave("200")
    await db.of(scene.app).write(set_active, True)
    await until(lambda: scene.receiver.seqs() == [1])


async def test_the_slow_receivers_of_one_person_leave_room_for_those_of_others(
    scene: Scene, settings: Settings, tmp_path: Path
) -> None:
    scene.receiver.behave("never")
    for _ in range(MAX_SENDING):
        await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(MAX_SENDING_OF_ONE)
    ada = Actor(1, "ada@example.org", "Ada", "owner")
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=ada.id)
    with Receiver(tmp_path / "quick") as quick:
        await add_webhook(scene.app, table_id, ada, quick.url)
        async with scene.app.app_context():
            await db().write(change_cells, ada, table_id, [CellEdit(1, 1, "Mercury", "Hermes")])
        await until(lambda: len(quick.requests()) == 1)

    assert len(scene.receiver.requests()) == MAX_SENDING_OF_ONE


def _sealer(scene: Scene) -> Any:
    from webapp.extensions import sealer

    return sealer.of(scene.app)


async def test_a_large_change_is_told_with_its_counts_and_where_to_read_it(scene: Scene) -> None:
    await scene.make()
    await scene.act(add_rows, scene.table_id, [{1: f"rock {number}"} for number in range(1_200)])
    await scene.took(1)
    ((_, _, body),) = scene.receiver.requests()
    (change,) = scene.receiver.messages()[0]["changes"]
    assert change["extent"] == {"first": 9, "last": 1_208, "rows": 1_200, "columns": []}
    assert change["url"].endswith("/changes?after=0")
    assert (change["added"], change["rows"]) == ([], {})
    assert len(body) < 2_000


async def test_a_message_has_no_more_than_fits(scene: Scene) -> None:
    await scene.make()
    await scene.manage(webhooks.switch_webhook, is_on=False)
    for number in range(5):
        await scene.act(add_rows, scene.table_id, [{1: f"{number}" + "x" * 200_000}])
    await scene.manage(webhooks.switch_webhook, is_on=True)
    await until(lambda: scene.receiver.seqs() == [1, 2, 3, 4, 5])
    assert [len(message["changes"]) for message in scene.receiver.messages()] == [1] * 5


async def test_what_the_log_does_not_keep_is_told_as_missing(scene: Scene) -> None:
    await scene.make()
    await scene.manage(webhooks.switch_webhook, is_on=False)
    for before, after in (("Mercury", "a"), ("a", "b"), ("b", "c")):
        await scene.change(after, before)
    await db.of(scene.app).write(_prune, scene.table_id, 3)
    await scene.manage(webhooks.switch_webhook, is_on=True)
    await scene.took(1)
    (message,) = scene.receiver.messages()
    assert (message["missing"], [change["seq"] for change in message["changes"]]) == ([1, 2], [3])


async def _prune(work: UnitOfWork, table_id: int, first: int) -> None:
    from webapp.models import ChangeSet, Table

    await work.session.execute(ChangeSet.__table__.delete().where(ChangeSet.seq < first))
    await work.session.execute(update(Table).where(Table.id == table_id).values(log_from=first))


async def test_a_change_that_grows_is_waited_for(scene: Scene) -> None:
    from webapp.models import ChangeSet, Table

    await scene.make()

    async def grow(work: UnitOfWork, is_growing: bool) -> None:
        state = "growing" if is_growing else ""
        await work.session.execute(update(ChangeSet).where(ChangeSet.seq == 2).values(state=state))
        await work.session.execute(update(Table).values(growing=2 if is_growing else None))

    await scene.manage(webhooks.switch_webhook, is_on=False)
    for before, after in (("Mercury", "a"), ("a", "b"), ("b", "c")):
        await scene.change(after, before)
    await db.of(scene.app).write(grow, True)
    await scene.manage(webhooks.switch_webhook, is_on=True)
    await scene.took(1)
    assert (await scene.settled()).seq == 1
    await db.of(scene.app).write(grow, False)
    await scene.manage(webhooks.send_test)  # wakes the sender
    await until(lambda: scene.receiver.seqs() == [1, 2, 3])


async def test_a_change_waits_for_no_webhook(scene: Scene) -> None:
    """The receiver never answers; changes do."""
    scene.receiver.behave("never")
    await scene.make()
    await scene.change("a", "Mercury")
    await scene.took(1)
    for before, after in (("a", "b"), ("b", "c")):
        await scene.change(after, before)
    assert len(scene.receiver.requests()) == 1


async def test_secrets_and_addresses_are_in_no_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene.receiver.behave("500")
    await scene.make()
    await scene.change("Hermes", "Mercury")
    await scene.took(2)
    assert scene.secret not in caplog.text
    assert "from=rowcast" not in caplog.text
    async with db.of(scene.app).reading() as session:
        details = [str(event.details) for event in await session.scalars(select(AuditEvent))]
        sealed = (await session.scalars(select(Webhook.sealed))).one()
    assert all(scene.secret not in text for text in (*details, sealed))


async def test_deliveries_are_kept_by_count_and_age(scene: Scene) -> None:
    await scene.make()

    async def fill(work: UnitOfWork) -> None:
        for number in range(KEPT + 20):
            made = utc_now() - timedelta(days=40 if number >= KEPT else 1)
            work.session.add(
                WebhookDelivery(
                    webhook_id=scene.webhook_id,
                    message_id=f"msg_{number}",
                    kind="test",
                    state="delivered",
                    after_seq=0,
                    last_seq=0,
                    made_at=made,
                )
            )

    await db.of(scene.app).write(fill)
    await scene.manage(webhooks.send_test)
    await scene.settled()
    assert len(await deliveries(scene.app, scene.webhook_id)) == KEPT
    retention = next(each for each in RETENTIONS if each.model is WebhookDelivery)
    await db.of(scene.app).write(retention.delete_batch, make_settings(Path("unused")))
    assert len(await deliveries(scene.app, scene.webhook_id)) == KEPT - 20


async def test_in_the_trash_a_table_sends_nothing_until_it_is_restored(scene: Scene) -> None:
    from webapp.models import Table

    await scene.make()
    await scene.manage(webhooks.switch_webhook, is_on=False)
    await scene.change("a", "Mercury")

    async def throw_away(work: UnitOfWork, when: Any) -> None:
        await work.session.execute(update(Table).values(deleted_at=when))

    await scene.manage(webhooks.switch_webhook, is_on=True)
    await scene.took(1)
    await scene.settled()
    await db.of(scene.app).write(throw_away, utc_now())
    async with db.of(scene.app).reading() as session:
        assert await session.run_sync(lambda reading: find_due(reading.connection(), utc_now(), timedelta(60))) == []


def test_pauses_get_twice_as_long_up_to_an_hour() -> None:
    for attempts, expected in ((1, 5.0), (2, 10.0), (5, 80.0), (12, 3_600.0), (1_000, 3_600.0)):
        assert 0.8 * expected <= pause_after(attempts, 5.0) <= 1.2 * expected
    assert pause_after(1, 5.0, asked=900.0) == 900.0
    assert pause_after(1, 5.0, asked=1e9) == 3_600.0
