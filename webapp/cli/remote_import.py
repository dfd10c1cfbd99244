"""A file of this machine that goes into a table on another server: sent, watched until it is through, or cancelled."""

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from webapp.cli.remote import Refused, RemoteServer, Unreachable
from webapp.db.errors import UserError

BLOCK = 256 * 1024  # bytes
PASSES = 3  # over the file: it is sent, read, and loaded or compared
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two looks at an import
PATIENCE = 300.0  # seconds in which the server says nothing of the import
CANCELLED = "Cancelled. Nothing was imported."
WAITING = "\nWaiting for the server's answer, to cancel the import there. Ctrl-C once more does not wait.\n"
RUNNING = ("inspecting", "loading", "comparing", "updating")
COUNTED = (
    "rows", "table_rows", "added", "changed", "cells", "same", "missing", "removed", "marked", "left_out", "refused",
    "conflicts", "loses_most",
)  # fmt: skip

Advance = Callable[[int, int], None]  # (bytes of all passes over the file, rows)
Document = dict[str, Any]


class HeldInterrupt:
    """Ctrl-C while the server's answer is awaited counts once it is there: only it says what is to be cancelled.
    Pressed again, it interrupts at once. For the main thread.
    """

    def __init__(self) -> None:
        self.is_held = self._is_pressed = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self._press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def hold(self) -> None:
        self.is_held = True

    def release(self) -> None:
        """Raises KeyboardInterrupt if it was pressed meanwhile."""
        self.is_held = False
        if self._is_pressed:
            raise KeyboardInterrupt

    def _press(self, number: int, frame: FrameType | None) -> None:
        if not self.is_held or self._is_pressed:
            raise KeyboardInterrupt
        self._is_pressed = True
        os.write(2, WAITING.encode())  # not by a stream: what is interrupted may be writing to it


class RemoteImport:
    """One file. `advance` is told how far it is."""

    def __init__(self, server: RemoteServer, file: Path, advance: Advance) -> None:
        self._server, self._file, self._advance = server, file, advance
        self._size = file.stat().st_size
        self._seen_at = time.monotonic()  # when the server last said how far the import is
        self._interrupt = HeldInterrupt()

    def as_new(self, title: str | None, order: str | None) -> int:
        """Return the id of the new table. Raises `Refused`, `Unreachable`, and UserError with the server's reason."""
        with self._interrupt.watch():
            begun = self._send("/imports", {"title": title, "order": order, "start": "true"})
            return int(self._finish(begun)["table_id"])

    def into(self, table_id: int, *, is_dry: bool, wanted: Mapping[str, Any]) -> Document:
        """What was changed; if it `is_dry` what would be. `wanted` are parameters, None for those not given. Raises the
        same.
        """
        with self._interrupt.watch():
            begun = self._send(f"/tables/{table_id}/imports", {**wanted, "start": "false" if is_dry else "true"})
            found = self._compared(begun) if is_dry else self._finish(begun)
        return {name: found["plan"][name] for name in COUNTED} | {"table": table_id, "dry_run": is_dry}

    def _send(self, path: str, parameters: Mapping[str, Any]) -> Document:
        given = [("filename", self._file.name.encode(errors="surrogateescape").decode(errors="replace"))]
        for name, value in parameters.items():
            given += [(name, str(each)) for each in (value if isinstance(value, tuple) else (value,)) if each]
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(self._size),
            "Idempotency-Key": str(uuid.uuid4()),
        }
        try:
            return self._server.ask("POST", path, given, content=self._blocks(), headers=headers)
        except KeyboardInterrupt:
            text = "The server has not answered: it may import the file." if self._interrupt.is_held else CANCELLED
            raise UserError(text) from None

    def _blocks(self) -> Iterator[bytes]:
        sent = 0
        with self._file.open("rb") as file:
            while block := file.read(min(BLOCK, self._size - sent)):
                sent += len(block)
                if sent == self._size:  # with this block the server has all that it needs
                    self._interrupt.hold()
                yield block
                self._advance(sent, 0)

    def _finish(self, begun: Document) -> Document:
        found = self._wait(begun)
        if found["state"] == "done":
            return found
        self._give_up(found)
        raise UserError(found["failure"] or "The import was cancelled.")

    def _compared(self, begun: Document) -> Document:
        found = self._wait(begun)
        self._give_up(found)
        if found["plan"] is None:
            told = "It is not clear how this file is laid over the table: say --key, or --mode."
            raise UserError(found["failure"] or told)
        return found

    def _wait(self, found: Document) -> Document:
        """Until nothing is done to it any more. Ctrl-C cancels it."""
        try:
            self._interrupt.release()
            pause = FIRST_PAUSE
            while found["state"] in RUNNING:
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 1.5)
                found = self._look(found)
                self._show(found)
        except KeyboardInterrupt:
            raise UserError(self._cancelled(found)) from None
        except Unreachable as error:
            raise Unreachable(f"{error} The import goes on there; its number is {found['id']}.") from error
        return found

    def _look(self, found: Document) -> Document:
        try:
            shown = self._server.ask("GET", f"/imports/{found['id']}")
            self._seen_at = time.monotonic()
            return shown
        except Refused as refused:
            is_passing = refused.status in (408, 429) or refused.status >= 500  # the server starts again, say
            if not is_passing or time.monotonic() - self._seen_at > PATIENCE:
                raise UserError(f"{refused} The import goes on there; its number is {found['id']}.") from refused
            time.sleep(refused.after or LONGEST_PAUSE)
            return found

    def _show(self, found: Document) -> None:
        if progress := found["progress"]:
            done, total = progress["rows"], progress["total_rows"]
            share = done / total if total else progress["bytes"] / max(1, progress["size"])
            passes = 1 if found["state"] == "inspecting" else 2
            self._advance(int((passes + min(1.0, share)) * self._size), done)

    def _cancelled(self, found: Document) -> str:
        """What to say after Ctrl-C."""
        try:
            self._server.ask("POST", f"/imports/{found['id']}/cancel")
        except Refused as refused:
            return str(refused)
        except (Unreachable, KeyboardInterrupt):
            return f"It could not be cancelled: the import goes on there; its number is {found['id']}."
        return CANCELLED

    def _give_up(self, found: Document) -> None:
        """Leave nothing behind that waits for a decision."""
        if found["state"] == "ready":
            self._server.ask("POST", f"/imports/{found['id']}/cancel")
