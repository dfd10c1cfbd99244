"""The shared objects: declared here without an app, created in `create_app()`, looked up through the app context.

Calling one returns the current app's object: `db()` is the `Database` of the app that serves this request, so several
apps with different settings can share a process. Streams and jobs outlive the app context, so they fetch the object
itself before they start.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from cryptography.fernet import MultiFernet
from quart import Quart, current_app

from settings import Settings
from webapp.broker import Broker, InProcessBroker
from webapp.db import keys, migrations
from webapp.db.database import Database
from webapp.drain import Drain
from webapp.hashing import Hasher
from webapp.jobs import DurableQueue, Indexes, JobContext
from webapp.jobs.schedule import Schedule
from webapp.rowstore import create_store
from webapp.rowstore.store import RowStore

T = TypeVar("T")


class Extension(Generic[T]):
    """One object per app, created by `make`."""

    def __init__(self, name: str, make: Callable[..., T]) -> None:
        self.name = f"rowcast.{name}"
        self.make = make

    def init_app(self, app: Quart, *args: Any) -> T:
        """Create it from the settings, or from whatever else `make` takes."""
        made: T = self.make(*args)
        app.extensions[self.name] = made
        return made

    def of(self, app: Quart) -> T:
        return cast(T, app.extensions[self.name])

    def __call__(self) -> T:
        """Raises RuntimeError outside an app context."""
        return cast(T, current_app.extensions[self.name])


config: Extension[Settings] = Extension("settings", lambda settings: settings)
db: Extension[Database] = Extension("database", Database)
drain: Extension[Drain] = Extension("drain", lambda settings: Drain())
hasher: Extension[Hasher] = Extension("hasher", Hasher)
sealer: Extension[MultiFernet] = Extension("sealer", keys.sealer)
broker: Extension[Broker] = Extension("broker", lambda settings: InProcessBroker())
row_store: Extension[RowStore] = Extension("row_store", create_store)
indexes: Extension[Indexes] = Extension("indexes", Indexes)
jobs: Extension[JobContext] = Extension("jobs", JobContext)
queue: Extension[DurableQueue] = Extension("queue", DurableQueue)

INDEPENDENT: tuple[Extension[Any], ...] = (config, drain, db, hasher, sealer, broker)


def init_app(app: Quart, settings: Settings) -> None:
    """Create each object for this app. Those that need opening are opened when it starts serving."""
    for extension in INDEPENDENT:
        extension.init_app(app, settings)
    store = row_store.init_app(app, db.of(app))
    indexes.init_app(app, store.address)
    context = jobs.init_app(app, settings, db.of(app), store, broker.of(app))
    queue.init_app(app, context)
    drain.of(app).on_begin(broker.of(app).close)
    db.of(app).queue, db.of(app).broker = queue.of(app), broker.of(app)

    @app.before_serving
    async def open_all() -> None:
        await asyncio.to_thread(migrations.upgrade, settings)
        await db.of(app).open()
        queue.of(app).open()
        queue.of(app).spawn(Schedule(context, queue.of(app)).run())

    @app.after_serving
    async def close_all() -> None:
        await queue.of(app).close()
        await indexes.of(app).close()
        await db.of(app).close()
        hasher.of(app).close()
