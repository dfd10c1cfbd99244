"""`python -m benchmarks.uploads [--files N]`: one person uploads thousands of small files, then another a single one.

Prints the time of an upload, the most threads and memory of the server, and when the other person's file was read.
"""

import argparse
import os
import re
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import imports, served, together
from benchmarks.measure import percentile, resident_mb, table

CLIENTS = 8
OTHER = "other@example.org"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uploads", description=__doc__)
    parser.add_argument("--files", type=int, default=4_000)
    files = parser.parse_args().files
    os.environ |= {"ROWCAST_IMPORTS_WAITING": "10000", "ROWCAST_REGISTRATION": "open"}
    with tempfile.TemporaryDirectory(prefix="rowcast-bench-") as folder:
        print(measure(Path(folder), files))


def measure(folder: Path, files: int) -> str:
    path = folder / "small.csv"
    path.write_text("number,name\n" + "".join(f"{number},name {number}\n" for number in range(20)))
    with served.serve(imports.fresh(folder / "data")) as server:
        other = served.Served(server.pid, server.port, served.sign_in(server.port, OTHER))
        most = _Most(server.pid)
        with ThreadPoolExecutor(CLIENTS) as clients:
            seconds = list(clients.map(lambda _: _upload(server, path), range(files)))
        started = time.perf_counter()
        import_id = together.upload(other, path)
        while "/start" not in other.request("GET", f"/tables/imports/{import_id}")[1].decode():
            time.sleep(0.02)
        waited = time.perf_counter() - started
        most.stop()
    found = [(files, 1000 * percentile(seconds, 0.5), 1000 * max(seconds), most.threads, most.memory, waited)]
    head = ("files", "an upload, p50 ms", "worst ms", "threads at most", "MB at most", "the other's preview after s")
    return table("Uploads of one person, and one of another", head, found)


def _upload(server: served.Served, path: Path) -> float:
    started = time.perf_counter()
    together.upload(server, path)
    return time.perf_counter() - started


class _Most:
    """Looks at a process ten times a second."""

    def __init__(self, pid: int) -> None:
        self.threads, self.memory = 0, 0.0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._end.wait(0.1):
            found = re.search(r"Threads:\s+(\d+)", Path(f"/proc/{self._pid}/status").read_text())
            self.threads = max(self.threads, int(found[1]) if found else 0)
            self.memory = max(self.memory, resident_mb(self._pid))

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


if __name__ == "__main__":
    main()
