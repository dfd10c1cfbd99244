"""Many connections that do nothing: how fast `/up` answers beside them, and what they take of the memory.

Half of them never send a request. The others ask for static files, many in advance, and never read an answer.
"""

import http.client
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import imports, served
from benchmarks.measure import Options, allow_files, percentile, resident_mb, table

EACH = 1000  # idle connections, and as many stalled ones
IN_ADVANCE = 10  # requests of each stalled one: about 370 kB of answers
PROBES = 1000


def measure(folder: Path, options: Options) -> str:
    allow_files(2 * EACH + 200)
    found = []
    with served.serve(imports.fresh(folder / "connections"), cpu=0) as server, ExitStack() as held:
        for name, count, requests in (("none", 0, 0), ("idle", EACH, 0), ("idle and stalled", EACH, IN_ADVANCE)):
            held.enter_context(_open(server, count, requests))
            _wait_until_calm(server.pid)
            seconds = list(_probe(server))
            times = [percentile(seconds, share) * 1000 for share in (0.5, 0.99)]
            found.append((name, *times, max(seconds) * 1000, resident_mb(server.pid)))
    head = ("other connections", "/up p50 ms", "p99 ms", "worst ms", "server MB")
    return table(f"{EACH:,} idle and {EACH:,} stalled connections", head, found)


@contextmanager
def _open(server: served.Served, count: int, requests: int) -> Iterator[None]:
    request = f"GET /static/vendor/htmx.min.js HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with ExitStack() as held:
        for _ in range(count):
            client = held.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(request * requests)
        yield


def _wait_until_calm(pid: int) -> None:
    """Until nothing is left to answer: the server takes less than a tenth of a second of processor time in one."""
    used, before = _cpu_seconds(pid), -1.0
    while used - before > 0.1:
        time.sleep(1)
        used, before = _cpu_seconds(pid), used


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _probe(server: served.Served) -> Iterator[float]:
    """Seconds of requests on new connections."""
    for _ in range(PROBES):
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/up")
        assert connection.getresponse().read() == b"up\n"
        connection.close()
        yield time.perf_counter() - started
