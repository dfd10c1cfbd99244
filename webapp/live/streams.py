"""GET /live: one stream per page, about the import it shows. It holds no database connection while it waits."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from quart import Response, request
from sqlalchemy import Row, exists, select

from webapp.broker import Broker, BrokerClosed, Subscription
from webapp.db.database import Database
from webapp.extensions import broker, db, jobs
from webapp.jobs import MOVING, Jobs, topic_of
from webapp.jobs.progress import Progress
from webapp.live import bp, sse
from webapp.live.sections import SEEN, as_import, moved, progress_of, section
from webapp.models import Actor, Import, User
from webapp.models.accounts.session import IS_ACTIVE, Session
from webapp.models.errors import NotFound
from webapp.web import access, streaming
from webapp.web.formatting import Locale
from webapp.web.session import current_user
from webapp.web.templating import templates

PING_EVERY = 15.0  # seconds; a ping reveals clients that have gone away
CHECK_EVERY = 60.0  # seconds between checks whether this person may still see it
LIFETIME = 600.0  # seconds; then the client reconnects, perhaps to another server


@bp.get("/live")
async def stream() -> Response:
    """`?import=<id>&state=<the state the page shows>`. Anybody who may not see the import gets a 404."""
    actor = current_user()
    found = await access.find_import(actor, request.args.get("import", ""))
    watch = Watch(db(), broker(), jobs(), templates(), actor, found.id, request.args.get("state", ""))
    return streaming.events(watch.messages)


@dataclass
class Watch:
    """One client watching one import: everything it needs, collected while there was a request."""

    database: Database
    broker: Broker
    jobs: Jobs
    environment: Environment
    actor: Actor
    import_id: str
    state: str

    async def messages(self) -> AsyncIterator[bytes]:
        async with self.broker.subscribe([topic_of(self.import_id)]) as events:
            try:
                async for message in self._until_it_rests(events):
                    yield message
            except (BrokerClosed, NotFound):
                return

    async def _until_it_rests(self, events: Subscription) -> AsyncIterator[bytes]:
        """Send what is new since the page was rendered, then every step, until the import's state changes."""
        end = time.monotonic() + LIFETIME
        yield sse.PING
        event: object = None
        looked = 0.0
        while time.monotonic() < end:
            is_step = isinstance(event, Progress) and event.state == self.state
            if isinstance(event, Progress) and is_step:
                yield sse.message(moved(self.environment, event, Locale.of(self.actor)))
            if not is_step or time.monotonic() - looked > CHECK_EVERY:
                looked = time.monotonic()
                seen = await self._look()
                if seen.state != self.state or seen.state not in MOVING:
                    yield sse.message(self._section(seen)) + sse.DONE
                    return
            event = await events.get(PING_EVERY)
            if event is None:
                yield sse.PING

    def _section(self, seen: Row[Any]) -> str:
        progress = progress_of(self.jobs, as_import(seen)) if seen.state in MOVING else None
        return section(self.environment, seen, progress, Locale.of(self.actor))

    async def _look(self) -> Row[Any]:
        """Return the import if this person may still see it: a stream has to pass the same checks as a request."""
        is_signed_in = exists(
            select(Session.id)
            .join(User, User.id == Session.user_id)
            .where(Session.id == self.actor.session_id, IS_ACTIVE)
        )
        mine = Import.visible_to(self.actor.id).where(Import.id == self.import_id, is_signed_in)
        seen: Row[Any] | None = await self.database.fetch_one(
            mine.with_only_columns(*SEEN), Session.active_parameters(self.database.settings)
        )
        if seen is None:
            raise NotFound("import")
        return seen
