"""A real Rowcast server in a separate process, and plain sockets to talk to it."""

import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.database import database_url

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0  # seconds for anything that should take a moment
ESTABLISHED, CLOSE_WAIT = "01", "08"  # in /proc/net/tcp
MAIN = """
import importlib, sys
from settings import Settings
from webapp.server import serve
module, name = sys.argv[1].split(":")
sys.exit(serve(Settings(_env_file=None), factory=getattr(importlib.import_module(module), name)))
"""


class Server:
    """`with Server("webapp:create_app", folder) as server:`; settings are keywords such as `database_readers="2"`.
    `descriptors` are the soft and the hard limit of open files that it starts with.
    """

    def __init__(
        self, factory: str, data_dir: Path, *, descriptors: tuple[int, int] | None = None, **settings: str
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"server-{time.monotonic_ns()}.log"
        given = {
            "database_url": database_url(data_dir),
            "data_dir": str(data_dir),
            "port": "0",
            "secret_key": "k" * 40,
            "graceful_timeout": "5",
            **settings,
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROWCAST_")}
        environment |= {f"ROWCAST_{name.upper()}": value for name, value in given.items()}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", MAIN, factory],
                cwd=ROOT,
                env=environment | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, descriptors)),
            )
        self.port = 0

    def __enter__(self) -> "Server":
        try:
            self.port = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> int:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline().decode() if readable else ""
        found = re.search(r"ready at http://[^ ]*:(\d+)/", line)
        assert found, f"The server did not start: {line!r}\n{self.log.read_text()}"
        return int(found[1])

    @property
    def pid(self) -> int:
        return self.process.pid

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = PATIENCE) -> int:
        return self.process.wait(timeout)

    def stop(self) -> int:
        """Ask, wait, kill. The process is gone afterwards in any case."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()

    def memory(self, kind: str = "VmRSS") -> int:
        """Bytes: `VmRSS` now, `VmHWM` at most."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{kind}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def connect(self, source: str = "127.0.0.1") -> "Wire":
        """From this address of the loopback network, each of which counts as another client."""
        return Wire(self.port, source)

    def descriptors(self) -> int:
        """How many the process has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sockets(self) -> int:
        """How many of its descriptors are connections; the database opens its own when they are needed."""
        folder, found = f"/proc/{self.pid}/fd", 0
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
        return found

    def waits_to_close(self) -> bool:
        """Whether a client has closed a connection that the server still has open (CLOSE_WAIT)."""
        return any(state == CLOSE_WAIT for _, state in self._connections())

    def is_connected_to(self, port: int) -> bool:
        """Whether the server still has its side of the connection with this port of a client open."""
        return (port, ESTABLISHED) in self._connections() or (port, CLOSE_WAIT) in self._connections()

    def _connections(self) -> list[tuple[int, str]]:
        """The port of each client, and the state of the server's side."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = [row for row in rows if row[1].endswith(f":{self.port:04X}")]
        return [(int(row[2].rpartition(":")[2], 16), row[3]) for row in ours]

    def get(self, path: str, **headers: str) -> "Answer":
        return self.ask("GET", path, **headers)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> "Answer":
        with self.connect() as wire:
            wire.send_head(method, path, **({"Content-Length": str(len(body))} if body else {}), **headers)
            if body:
                wire.send(body)
            return wire.answer()


class Answer:
    """A response as it arrived on the wire."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.is_whole = self._is_whole()
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = _unchunked(self.body)

    def _is_whole(self) -> bool:
        if self.headers.get("transfer-encoding") == "chunked":
            return self.body.endswith(b"0\r\n\r\n")
        return len(self.body) == int(self.headers.get("content-length", len(self.body)))


class Wire:
    """A raw connection, for behaviour that a test client hides."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_head(self, method: str, path: str, **headers: str) -> None:
        """Underscores in names become hyphens; the connection closes after the response unless told otherwise."""
        given = {"Host": f"localhost:{self.port}", "Connection": "close"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def send_chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to and including `mark`, or until the other side closes."""
        data = b""
        while mark not in data:
            piece = self.socket.recv(65536)
            if not piece:
                break
            data += piece
        return data

    def read_all(self) -> bytes:
        data = bytearray()
        while piece := self._receive():
            data += piece
        return bytes(data)

    def answer(self) -> Answer:
        return Answer(self.read_all())

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 20)
        except ConnectionResetError:
            return b""


def _unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        if not size or (length := int(size, 16)) == 0:
            break
        body, data = body + data[:length], data[length + 2 :]
    return body


def wait_for(condition: "object", timeout: float = PATIENCE) -> None:
    """Wait until `condition()` is true; waiting for a fixed time would fail on a busy machine."""
    assert callable(condition)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come true in {timeout} s"
        time.sleep(0.01)
