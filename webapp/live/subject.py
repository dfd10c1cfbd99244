"""What can be watched: a feature describes it as a `Subject`, at which the hub looks once for all who watch."""

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Connection

from webapp.models import Actor

PING = b"event: ping\ndata: x\n\n"
# Tells the page that the stream is complete; without it the client would reconnect forever.
DONE = b"event: done\ndata: x\n\n"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")  # not splitlines(), which also splits at U+2028 and others


@lru_cache(maxsize=8)
def message_of(html: str, *, is_last: bool = False) -> bytes:
    """An unnamed message: htmx places its parts. Many streams send the same one."""
    message = "".join(f"data: {line}\n" for line in _LINE_ENDS.split(html)) + "\n"
    return message.encode() + (DONE if is_last else b"")


class Delivery(NamedTuple):
    """What a stream sends next, and where it is then. Equal streams get the same object."""

    data: bytes
    cursor: Any
    is_complete: bool = False  # whether the stream has nothing more to say


class Subject(ABC):
    """One thing that pages show, such as a table. Everything but `read` and `readers` runs on the event loop.

    A stream has an *audience*, which is all that its messages depend on, and a *cursor*, which says what it has.
    """

    topics: Sequence[str]  # whose events concern it
    is_gone = False  # whether it does not exist any more; then what `deliver` returns is complete
    revoked: ClassVar[bytes] = b""  # the last message to those who may not see it any more

    @abstractmethod
    def readers(self, connection: Connection, actors: Iterable[Actor]) -> Mapping[int, str]:
        """Which of these people may see it now, by id, and what they are to it. Runs in a thread."""

    @abstractmethod
    def read(self, connection: Connection) -> Any:
        """What is new in the database. Runs in a thread, on the same snapshot as `readers`."""

    @abstractmethod
    def take(self, found: Any) -> bool:
        """Take in what `read` returned, perhaps for the second time. Whether there is anything to send."""

    @abstractmethod
    def notice(self, event: object) -> bool:
        """Take in an event. Whether the database has to be looked at."""

    @abstractmethod
    async def deliver(self, audience: Hashable, cursor: Any) -> Delivery:
        """What a stream at `cursor` has not got. Called once for all streams that are equal in both."""

    def begin(self, cursor: Any) -> tuple[bytes, Any]:
        """The first message of a stream that asks to begin at `cursor`, and where it does."""
        return PING, cursor

    def role_changed(self, role: str) -> bytes:
        """Told to somebody who is now something else to it."""
        return b""

    def came(self, actor: Actor) -> None:  # noqa: B027  (most subjects do not care)
        """A stream of this person has begun."""

    def went(self, actor: Actor) -> None:  # noqa: B027
        """A stream of this person has ended."""

    def tick(self) -> bool:
        """Called every few seconds, and soon after somebody came or went. Whether there is anything to send."""
        return False
