"""GET /live: one stream per page, about one thing it shows. It holds no database connection while it waits.

Features register what can be watched. The stream is of server-sent events as htmx reads them.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from quart import Response, request
from sqlalchemy import Row, Select, exists, select

from webapp.broker import Broker, BrokerClosed, Subscription
from webapp.db.database import Database
from webapp.extensions import broker, db
from webapp.live import bp
from webapp.models import Actor, User
from webapp.models.accounts.session import IS_ACTIVE, Session
from webapp.models.errors import NotFound
from webapp.web import streaming
from webapp.web.session import current_user

PING_EVERY = 15.0  # seconds; a ping reveals clients that have gone away
CHECK_EVERY = 60.0  # seconds between checks whether this person may still see it
LIFETIME = 600.0  # seconds; then the client reconnects, perhaps to another server

PING = b"event: ping\ndata: x\n\n"
# Tells the page that the stream is complete; without it the client would reconnect forever.
DONE = b"event: done\ndata: x\n\n"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")  # not splitlines(), which also splits at U+2028 and others


@dataclass(frozen=True, slots=True)
class LiveView:
    """One thing that a page shows, for one reader. It is made during the request and used after it has ended."""

    topics: Sequence[str]  # whose events concern it
    statement: Select[*tuple[Any, ...]]  # selects its row as it is now; none if the reader may not see it
    # The HTML of an event that needs no look at the row; else None.
    render_event: Callable[[object], str | None]
    # The HTML with which the stream is complete; None while the page is up to date.
    render_row: Callable[[Row[Any]], str | None]


# Makes a view from the actor and the arguments of the URL. Raises `NotFound`.
Factory = Callable[[Actor, Mapping[str, str]], Awaitable[LiveView]]

FACTORIES: dict[str, Factory] = {}  # `GET /live?import=...` streams what the one of "import" makes


@bp.get("/live")
async def stream() -> Response:
    """`?<name>=<id>` and whatever else that view needs. Anybody who may not see it gets a 404."""
    actor = current_user()
    factory = next((FACTORIES[name] for name in request.args if name in FACTORIES), None)
    if factory is None:
        raise NotFound
    view = await factory(actor, request.args)
    return streaming.events(Watcher(db(), broker(), actor, view).messages)


@lru_cache(maxsize=32)
def message_of(html: str) -> bytes:
    """An unnamed message: htmx places its parts. Many streams send the same one."""
    return ("".join(f"data: {line}\n" for line in _LINE_ENDS.split(html)) + "\n").encode()


@dataclass
class Watcher:
    """One client watching one view: everything it needs, collected while there was a request."""

    database: Database
    broker: Broker
    actor: Actor
    view: LiveView

    async def messages(self) -> AsyncIterator[bytes]:
        with suppress(BrokerClosed, NotFound):
            async with self.broker.subscribe(self.view.topics) as events:
                async for message in self._messages(events):
                    yield message

    async def _messages(self, events: Subscription) -> AsyncIterator[bytes]:
        """Send what is new since the page was rendered, then every event, until the view is complete."""
        ends_at = time.monotonic() + LIFETIME
        yield PING
        event: object = None
        checked_at = 0.0
        while time.monotonic() < ends_at:
            html = self.view.render_event(event)
            if html is None or time.monotonic() - checked_at > CHECK_EVERY:
                checked_at = time.monotonic()
                final_html = self.view.render_row(await self.read_row())
                if final_html is not None:
                    yield message_of(final_html) + DONE
                    return
            if html is not None:
                yield message_of(html)
            event = await events.get(PING_EVERY)
            if event is None:
                yield PING

    async def read_row(self) -> Row[Any]:
        """Return the row if this person may still see it: a stream has to pass the same checks as a request."""
        is_signed_in = exists(
            select(Session.id)
            .join(User, User.id == Session.user_id)
            .where(Session.id == self.actor.session_id, IS_ACTIVE)
        )
        statement = self.view.statement.where(is_signed_in)
        row: Row[Any] | None = await self.database.fetch_one(
            statement, Session.active_parameters(self.database.settings)
        )
        if row is None:
            raise NotFound
        return row
