"""GET /live: one stream per page, about one thing it shows. It holds no database connection while it waits."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from quart import Response, request
from sqlalchemy import Row, exists, select

from webapp.broker import Broker, BrokerClosed, Subscription
from webapp.db.database import Database
from webapp.extensions import broker, db
from webapp.live import bp, sse
from webapp.live.views import FACTORIES, LiveView
from webapp.models import Actor, User
from webapp.models.accounts.session import IS_ACTIVE, Session
from webapp.models.errors import NotFound
from webapp.web import streaming
from webapp.web.session import current_user

PING_EVERY = 15.0  # seconds; a ping reveals clients that have gone away
CHECK_EVERY = 60.0  # seconds between checks whether this person may still see it
LIFETIME = 600.0  # seconds; then the client reconnects, perhaps to another server


@bp.get("/live")
async def stream() -> Response:
    """`?<name>=<id>` and whatever else that view needs. Anybody who may not see it gets a 404."""
    actor = current_user()
    factory = next((FACTORIES[name] for name in request.args if name in FACTORIES), None)
    if factory is None:
        raise NotFound
    view = await factory(actor, request.args)
    return streaming.events(Watcher(db(), broker(), actor, view).messages)


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
        end = time.monotonic() + LIFETIME
        yield sse.PING
        event: object = None
        checked_at = 0.0
        while time.monotonic() < end:
            html = self.view.render_event(event)
            if html is None or time.monotonic() - checked_at > CHECK_EVERY:
                checked_at = time.monotonic()
                complete = self.view.render_row(await self.read_row())
                if complete is not None:
                    yield sse.message(complete) + sse.DONE
                    return
            if html is not None:
                yield sse.message(html)
            event = await events.get(PING_EVERY)
            if event is None:
                yield sse.PING

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
