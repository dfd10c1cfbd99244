"""The hubs of this process, by what they are about, and the check of all their streams."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from webapp.broker import Broker
from webapp.db.database import Database
from webapp.extensions import Extension, broker, db
from webapp.live import hub
from webapp.live.hub import Hub, Look
from webapp.live.page_stream import PageStream
from webapp.live.subject import Subject
from webapp.models import Actor
from webapp.web.outlets import pull

log = structlog.get_logger("rowcast.live")


@dataclass(frozen=True, slots=True)
class Watch:
    """What a page wants to watch, after its reader's right to it has been checked."""

    key: Hashable  # of the subject
    make: Callable[[], Subject]
    audience: Hashable
    cursor: Any  # what the page has


class Hubs:
    def __init__(self, database: Database, broker: Broker) -> None:
        self._database, self._broker = database, broker
        self._hubs: dict[Hashable, Hub] = {}
        self._checking: asyncio.Task[None] | None = None

    def find(self, key: Hashable) -> Hub | None:
        return self._hubs.get(key)

    def stream(self, actor: Actor, watch: Watch) -> PageStream:
        """The stream of one page."""
        return PageStream(partial(self._find_or_open, watch), actor, watch.audience, watch.cursor)

    def messages(self, actor: Actor, watch: Watch) -> AsyncIterator[bytes]:
        """The same, for whoever asks for its messages."""
        return pull(self.stream(actor, watch))

    def _find_or_open(self, watch: Watch) -> Hub:
        if (found := self._hubs.get(watch.key)) is not None:
            return found
        made = Hub(watch.make(), self._database, self._broker, lambda: self._close(watch.key, made))
        self._hubs[watch.key] = made
        if self._checking is None:
            self._checking = asyncio.create_task(self._check(), context=Context())
        return made

    def _close(self, key: Hashable, ended: Hub) -> None:
        if self._hubs.get(key) is ended:
            del self._hubs[key]
        if not self._hubs and self._checking is not None:
            self._checking.cancel()
            self._checking = None

    async def _check(self) -> None:
        """Look at everything every few seconds: what no event has told, and who may not see it any more."""
        while True:
            await asyncio.sleep(hub.CHECK_EVERY)
            looked = list(self._hubs.values())
            look = Look(looked, self._database)
            try:
                look.settle(await self._database.read(look.read))
            except Exception:
                log.exception("live check failed")  # the next one may succeed
            for one in looked:
                one.tick()


hubs = Extension("hubs", lambda app: Hubs(db.of(app), broker.of(app)))
