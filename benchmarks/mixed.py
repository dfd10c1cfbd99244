"""`python -m benchmarks.mixed [--full]`: clients that do different things at once, for several rounds.

Prints the requests and errors of each round, and the memory and threads of the server after it: what it takes must not
grow from round to round. `--full` is 200 clients for five rounds of a minute; without it, 20 for two of five seconds.
"""

import argparse
import asyncio
import random
import re
import tempfile
import time
from pathlib import Path

from benchmarks import data, imports, served, together
from benchmarks.measure import Connection, allow_files, percentile, resident_mb, table

ROWS = 20_000
PATHS = (
    "/up",
    "/dashboard",
    "/tables/1",
    "/tables/1?q=an",
    "/tables/1?sort=-2",
    "/tables/1/rows/7",
    "/account/devices",
)
DOWNLOAD, DOWNLOAD_SHARE = "/tables/1/export?format=csv", 0.01  # of the requests
PAUSE = 0.2  # seconds between two requests of a client, on average


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed", description=__doc__)
    parser.add_argument("--full", action="store_true", help="200 clients, five rounds of a minute")
    clients, rounds, seconds = (200, 5, 60.0) if parser.parse_args().full else (20, 2, 5.0)
    with tempfile.TemporaryDirectory(prefix="rowcast-bench-") as folder:
        print(measure(Path(folder), clients, rounds, seconds))


def measure(folder: Path, clients: int, rounds: int, seconds: float) -> str:
    allow_files(clients + 200)
    path = data.generated(folder / f"rows-{ROWS}.csv", ROWS)
    found = []
    with served.serve(imports.fresh(folder / "data")) as server:
        together._import(server, path, wait=True)
        for number in range(1, rounds + 1):
            times, errors = asyncio.run(_round(server, clients, seconds))
            threads = re.search(r"Threads:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
            p99 = 1000 * percentile(times, 0.99)
            found.append((number, len(times), errors, p99, resident_mb(server.pid), int(threads[1]) if threads else 0))
    head = ("round", "answers", "errors", "p99 ms", "server MB", "threads")
    return table(f"{clients} clients that do different things, {rounds} rounds of {seconds:.0f} s", head, found)


async def _round(server: served.Served, clients: int, seconds: float) -> tuple[list[float], int]:
    """Seconds of each answer, and how many requests were answered by an error or not at all."""
    end = time.monotonic() + seconds
    found = await asyncio.gather(*(_client(server, number, end) for number in range(clients)))
    return [each for times, _ in found for each in times], sum(errors for _, errors in found)


async def _client(server: served.Served, seed: int, end: float) -> tuple[list[float], int]:
    choices, times, errors = random.Random(seed), list[float](), 0
    async with Connection(server.port, server.headers) as connection:
        while time.monotonic() < end:
            path = DOWNLOAD if choices.random() < DOWNLOAD_SHARE else choices.choice(PATHS)
            try:
                times.append(await connection.get(path))
            except (RuntimeError, OSError, EOFError):
                errors += 1
            await asyncio.sleep(2 * PAUSE * choices.random())
    return times, errors


if __name__ == "__main__":
    main()
