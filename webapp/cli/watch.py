"""Follows the changes of a table on another server, across its restarts, without a gap."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from secrets import SystemRandom
from typing import NamedTuple

from webapp.cli.remote import Refused, RemoteServer, Unreachable
from webapp.cli.remote_rows import lines
from webapp.db.errors import UserError

EVENTS = "text/event-stream"
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before connecting again


class Message(NamedTuple):
    event: str
    id: str
    data: bytes


class Follower:
    """`after` is the change up to which the reader knows the table; None: only what happens from now on."""

    def __init__(
        self,
        server: RemoteServer,
        table_id: int,
        after: int | None,
        say: Callable[[str], None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server, self._table_id, self._say, self._wait = server, table_id, say, wait
        self._after = after
        self._next_wait = FIRST_WAIT
        self._has_connected = False

    def changes(self) -> Iterator[bytes]:
        """Each change as a JSON object, and `{"reset": true, "seq": 12}` where the log does not have them all.

        Ends only by an error: UserError if the table is gone, or may not be read any more; if the first connection
        fails, that of the connection.
        """
        if self._after is None:
            self._after = int(self._server.table(self._table_id)["seq"])
        while True:
            try:
                yield from self._connection()
            except (Unreachable, Refused) as error:
                if not self._is_passing(error):
                    raise
                self._say(f"{error} Trying again.")
                asked = error.after if isinstance(error, Refused) else None
                self._pause(asked or 0.0)
            else:
                self._pause()

    def _connection(self) -> Iterator[bytes]:
        path, after = f"/tables/{self._table_id}/changes", str(self._after)
        headers = {"Last-Event-ID": after, "Accept-Encoding": "identity"}
        with self._server.stream(path, [("after", after)], EVENTS, headers) as answer:
            self._has_connected = True
            for message in messages(answer.iter_raw()):
                self._next_wait = FIRST_WAIT
                yield from self._lines(message)
                if message.id.isdecimal():  # once its reader has the change
                    self._after = int(message.id)

    def _lines(self, message: Message) -> Iterator[bytes]:
        match message.event:
            case "message":
                yield message.data
            case "refresh":
                yield json.dumps({"reset": True, "seq": int(message.id)}).encode()
            case "deleted":
                raise UserError("The table was deleted.")
            case "access" if json.loads(message.data).get("role") == "none":
                raise UserError("You, or this token, may not read the table any more.")

    def _is_passing(self, error: Unreachable | Refused) -> bool:
        if isinstance(error, Refused) and error.status < 500 and error.status not in (408, 429):
            return False
        return self._has_connected

    def _pause(self, at_least: float = 0.0) -> None:
        """Not all at once, after a restart of the server."""
        self._wait(max(at_least, self._next_wait * SystemRandom().uniform(0.5, 1)))
        self._next_wait = min(2 * self._next_wait, LONGEST_WAIT)


def messages(blocks: Iterable[bytes]) -> Iterator[Message]:
    """The messages of a stream of server-sent events; one that is not whole is none."""
    fields: dict[bytes, bytes] = {}
    for line in lines(blocks):
        if line := line.removesuffix(b"\r"):
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        elif fields:
            event, number = fields.get(b"event", b"message"), fields.get(b"id", b"")
            yield Message(event.decode(errors="replace"), number.decode(errors="replace"), fields.get(b"data", b""))
            fields = {}
