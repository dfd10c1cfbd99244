"""The shared objects: declared here without an app, made in `create_app()`, found through the app context.

Calling one gives the running app's own: `db()` is the `Database` of the app that answers this request, so
several apps with different settings live in one process. Streams and jobs outlive the app context: they take
the object itself before they begin.
"""

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from quart import Quart, current_app

from settings import Settings
from webapp.data.engines import Database

T = TypeVar("T")


class Extension(Generic[T]):
    """One object an app, made from its settings by `make`."""

    def __init__(self, name: str, make: Callable[[Settings], T]) -> None:
        self.name = f"rowcast.{name}"
        self.make = make

    def init_app(self, app: Quart, settings: Settings) -> T:
        made = app.extensions[self.name] = self.make(settings)
        return made

    def of(self, app: Quart) -> T:
        return cast(T, app.extensions[self.name])

    def __call__(self) -> T:
        """Raises RuntimeError outside an app context."""
        return cast(T, current_app.extensions[self.name])


config: Extension[Settings] = Extension("settings", lambda settings: settings)
db: Extension[Database] = Extension("database", Database)
