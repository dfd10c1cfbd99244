"""`python -m benchmarks [NAME ...] [--rows N] [--runs N]`: measures and prints Markdown tables.

Every ratio has its baseline measured in the same run. Needs `uv sync --group bench`, about 3 GB of disk and, for a
million rows, some ten minutes. The server is pinned to one core and the load to another where there are two.

What takes long or much memory is asked for by itself, each about five minutes with a folder that is kept:

    python -m benchmarks databases --folder F                                 SQLite and PostgreSQL side by side
    python -m benchmarks databases-large --rows 10000000 --folder F           imports, pages and edits only
    python -m benchmarks large --rows 5000000 --folder F                      an import of 1 GB: peaks of memory
    python -m benchmarks live --streams 2000 --folder F                       memory of each, time to the last of them
    python -m benchmarks pages --rows 10000000 --no-search-index --folder F   import by the command line, then pages
"""

import argparse
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    bulk,
    connections,
    databases,
    edits,
    exports,
    importing_again,
    imports,
    large,
    live,
    live_tables,
    pages,
    previews,
    search_index,
    throughput,
    together,
)
from benchmarks.measure import Options

SECTIONS = {
    "imports": imports.measure,
    "previews": previews.measure,
    "search-index": search_index.measure,
    "pages": pages.measure,
    "throughput": throughput.measure,
    "edits": edits.measure,
    "bulk": bulk.measure,
    "importing-again": importing_again.measure,
    "exports": exports.measure,
    "together": together.measure,
    "live": live.measure,
    "live_tables": live_tables.measure,
    "connections": connections.measure,
    "databases": databases.measure,
    "databases-large": databases.measure_large,
    "large": large.measure,
}

DEFAULT_SECTIONS = [name for name in SECTIONS if name not in ("databases", "databases-large", "large")]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", choices=[[], *SECTIONS], default=[], metavar="NAME", help=", ".join(SECTIONS)
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="medians are of so many runs")
    parser.add_argument("--folder", type=Path, help="keep the files here and use those that are there")
    parser.add_argument("--streams", type=int, default=500, help="open at once")
    parser.add_argument("--people", type=int, default=0, help="live_tables: each stream is of another of so many")
    parser.add_argument("--no-search-index", action="store_true", help="pages: do not wait for it, a minute a million")
    arguments = parser.parse_args()
    waits_for_search = not arguments.no_search_index
    options = Options(arguments.rows, arguments.runs, arguments.streams, waits_for_search, arguments.people)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory(prefix="rowcast-bench-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or DEFAULT_SECTIONS:
            started = time.perf_counter()
            print(SECTIONS[name](folder, options), flush=True)
            print(f"({name}: {time.perf_counter() - started:.0f} s)\n", flush=True)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
