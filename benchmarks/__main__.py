"""`python -m benchmarks [NAME ...] [--rows N] [--runs N]`: measures and prints Markdown tables.

Every ratio has its baseline measured in the same run. Needs `uv sync --group bench`, about 3 GB of disk and, for a
million rows, some ten minutes. The server is pinned to one core and the load to another where there are two.
"""

import argparse
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import exports, imports, live, pages, throughput, together

SECTIONS = {
    "imports": imports.measure,
    "pages": pages.measure,
    "throughput": throughput.measure,
    "exports": exports.measure,
    "together": together.measure,
    "live": live.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[[], *SECTIONS], default=[], metavar="NAME", help=", ".join(SECTIONS)
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="medians are of so many runs")
    parser.add_argument("--folder", type=Path, help="keep the files here and use those that are there")
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory(prefix="rowcast-bench-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.names or SECTIONS:
            started = time.perf_counter()
            print(SECTIONS[name](folder, given.rows, given.runs), flush=True)
            print(f"({name}: {time.perf_counter() - started:.0f} s)\n", flush=True)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
