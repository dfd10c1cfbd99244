"""Reads the stream of a table from a real server, as a browser does."""

import json
import socket
import time
from contextlib import closing, suppress
from typing import Any

from tests.browser.people import Cookies
from tests.database import connect
from tests.servers import PATIENCE, Server, Wire


def cookie_of(cookies: Cookies) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies)


class TableEvents:
    """An open stream; `last_id` is what a browser would send when it connects again."""

    def __init__(self, server: Server, cookies: Cookies, table_id: int, **headers: str) -> None:
        self.wire: Wire = server.connect()
        self.wire.send_head("GET", f"/live?table={table_id}", Cookie=cookie_of(cookies), **headers)
        head = self.wire.read_until(b"\r\n\r\n")
        if not head:  # the server is gone
            self.wire.close()
            raise EOFError
        assert b" 200 " in head.split(b"\r\n")[0], head
        self.last_id: int | None = None
        self._data, self._lines = head.partition(b"\r\n\r\n")[2], list[str]()
        self.has_ended = False

    def next(self, *names: str) -> tuple[str, int | None, Any]:
        """Name, id and data of the next message with one of these names, by default a change set.

        A stream without news goes on for ever: it gets pings.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            event, number, data = self._read()
            if event in (names or ("message",)):
                return event, number, data
        raise AssertionError(f"no {' or '.join(names or ('message',))} in {PATIENCE:.0f} s")

    def ids(self, count: int) -> list[int | None]:
        return [self.next()[1] for _ in range(count)]

    def until_end(self) -> list[str]:
        """The names of the messages until the server ends the stream."""
        names = []
        with suppress(EOFError):
            while True:
                names.append(self._read()[0])
        return names

    def close(self) -> None:
        self.wire.close()

    def _read(self) -> tuple[str, int | None, Any]:
        fields: dict[str, str] = {}
        while True:
            line = self._line()
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                break
        if "id" in fields:
            self.last_id = int(fields["id"])
        data = fields["data"]
        number = int(fields["id"]) if "id" in fields else None
        return fields.get("event", "message"), number, json.loads(data) if data != "x" else None

    def _line(self) -> str:
        """Without the sizes of chunks: a chunk is whole messages, and no line of a message is only a number."""
        while not self._lines:
            *chunks, self._data = _chunks(self._data)  # the first may have come with the head
            for chunk in chunks:
                self._lines += chunk.decode().split("\n")[:-1]
            if not self._lines:
                self._receive()
        return self._lines.pop(0)

    def _receive(self) -> None:
        piece = b""
        with suppress(ConnectionResetError, socket.timeout):
            piece = self.wire.socket.recv(65536)
        if not piece:
            self.has_ended = True
            raise EOFError
        self._data += piece


def _chunks(data: bytes) -> list[bytes]:
    """The whole chunks, and what is left."""
    found = []
    while b"\r\n" in data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if len(rest) < length + 2:
            break
        if length:
            found.append(rest[:length])
        data = rest[length + 2 :]
        if not length:
            break
    return [*found, data]


def add_member(server: Server, table_id: int, email: str, role: str = "editor") -> None:
    with closing(connect(server.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO table_members (table_id, user_id, role, added_at)"
            " SELECT ?, id, ?, '2026-11-22 12:00:00' FROM users WHERE email = ?",
            (table_id, role, email),
        )


def change(server: Server, cookies: Cookies, table_id: int, **what: Any) -> int:
    """Through the route of `tests.live.apps`; returns the number of the change set."""
    answer = server.ask(
        "POST",
        f"/changes/{table_id}",
        json.dumps(what).encode(),
        Content_Type="application/json",
        Cookie=cookie_of(cookies),
        Sec_Fetch_Site="same-origin",
    )
    assert answer.status == 200, answer.body.decode()
    return int(json.loads(answer.body)["seq"])


def execute(server: Server, sql: str, *values: Any) -> None:
    with closing(connect(server.data_dir / "rowcast.db")) as connection:
        connection.execute(sql, values)
