"""Measuring: processes with their peak memory, a bounded HTTP load, medians, and the printed tables."""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    rows: int
    runs: int
    streams: int
    waits_for_search: bool
    people: int = 0


@dataclass(frozen=True)
class Run:
    seconds: float
    peak_mb: float


# A process begins with the peak of the one that starts it, so that is a small one, not this.
_LAUNCHER = """
import os, resource, sys, time
started = time.perf_counter()
status = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)[1])
seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], "w").write(f"{status} {seconds} {peak}")
"""


def run(command: Sequence[str], **environment: str) -> Run:
    """Wall-clock seconds and peak resident megabytes: of the largest process among the command and its children.

    Peaks below that of a bare Python, 8 MB, are not told apart.
    """
    with tempfile.NamedTemporaryFile("r") as report:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, report.name, *command]
        subprocess.run(launcher, check=True, env={**os.environ, **environment})
        status, seconds, peak = report.read().split()
    if status != "0":
        raise RuntimeError(f"{' '.join(command)} ended with {status}")
    return Run(float(seconds), int(peak) / 1024)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """The median, and in parentheses the lowest and the highest of several runs."""
    if len(values) == 1:
        return _cell(values[0])
    return f"{_cell(median(values))} ({_cell(min(values))} to {_cell(max(values))})"


def cpu_seconds(pid: int) -> float:
    """That a process has used so far, in user and system mode: what others do on the machine does not count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_threads(pid: int) -> float:
    """The same of the threads that it has now, to a millionth of a second instead of a hundredth."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Keep this process, which makes the load, off the core of the server, where there are two."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) <= number:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident_mb(pid: int, *, peak: bool = False) -> float:
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def children(pid: int) -> list[int]:
    """The processes that `pid` has started, and theirs."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    own = [int(child) for path in threads for child in path.read_text().split()]
    return own + [descendant for child in own for descendant in children(child)]


def allow_files(number: int) -> None:
    """Let this process and the server it starts have so many files open: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))


class Connection:
    """A plain socket client, which costs far less than the server it measures. Kept until the server closes it."""

    def __init__(self, port: int, headers: str) -> None:
        self.port, self.headers = port, headers
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def get(self, path: str) -> float:
        """Seconds until the last byte. Raises on any status but 200."""
        return await self._send("GET", path)

    async def post(self, path: str, body: str) -> float:
        """The same."""
        data = body.encode()
        return await self._send("POST", path, f"Content-Length: {len(data)}\r\n", data)

    async def _send(self, method: str, path: str, headers: str = "", body: bytes = b"") -> float:
        started = time.perf_counter()
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{self.headers}{headers}\r\n"
        self._writer.write(head.encode() + body)
        found = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not found.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{path}: {found.splitlines()[0].decode()}")
        await _body(self._reader, found)
        if b"connection: close" in found:
            self._close()
        return time.perf_counter() - started

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


async def load(port: int, path: str, headers: str, connections: int, requests: int) -> tuple[float, list[float]]:
    """`requests` GETs over `connections` connections: requests a second, and the seconds of each."""
    left = requests
    took: list[float] = []

    async def client() -> None:
        nonlocal left
        async with Connection(port, headers) as connection:
            while left > 0:
                left -= 1
                took.append(await connection.get(path))

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return requests / (time.perf_counter() - started), took


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"content-length:" in head:
        return await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, as `docs/performance.md` has them."""
    lines = [f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join([*lines, ""])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
