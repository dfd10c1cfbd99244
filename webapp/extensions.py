"""The shared objects: declared without an app, created for an app when it first uses them, found through its context.

Calling one returns the current app's object: `db()` is the `Database` of the app that serves this request, so several
apps with different settings can share a process. Streams and jobs outlive the app context, so they fetch the object
itself before they start.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from quart import Quart, current_app

from settings import Settings
from webapp.broker import Broker, InProcessBroker
from webapp.db import keys, migrations
from webapp.db.database import Database
from webapp.drain import Drain
from webapp.hashing import Hasher
from webapp.jobs import DurableQueue, JobContext, SortIndexes
from webapp.jobs.schedule import Schedule
from webapp.jobs.webhooks import WebhookSender
from webapp.rowstore import create_store

T = TypeVar("T")


class Extension(Generic[T]):
    """One object per app, created by `make(app)`. Each has a unique `name`."""

    def __init__(self, name: str, make: Callable[[Quart], T]) -> None:
        self.name = f"rowcast.{name}"
        self.make = make

    def of(self, app: Quart) -> T:
        if self.name not in app.extensions:
            app.extensions[self.name] = self.make(app)
        return cast(T, app.extensions[self.name])

    def __call__(self) -> T:
        """Raises RuntimeError outside an app context."""
        return self.of(current_app)


def _no_settings(app: Quart) -> Settings:
    raise RuntimeError("This app has no settings yet: `init_app` gives it some")


config: Extension[Settings] = Extension("settings", _no_settings)
db = Extension("database", lambda app: Database(config.of(app)))
row_store = Extension("row_store", lambda app: create_store(db.of(app)))
drain = Extension("drain", lambda app: Drain())
hasher = Extension("hasher", lambda app: Hasher(config.of(app)))
sealer = Extension("sealer", lambda app: keys.sealer(config.of(app)))
broker: Extension[Broker] = Extension("broker", lambda app: InProcessBroker())
indexes = Extension("indexes", lambda app: SortIndexes(row_store.of(app).address))
jobs = Extension("jobs", lambda app: JobContext(config.of(app), db.of(app), row_store.of(app), broker.of(app)))
queue = Extension("queue", lambda app: DurableQueue(jobs.of(app)))


def init_app(app: Quart, settings: Settings) -> None:
    """Give this app its settings, connect the objects that call each other, and open and close them with the server."""
    app.extensions[config.name] = settings
    drain.of(app).on_begin(broker.of(app).close)
    db.of(app).queue, db.of(app).broker = queue.of(app), broker.of(app)

    @app.before_serving
    async def open_all() -> None:
        await asyncio.to_thread(migrations.upgrade, settings)
        await db.of(app).open()
        queue.of(app).open()
        queue.of(app).spawn(Schedule(jobs.of(app), queue.of(app)).run())
        queue.of(app).spawn(WebhookSender(jobs.of(app)).run())

    @app.after_serving
    async def close_all() -> None:
        await queue.of(app).close()
        await indexes.of(app).close()
        await db.of(app).close()
        hasher.of(app).close()
