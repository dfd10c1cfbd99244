"""The path of a page, by its endpoint: for templates, live streams and whatever builds many links for one page."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from quart import Quart

from webapp.extensions import Extension

MAX_KEPT = 4096  # paths
MAX_TEXT = 100  # characters of a value whose path is kept


@dataclass(frozen=True, slots=True)
class Mount:
    """Pages of one subject at other addresses: the request at hand came by these, and all that its answer leads to is
    below them, too.

    `endpoints` has the other endpoint for each one; `subject` the values of the first that are not needed for the
    second, which takes `values` instead.
    """

    endpoints: Mapping[str, str]
    subject: Mapping[str, Any]
    values: Mapping[str, Any]

    def place(self, endpoint: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Raises `NotMounted` for a page of the subject that is not there."""
        if values.keys().isdisjoint(self.subject):
            return endpoint, values
        if endpoint not in self.endpoints:
            raise NotMounted(endpoint)
        for name, value in self.subject.items():
            if values.get(name, value) != value:
                raise NotMounted(endpoint)
        left = {name: value for name, value in values.items() if name not in self.subject}
        return self.endpoints[endpoint], {**self.values, **left}


class NotMounted(LookupError):
    """A page leads to one that its reader has no address of: a mistake of ours."""


mount: ContextVar[Mount | None] = ContextVar("mount", default=None)


class Paths:
    """Builds paths without a request: never a host, nor what a proxy puts in front.

    The routes of an application are fixed once it serves, so a path depends on its endpoint and values alone, after the
    `Mount` of the request at hand has changed them. Paths are kept: a page of a table has thirty, and building one
    takes 10 µs.
    """

    def __init__(self, app: Quart) -> None:
        self._adapter = app.url_map.bind("localhost")
        self._kept: dict[tuple[Any, ...], str] = {}

    def to(self, endpoint: str, **values: Any) -> str:
        """Values that are None are left out. Raises werkzeug's BuildError if there is no such page."""
        if (mounted := mount.get()) is not None:
            endpoint, values = mounted.place(endpoint, values)
        if not all(map(_is_short, values.values())):
            return self._build(endpoint, values)
        key = (endpoint, *values.items())
        if (path := self._kept.get(key)) is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            path = self._kept[key] = self._build(endpoint, values)
        return path

    def leads_to(self, endpoint: str) -> bool:
        """Whether there is such a page of the subject of the request at hand for whoever asks."""
        return (mounted := mount.get()) is None or endpoint in mounted.endpoints

    def _build(self, endpoint: str, values: dict[str, Any]) -> str:
        return self._adapter.build(endpoint, {name: value for name, value in values.items() if value is not None})


def _is_short(value: Any) -> bool:
    """Of types whose equal values have the same path, which is not so of 1 and True."""
    return type(value) is int or value is None or (type(value) is str and len(value) <= MAX_TEXT)


paths = Extension("paths", Paths)


def url_for(endpoint: str, **values: Any) -> str:
    """The same for views. Raises as `Paths.to`."""
    return paths().to(endpoint, **values)
