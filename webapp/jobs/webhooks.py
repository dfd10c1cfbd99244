"""Sending webhooks: woken by changes of tables that have some, it looks which are due, and sends.

Nothing is written when rows change, and no change waits for this: what there is to send is what the change log has
beyond each webhook's cursor (webapp/models/tables/webhook_sending.py). So it needs no queue and survives any end.
"""

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial

from webapp.broker import BrokerClosed
from webapp.db.errors import DatabaseTrouble
from webapp.db.keys import sealer
from webapp.db.sealing import BrokenSeal
from webapp.jobs.context import JobContext
from webapp.models import utc_now
from webapp.models.tables.change_log import topic_of
from webapp.models.tables.webhook import WEBHOOKS_TOPIC
from webapp.models.tables.webhook_message import write_message
from webapp.models.tables.webhook_outcome import GONE, Attempt, record_attempt, release
from webapp.models.tables.webhook_sending import (
    Claim,
    claim,
    find_due,
    find_next_due,
    find_tables,
    plan_step,
)
from webapp.outgoing import AddressRefused, Answer, NoAnswer, OutgoingClient
from webapp.outgoing.signatures import signed_headers

LOOK_EVERY = 5.0  # seconds: for what other processes changed
LOOK_FOR_FIRST_EVERY = 60.0  # seconds: for a first webhook, which another process has made
GATHER = 0.05  # seconds in which further changes come into the same message
MAX_SENDING = 16  # at a time
MAX_SENDING_OF_ONE = 4  # of the tables of one owner, whose receivers may all be slow
LEASE_BEYOND = 15.0  # seconds of a lease beyond the time that an attempt may take
RECORD_EVERY = 10.0  # seconds between attempts to note an attempt, while the disk is full
MAX_ANSWER = 1_024  # bytes that are kept of an answer
USER_AGENT = "Rowcast-Webhooks/1"

logger = logging.getLogger(__name__)


class WebhookSender:
    """One per app. Several processes may have one: a lease says who sends for a webhook."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._database = context.database
        self._holder = secrets.token_hex(8)
        self._lease = timedelta(seconds=context.settings.webhook_timeout + LEASE_BEYOND)
        self._client = OutgoingClient(context.settings.private_networks)
        self._slots = asyncio.Semaphore(MAX_SENDING)
        self._sending: dict[int, asyncio.Task[bool]] = {}
        self._owners: dict[int, int] = {}  # of the tables of those webhooks

    async def run(self) -> None:
        try:
            with suppress(BrokerClosed):
                while True:
                    try:
                        await self._run_subscribed()
                    except DatabaseTrouble as trouble:
                        logger.warning("Webhooks wait: %s", trouble)
                        await asyncio.sleep(RECORD_EVERY)
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            self._client.close()

    async def _run_subscribed(self) -> None:
        """Until other tables have webhooks."""
        tables = await self._database.read(find_tables)
        async with self._context.broker.subscribe([WEBHOOKS_TOPIC, *map(topic_of, tables)]) as events:
            while tables == await self._database.read(find_tables):
                pause = await self._start_due() if tables else LOOK_FOR_FIRST_EVERY
                if await events.get(timeout=pause) is not None:
                    await asyncio.sleep(GATHER)
                    while await events.get(timeout=0) is not None:
                        pass

    async def _start_due(self) -> float:
        """Return after how many seconds to look again without being woken."""
        now = utc_now()
        for webhook_id, owner_id in await self._database.read(lambda reading: find_due(reading, now, self._lease)):
            if webhook_id not in self._sending and self._owned_by(owner_id) < MAX_SENDING_OF_ONE:
                task = asyncio.create_task(self._send_all(webhook_id))
                self._sending[webhook_id], self._owners[webhook_id] = task, owner_id
                task.add_done_callback(partial(self._forget, webhook_id))
        next_due = await self._database.read(lambda reading: find_next_due(reading, now))
        seconds = (next_due - now).total_seconds() if next_due is not None else LOOK_EVERY
        return min(max(seconds, GATHER), LOOK_EVERY)

    def _owned_by(self, owner_id: int) -> int:
        return sum(owner == owner_id for owner in self._owners.values())

    def _forget(self, webhook_id: int, task: "asyncio.Task[bool]") -> None:
        self._sending.pop(webhook_id, None)
        self._owners.pop(webhook_id, None)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            logger.error("Sending the webhook %s failed", webhook_id, exc_info=error)
        elif task.result():
            self._context.broker.publish(
                WEBHOOKS_TOPIC, WEBHOOKS_TOPIC, key=WEBHOOKS_TOPIC
            )  # it is due again, or later

    async def _send_all(self, webhook_id: int) -> bool:
        """What is due of one webhook, message by message. Return whether there was something."""
        has_sent = False
        while True:
            async with self._slots:
                now = utc_now()
                step = await self._database.read(lambda reading: plan_step(reading, webhook_id, now, self._lease))  # noqa: B023
                if step is None:
                    return has_sent
                claimed = await self._database.write(claim, step, self._holder, now, self._lease)
                if claimed is not None:
                    has_sent = True
                    await self._send(claimed)
                elif step.range is None or step.range.is_wanted:  # another sender has it
                    return has_sent

    async def _send(self, claimed: Claim) -> None:
        try:
            attempt = await self._attempt(claimed)
        except asyncio.CancelledError:
            self._database.write_soon(release, claimed, self._holder)
            raise
        await self._record(claimed, attempt)

    async def _attempt(self, claimed: Claim) -> Attempt:
        """Send it. What came of it, whatever that is."""
        at, begun = utc_now(), time.monotonic()
        status, answer, asked = None, "", 0.0
        try:
            found = await self._post(claimed, int(at.timestamp()))
            status, answer = found.status, readable(found)
            reason, asked = why_refused(found), _retry_after(found)
        except (AddressRefused, NoAnswer) as error:
            reason = str(error)
        except BrokenSeal:
            reason = "Its secret was encrypted with a key that this server no longer has. Replace the secret."
        return Attempt(at, round((time.monotonic() - begun) * 1000), status, reason, answer, asked)

    async def _post(self, claimed: Claim, timestamp: int) -> Answer:
        """Raises `AddressRefused`, `NoAnswer` and `BrokenSeal`."""
        settings = self._context.settings
        origin = str(settings.public_origin or "").rstrip("/")
        body = await self._database.read(lambda reading: write_message(reading, claimed.message, origin))
        if body is None:
            raise NoAnswer("The table is in the trash.")
        opened = sealer(settings)
        keys = [opened.decrypt(sealed).decode() for sealed in claimed.sealed]
        headers = signed_headers(keys, claimed.message.id, timestamp, body)
        return await self._client.request(
            "POST",
            claimed.url,
            {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers},
            body,
            timeout=settings.webhook_timeout,
            max_bytes=MAX_ANSWER,
        )

    async def _record(self, claimed: Claim, attempt: Attempt) -> None:
        """Ends only when that is noted: a message that was taken would be sent again."""
        limits, mailer = self._context.settings, self._context.mailer
        while True:
            try:
                await self._database.write(record_attempt, mailer, limits, claimed, self._holder, attempt)
                return
            except DatabaseTrouble as trouble:
                logger.warning("A delivery of the webhook %s could not be noted: %s", claimed.webhook_id, trouble)
                await asyncio.sleep(RECORD_EVERY)


def why_refused(answer: Answer) -> str:
    """In words; empty: it was taken."""
    if answer.is_ok:
        return ""
    if 300 <= answer.status < 400:
        return f"It answered {answer.status} and redirects, which is not followed: type the address that it leads to."
    if answer.status == GONE:
        return "It answered 410: it does not want any more messages."
    return f"It answered {answer.status}."


def readable(answer: Answer) -> str:
    """The beginning of its body as text, without signs that would not be seen or would change what is around them."""
    text = answer.body.decode("utf-8", "replace")
    kept = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text.replace("\r\n", "\n"))
    return f"{kept}…" if answer.is_cut else kept


def _retry_after(answer: Answer) -> float:
    """Seconds; dates are not looked at."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0.0
