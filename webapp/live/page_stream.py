"""One open page that watches something: what it has got so far, and what it is sent next by the hub of its subject.

There may be thousands: a stream has no task, no lock and no queue of its own. One that was too slow is behind, and gets
the rest, or is told to refresh.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from contextvars import Context
from typing import Any, Protocol

from webapp.live.subject import PING, Delivery, Subject
from webapp.models import Actor
from webapp.web.outlets import Outlet

PING_EVERY = 15.0  # seconds; a ping reveals clients that have gone away
LIFETIME = 600.0  # seconds; then the client reconnects, perhaps to another server


class StreamHub(Protocol):
    """What a stream needs of its hub (`webapp.live.hub.Hub`)."""

    subject: Subject

    async def join(self, stream: "PageStream") -> None: ...

    def leave(self, stream: "PageStream") -> None: ...

    def deliver(self, wants: tuple[Hashable, Any]) -> asyncio.Future[Delivery]: ...


class PageStream:
    """`join`, then `begin` with an outlet, which says when there is `room` and when the client has gone (`close`)."""

    __slots__ = (
        "_audience",
        "_cursor",
        "_ends_at",
        "_find_hub",
        "_has_ended",
        "_has_room",
        "_hub",
        "_is_behind",
        "_is_revoked",
        "_note",
        "_outlet",
        "_sent_at",
        "actor",
        "role",
    )

    def __init__(self, find_hub: Callable[[], StreamHub], actor: Actor, audience: Hashable, cursor: Any) -> None:
        self._find_hub: Callable[[], StreamHub] | None = find_hub
        self.actor, self._audience, self._cursor = actor, audience, cursor
        self.role: str | None = None  # as it was last looked up
        self._note = b""  # for this stream alone
        self._has_room = self._has_ended = self._is_revoked = self._is_behind = False
        self._hub: StreamHub | None = None
        self._outlet: Outlet | None = None
        self._sent_at = time.monotonic()
        self._ends_at = self._sent_at + LIFETIME

    async def join(self) -> None:
        """Not before somebody reads: a hub runs until its streams have left."""
        if self._find_hub is not None:
            self._hub, self._find_hub = self._find_hub(), None
            await self._hub.join(self)

    def begin(self, outlet: Outlet) -> None:
        if self._hub is None:  # the client has gone
            return
        self._outlet = outlet
        greeting, self._cursor = self._hub.subject.begin(self._cursor)
        self._write(greeting)
        if self._has_ended:
            self._finish()
        else:
            self.proceed()

    def room(self) -> None:
        self._has_room = True
        if self._is_behind:
            self.proceed()

    def close(self) -> None:
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.leave(self)

    def proceed(self) -> None:
        """Send what it has not got, if there is room; else it asks again once there is."""
        self._is_behind = not self.is_waiting
        if self._hub is None or self._is_behind:
            return
        making = self._hub.deliver(self.wants)
        if making.done():
            self._send(making)
        else:
            making.add_done_callback(self._made)

    def tell(self, note: bytes) -> None:
        """For this stream alone."""
        self._note += note
        self.proceed()

    @property
    def wants(self) -> tuple[Hashable, Any]:
        """What its next delivery depends on: equal streams get the same."""
        return self._audience, self._cursor

    def look_at_clock(self, now: float) -> None:
        """Say something if it has been silent for long, and end after its lifetime."""
        if now >= self._ends_at:
            self.end()
        elif now - self._sent_at >= PING_EVERY and not self._note:
            self.tell(PING)

    @property
    def is_waiting(self) -> bool:
        """Whether it could send something now; else it is still sending."""
        return self._has_room and not self._has_ended

    def end(self, *, is_revoked: bool = False) -> None:
        """Soon, because the hub may be looking through its streams."""
        if not self._has_ended:
            self._has_ended, self._is_revoked = True, is_revoked
            asyncio.get_running_loop().call_soon(self._finish, context=Context())

    def _made(self, _: asyncio.Future[Delivery]) -> None:
        self.proceed()

    def _send(self, making: asyncio.Future[Delivery]) -> None:
        """Most often the very bytes that all others send too."""
        try:
            delivery = making.result()
        except (Exception, asyncio.CancelledError) as error:
            self._fail(error)
            return
        self._cursor = delivery.cursor
        note, self._note = self._note, b""
        if data := note + delivery.data if note else delivery.data:
            self._write(data)
        if delivery.is_complete:
            self._has_ended = True
            self._finish()

    def _write(self, data: bytes) -> None:
        self._sent_at = time.monotonic()
        self._has_room = self._outlet is not None and self._outlet.write(data)

    def _finish(self) -> None:
        """Not before it has begun."""
        if self._hub is None or self._outlet is None:
            return
        if self._is_revoked and (revoked := self._hub.subject.revoked):
            self._write(revoked)
        self.close()
        self._outlet.end()

    def _fail(self, error: BaseException) -> None:
        self._has_ended = True
        self.close()
        if self._outlet is not None:
            self._outlet.fail(error)
