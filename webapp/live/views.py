"""What pages can watch: each feature registers its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Row, Select

from webapp.models import Actor


class LiveView(Protocol):
    """One thing that a page shows, for one reader. It is made during the request and used after it has ended."""

    @property
    def topics(self) -> Sequence[str]:
        """Whose events concern it."""
        ...

    @property
    def statement(self) -> Select[*tuple[Any, ...]]:
        """Its row as it is now; none if the reader may not see it."""
        ...

    def render_event(self, event: object) -> str | None:
        """The HTML of an event that needs no look at the row; else None."""
        ...

    def render_row(self, row: Row[Any]) -> str | None:
        """The HTML with which the stream is complete; None while the page is up to date."""
        ...


# Made from the actor and the arguments of the URL. Raises `NotFound`.
Factory = Callable[[Actor, Mapping[str, str]], Awaitable[LiveView]]

FACTORIES: dict[str, Factory] = {}


def register(name: str, factory: Factory) -> None:
    """`GET /live?name=...` streams what `factory` makes."""
    FACTORIES[name] = factory
