"""The path of a page, by its endpoint: for templates, live streams and whatever builds many links for one page."""

from typing import Any

from quart import Quart

from webapp.extensions import Extension

MAX_KEPT = 4096  # paths
MAX_TEXT = 100  # characters of a value whose path is kept


class Paths:
    """Builds paths without a request: never a host, nor what a proxy puts in front.

    The routes of an application are fixed once it serves, so a path depends on its endpoint and values alone. Paths are
    kept: a page of a table has thirty, and building one takes 10 µs.
    """

    def __init__(self, app: Quart) -> None:
        self._adapter = app.url_map.bind("localhost")
        self._kept: dict[tuple[Any, ...], str] = {}

    def to(self, endpoint: str, **values: Any) -> str:
        """Values that are None are left out. Raises werkzeug's BuildError if there is no such page."""
        if not all(map(_is_short, values.values())):
            return self._build(endpoint, values)
        key = (endpoint, *values.items())
        if (path := self._kept.get(key)) is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            path = self._kept[key] = self._build(endpoint, values)
        return path

    def _build(self, endpoint: str, values: dict[str, Any]) -> str:
        return self._adapter.build(endpoint, {name: value for name, value in values.items() if value is not None})


def _is_short(value: Any) -> bool:
    """Of types whose equal values have the same path, which is not so of 1 and True."""
    return type(value) is int or value is None or (type(value) is str and len(value) <= MAX_TEXT)


paths = Extension("paths", Paths)
