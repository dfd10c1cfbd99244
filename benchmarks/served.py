"""The real server with a signed-in person, for measurements over HTTP."""

import http.client
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

EMAIL, PASSWORD = "bench@example.org", "a password to measure with"


@dataclass(frozen=True)
class Served:
    pid: int
    port: int
    cookie: str

    @property
    def headers(self) -> str:
        return f"Cookie: {self.cookie}\r\n"

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        sent = {"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin", **headers}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()


def rowcast(*arguments: str, data: Path, cpu: int | None = None, module: str = "webapp") -> list[str]:
    """This checkout's command line, or another module of it, with its data in `data`."""
    pin = ["taskset", "-c", str(cpu)] if cpu is not None and shutil.which("taskset") else []
    return [
        *pin,
        "env",
        f"ROWCAST_DATA_DIR={data}",
        "ROWCAST_LOG_LEVEL=error",
        "ROWCAST_CONNECTIONS_PER_ADDRESS=4096",  # the whole load comes from one
        "ROWCAST_STREAMS_PER_PERSON=0",
        "ROWCAST_DOWNLOADS_PER_PERSON=0",
        sys.executable,
        "-m",
        module,
        *arguments,
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that listens on `port` until the end of the block."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, running)
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


@contextmanager
def serve(data: Path, cpu: int | None = None) -> Iterator[Served]:
    port = free_port()
    with process(rowcast("serve", "--port", str(port), data=data, cpu=cpu), port) as running:
        yield Served(running.pid, port, sign_in(port))


@contextmanager
def serve_changing(data: Path, port: int, cpu: int | None = None) -> Iterator[Served]:
    """With the route of `benchmarks.changing`."""
    with process(rowcast(str(port), data=data, cpu=cpu, module="benchmarks.changing"), port) as running:
        yield Served(running.pid, port, sign_in(port))


def register(data: Path) -> None:
    """Create the owner's account, as the first visitor."""
    with serve(data):
        pass


def sign_in(port: int, email: str = EMAIL) -> str:
    """Return the cookies of this person, whose account is created if there is none and registration allows it."""
    for path in ("/register", "/login"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        form = urlencode({"email": email, "password": PASSWORD, "confirmation": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        connection.request("POST", path, form, headers)
        answer = connection.getresponse()
        answer.read()
        cookies = [value.split(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        if answer.status == 303 and any("sign-in" in cookie for cookie in cookies):
            return "; ".join(cookies)
    raise RuntimeError("Could not sign in")


def _wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if running.poll() is not None:
            raise RuntimeError(f"The server ended with {running.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("The server does not listen")
