"""What pages can watch: each feature registers its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select

from webapp.models import Actor


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

FACTORIES: dict[str, Factory] = {}


def register(name: str, factory: Factory) -> None:
    """`GET /live?name=...` streams what `factory` makes."""
    FACTORIES[name] = factory
