"""The hub of one subject: it looks once at what is new, and all streams of the subject get the same bytes.

An event wakes the hub. It reads what is new and who may still see it, in one read; then it wakes its streams, and each
takes what it has not got. What that is depends on its audience and its cursor alone, so it is made once for all that
are equal in both.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextvars import Context
from functools import partial
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection

from webapp.broker import Broker, BrokerClosed, Subscription
from webapp.db.database import Database
from webapp.live import page_stream
from webapp.live.page_stream import PageStream
from webapp.live.readers import active_sessions, usable_tokens
from webapp.live.subject import Delivery, Subject
from webapp.models import Actor

PING_LOOKS = 8  # for streams that are silent, in the time after which they get a ping
CHECK_EVERY = 2.0  # seconds between checks, all in one read, of who may still see what
STIR = 1.0  # seconds until the others see that somebody came, went or moved
AT_ONCE = 250  # streams that are written to before other work has its turn
# Seconds between two messages to everybody, for each stream: sending takes about a quarter of it, so that many changes
# to a table that many watch leave room for requests, and none of them waits for long.
REST = 0.00004

log = structlog.get_logger("rowcast.live")


class Hub:
    """It runs while it has streams."""

    def __init__(self, subject: Subject, database: Database, broker: Broker, on_empty: Callable[[], None]) -> None:
        self.subject = subject
        self._database, self._broker, self._on_empty = database, broker, on_empty
        self._streams: dict[PageStream, None] = {}
        self._actors: Counter[Actor] = Counter()  # of the streams: one person may have many pages open
        self._deliveries: dict[tuple[Hashable, Any], asyncio.Future[Delivery]] = {}
        self._running: asyncio.Task[None] | None = None
        self._stirring: asyncio.TimerHandle | None = None
        self._pinging: asyncio.TimerHandle | None = None
        self._is_ready = asyncio.Event()
        self._has_ended = False
        self._checked_at = self._rests_until = 0.0

    @property
    def streams(self) -> list[PageStream]:
        return list(self._streams)

    @property
    def actors(self) -> list[Actor]:
        """Each once."""
        return list(self._actors)

    async def join(self, stream: PageStream) -> None:
        """Returns once the hub has looked."""
        self._streams[stream] = None
        self._actors[stream.actor] += 1
        self.subject.came(stream.actor)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), context=Context())
            self._ping()
        await self._is_ready.wait()
        self.stir()
        if self._has_ended:
            stream.end()

    def leave(self, stream: PageStream) -> None:
        del self._streams[stream]
        self._actors[stream.actor] -= 1
        if not self._actors[stream.actor]:
            del self._actors[stream.actor]
        self.subject.went(stream.actor)
        if self._streams:
            self.stir()
            return
        for running in (self._running, self._stirring, self._pinging):
            if running is not None:
                running.cancel()
        self._on_empty()

    def stir(self) -> None:
        """Something that is not in the database has changed, such as who is here."""
        if self._stirring is None:
            self._stirring = asyncio.get_running_loop().call_later(STIR, self.tick)

    def tick(self) -> None:
        if self._stirring is not None:
            self._stirring.cancel()
            self._stirring = None
        if self.subject.tick():
            self._announce()

    def deliver(self, wants: tuple[Hashable, Any]) -> asyncio.Future[Delivery]:
        """What a stream of this audience has not got, made by the first that asks."""
        making = self._deliveries.get(wants)
        if making is None:
            making = self._deliveries[wants] = asyncio.ensure_future(self.subject.deliver(*wants))
        return making

    def settle(self, streams: Iterable[PageStream], found: "Found", proofs: "Proofs") -> None:
        """Take in what was read while these streams were open."""
        self._checked_at = time.monotonic()
        has_news = self.subject.take(found.news)
        for stream in streams if not self.subject.is_gone else ():
            role = found.readers.get(stream.actor.id) if proofs.hold(stream.actor) else None
            if role is None:
                stream.end(is_revoked=True)
            elif stream.role not in (None, role):
                stream.tell(self.subject.role_changed(role))
            stream.role = role
        if has_news:
            self._announce()

    def _ping(self) -> None:
        """One timer for all streams, and none that is set again for each message."""
        now = time.monotonic()
        for stream in self.streams:
            stream.look_at_clock(now)
        self._pinging = asyncio.get_running_loop().call_later(page_stream.PING_EVERY / PING_LOOKS, self._ping)

    async def _run(self) -> None:
        try:
            async with self._broker.subscribe(self.subject.topics) as events:
                await self._look()
                self._is_ready.set()
                while True:
                    await self._next(events)
        except BrokerClosed:
            pass
        except Exception:
            log.exception("live hub failed")  # its pages connect again
        finally:
            self._has_ended = True
            self._is_ready.set()
            for stream in self.streams:
                stream.end()

    async def _next(self, events: Subscription) -> None:
        """Wait for an event, and for the end of the rest; then take in all that have come, look, and send."""
        event = await events.get()
        if (rest := self._rests_until - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        must_look = time.monotonic() - self._checked_at > CHECK_EVERY
        is_new = False
        while event is not None:
            if self.subject.notice(event):
                must_look = True
            else:
                is_new = True
            event = await events.get(0)
        if must_look:
            await self._look()
        if is_new:
            self._announce()

    async def _look(self) -> None:
        look = Look([self], self._database)
        look.settle(await self._database.read(look.read))

    def _announce(self) -> None:
        """What was made before is not all any more: make what each stream has not got, then have it sent.

        For one that is still sending nothing is made: it may be slow, and asks when it has sent.
        """
        self._deliveries.clear()
        self._rests_until = time.monotonic() + REST * len(self._streams)
        equal = defaultdict[tuple[Hashable, Any], list[PageStream]](list)
        for stream in self._streams:
            if stream.is_waiting:
                equal[stream.wants].append(stream)
            else:
                stream.proceed()
        for wants, streams in equal.items():
            self.deliver(wants).add_done_callback(partial(_send_all, streams))


def _send_all(streams: Sequence[PageStream], _: object) -> None:
    """In parts, between which requests have their turn."""
    for stream in streams[:AT_ONCE]:
        stream.proceed()
    if rest := streams[AT_ONCE:]:
        asyncio.get_running_loop().call_soon(_send_all, rest, None)


class Found:
    """What was read about one subject: what is new, and who may see it."""

    __slots__ = ("news", "readers")

    def __init__(self, news: Any, readers: Mapping[int, str]) -> None:
        self.news, self.readers = news, readers


class Proofs(NamedTuple):
    """The sign-ins and tokens that are still good."""

    sessions: set[int]
    tokens: set[int]

    def hold(self, actor: Actor) -> bool:
        """Visitors are known by their link, which the subject looks up."""
        if actor.token_id is not None:
            return actor.token_id in self.tokens
        return actor.link_id is not None or actor.session_id in self.sessions


class Look:
    """One read about some hubs and all of their streams."""

    def __init__(self, hubs: Iterable[Hub], database: Database) -> None:
        self._hubs = [(hub, hub.streams, hub.actors) for hub in hubs]
        self._limits = database.settings

    def read(self, connection: Connection) -> tuple[list[Found], Proofs]:
        """In a thread. Also which of the sign-ins and tokens are good."""
        actors = [actor for *_, some in self._hubs for actor in some]
        sessions = {actor.session_id for actor in actors if actor.session_id is not None}
        tokens = {actor.token_id for actor in actors if actor.token_id is not None}
        found = [
            Found(hub.subject.read(connection), hub.subject.readers(connection, some)) for hub, _, some in self._hubs
        ]
        active = active_sessions(connection, sessions, self._limits)
        return found, Proofs(active, usable_tokens(connection, tokens) if tokens else set())

    def settle(self, result: tuple[list[Found], Proofs]) -> None:
        found, proofs = result
        for (hub, streams, _), one in zip(self._hubs, found, strict=True):
            hub.settle(streams, one, proofs)
