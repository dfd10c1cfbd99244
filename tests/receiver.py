"""A receiver of webhooks in a process of its own, which does what a file tells it and writes down what it was sent.

`Receiver(folder)` is used as a context; `behave("fail")` changes what it does from the next request on.
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import ROOT, wait_for

# Written as a program of its own: it has to run without Rowcast, and to be killed.
PROGRAM = r"""
import json, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

folder, port = Path(sys.argv[1]), int(sys.argv[2])
lock = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        how = (folder / "behave").read_text()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock, (folder / "received").open("a") as log:
            log.write(json.dumps([how, dict(self.headers), body.decode()]) + "\n")
        name, _, argument = how.partition(" ")
        if name == "never":
            time.sleep(3600)
        elif name == "huge":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            try:
                for _ in range(1 << 14):
                    self.wfile.write(b"x" * (1 << 16))
            except OSError:
                pass
            (folder / "gave-up").touch()
        elif name == "drip":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            except OSError:
                pass
        elif name == "garbage":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            self.close_connection = True
        elif name == "slow":
            time.sleep(float(argument))
            self.answer(200, b"thanks")
        elif name == "redirect":
            self.answer(302, b"", ("Location", argument))
        elif name == "later":
            self.answer(503, b"busy", ("Retry-After", argument))
        else:
            self.answer(int(name), argument.encode() or b"thanks")

    def answer(self, status, text, *headers):
        self.send_response(status)
        for header in headers:
            self.send_header(*header)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

with Server(("127.0.0.1", port), Handler) as server:
    (folder / "ready").touch()
    server.serve_forever()
"""


class Receiver:
    """Listens on loopback, on one port for ever: it can die and come back."""

    def __init__(self, folder: Path, how: str = "200") -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "received").touch()
        self.behave(how)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=rowcast"

    def __enter__(self) -> "Receiver":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.die()

    def start(self) -> None:
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-c", PROGRAM, str(self.folder), str(self.port)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        wait_for(ready.exists)

    def die(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def behave(self, how: str) -> None:
        """`200`, `500 text`, `never`, `huge`, `drip`, `garbage`, `slow 0.5`, `redirect URL`, `later 7`."""
        new = self.folder / "behave.new"
        new.write_text(how)
        new.replace(self.folder / "behave")

    def requests(self) -> list[tuple[str, dict[str, str], str]]:
        """What it did, the headers with names in lower case, and the body as it came."""
        whole, _, _ = (self.folder / "received").read_text().rpartition("\n")  # the last line may be half written
        found = (json.loads(line) for line in whole.splitlines())
        return [(how, {name.lower(): value for name, value in head.items()}, body) for how, head, body in found]

    def messages(self) -> list[dict[str, Any]]:
        """The bodies of those that it took."""
        return [json.loads(body) for how, _, body in self.requests() if how.startswith(("200", "slow"))]

    def seqs(self) -> list[int]:
        """The numbers of the changes that it took, in the order in which they came."""
        return [change["seq"] for message in self.messages() for change in message["changes"]]

    def wait_for(self, count: int, timeout: float = 60.0) -> None:
        """Until there were so many requests."""
        deadline = time.monotonic() + timeout
        while len(self.requests()) < count:
            assert time.monotonic() < deadline, f"{len(self.requests())} requests of {count}"
            time.sleep(0.02)


async def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Wait for something that the event loop of this process has a part in."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  (the other process sets no event)
            await asyncio.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
