"""The shared objects: declared without an app, created for an app when it first uses them, found through its context.

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
from webapp.broker import Broker
from webapp.db import keys, migrations
from webapp.db.database import Database
from webapp.drain import Drain
from webapp.hashing import Hasher
from webapp.jobs import Indexes, JobContext, Jobs

T = TypeVar("T")


class Extension(Generic[T]):
    """One object per app, created from the app's settings by `make`. Each has a unique `name`."""

    def __init__(self, name: str, make: Callable[[Settings], T]) -> None:
        self.name = f"rowcast.{name}"
        self.make = make

    def of(self, app: Quart) -> T:
        return self._find(app.extensions)

    def __call__(self) -> T:
        """Raises RuntimeError outside an app context."""
        return self._find(current_app.extensions)

    def _find(self, extensions: dict[str, Any]) -> T:
        if self.name not in extensions:
            extensions[self.name] = self.make(extensions[config.name])
        return cast(T, extensions[self.name])


config: Extension[Settings] = Extension("settings", lambda settings: settings)
db: Extension[Database] = Extension("database", Database)
drain: Extension[Drain] = Extension("drain", lambda settings: Drain())
hasher: Extension[Hasher] = Extension("hasher", Hasher)
sealer: Extension[MultiFernet] = Extension("sealer", keys.sealer)
broker: Extension[Broker] = Extension("broker", lambda settings: Broker())
jobs: Extension[Jobs] = Extension("jobs", Jobs)
indexes: Extension[Indexes] = Extension("indexes", Indexes)


def init_app(app: Quart, settings: Settings) -> None:
    """Give this app its settings, connect the objects that call each other, and open and close them with the server."""
    app.extensions[config.name] = settings
    drain.of(app).on_begin(broker.of(app).close)
    db.of(app).queue, db.of(app).broker = jobs.of(app), broker.of(app)

    @app.before_serving
    async def open_all() -> None:
        await asyncio.to_thread(migrations.upgrade, settings)
        await db.of(app).open()
        await jobs.of(app).open(JobContext(settings, db.of(app), broker.of(app)))

    @app.after_serving
    async def close_all() -> None:
        await jobs.of(app).close()
        await indexes.of(app).close()
        await db.of(app).close()
        hasher.of(app).close()
