"""A separate Redis server, without persistence."""

import socket
import subprocess
from pathlib import Path
from types import TracebackType

from tests.servers import PATIENCE, wait_for


class RedisServer:
    """`with RedisServer(folder) as redis:`; it can be stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
        )
        wait_for(lambda: self.ask(b"PING") == b"+PONG")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def ask(self, *arguments: bytes) -> bytes:
        """Send a command; return the first line of the response, or nothing if there is none."""
        parts = b"".join(b"$%d\r\n%s\r\n" % (len(argument), argument) for argument in arguments)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"*%d\r\n%s" % (len(arguments), parts))
                return connection.recv(65536).partition(b"\r\n")[0]
        except OSError:
            return b""

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
