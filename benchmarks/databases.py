"""The same on SQLite and on PostgreSQL: an import beside the plain loops, pages, exports, edits, a change of all rows.

`python -m benchmarks databases`: starts a PostgreSQL server of its own with settings like those of docs/operations.md.
Server, load and PostgreSQL share the machine; what Rowcast takes of the processor on PostgreSQL is not all that is
spent, so both are measured by the clock.
"""

import asyncio
import http.client
import math
import re
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from benchmarks import data, edits, pages, served
from benchmarks.measure import Options, percentile, resident_mb, run, spread, table
from benchmarks.postgresql import Postgresql

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
WRITERS = (1, 8, 50)
QUICK = 0.1  # seconds for a page with an index
PATIENCE = 1_800  # seconds for indexes of ten million rows
_SQLITE_LOOP = "import sys; from benchmarks import plain; plain.import_csv(sys.argv[1], sys.argv[2], plain.GENERATED)"
_COPY_LOOP = "import sys; from benchmarks import plain_copy; plain_copy.{}(sys.argv[1], sys.argv[2])"


@dataclass(frozen=True)
class Place:
    """A data folder, and the address of its database; empty for SQLite."""

    name: str
    folder: Path
    url: str = ""

    def rowcast(self, *arguments: str) -> list[str]:
        command = served.rowcast(*arguments, data=self.folder)
        return [command[0], f"ROWCAST_DATABASE_URL={self.url}", *command[1:]]

    @contextmanager
    def serve(self) -> Iterator[served.Served]:
        port = served.free_port()
        with served.process(self.rowcast("serve", "--port", str(port)), port) as running:
            yield served.Served(running.pid, port, served.sign_in(port))


def measure(folder: Path, options: Options) -> str:
    source = data.generated(folder / f"rows-{options.rows}.csv", options.rows)
    with Postgresql(folder / "postgresql") as server:
        places = [Place(SQLITE, folder / "on-sqlite"), Place(POSTGRESQL, folder / "on-postgresql", server.make("rows"))]
        # What is measured is told at once: at ten million rows it takes an hour.
        print(_imports(server, places, source, options), flush=True)
        for place in places:
            _load(place, source)
        for part in (_pages, _exports, _edits):
            print(part(places, options), flush=True)
        return _change_of_all(places, options)


def measure_large(folder: Path, options: Options) -> str:
    """What takes minutes and not hours at ten million rows: one import into each, pages, and edits."""
    source = data.generated(folder / f"rows-{options.rows}.csv", options.rows)
    with Postgresql(folder / "postgresql") as server:
        places = [Place(SQLITE, folder / "on-sqlite"), Place(POSTGRESQL, folder / "on-postgresql", server.make("rows"))]
        lines = []
        for place in places:
            seconds = _load(place, source)
            lines.append((place.name, options.rows / seconds, seconds))
        print(table(f"Import of {options.rows:,} rows", ("database", "rows/s", "s"), lines), flush=True)
        print(_pages(places, options), flush=True)
        return _edits(places, options)


def _imports(server: Postgresql, places: list[Place], source: Path, options: Options) -> str:
    """In turns, each into a database without rows."""
    copies = server.make("plain").replace("postgresql+psycopg", "postgresql")
    python = [sys.executable, "-c"]
    found: dict[str, list[float]] = {}
    for number in range(options.runs):
        (target := source.with_suffix(".plain.db")).unlink(missing_ok=True)
        commands = {
            "SQLite: csv.reader and executemany": [*python, _SQLITE_LOOP, str(source), str(target)],
            "PostgreSQL: csv.reader and COPY": [*python, _COPY_LOOP.format("import_rows"), str(source), copies],
            "PostgreSQL: COPY of the file": [*python, _COPY_LOOP.format("import_file"), str(source), copies],
        }
        for name, command in commands.items():
            found.setdefault(name, []).append(options.rows / run(command).seconds)
        target.unlink()
        for place in places:
            fresh = Place(
                place.name,
                place.folder.with_name(f"import-{number}-{place.name}"),
                place.url and server.make(f"import_{number}"),
            )
            shutil.rmtree(fresh.folder, ignore_errors=True)
            _register(fresh)
            seconds = run(fresh.rowcast("import", str(source))).seconds
            found.setdefault(f"Rowcast on {place.name}", []).append(options.rows / seconds)
    loops = {SQLITE: found["SQLite: csv.reader and executemany"], POSTGRESQL: found["PostgreSQL: csv.reader and COPY"]}
    lines = []
    for name, speeds in found.items():
        base = loops[POSTGRESQL if POSTGRESQL in name else SQLITE]
        ratio = statistics.median(speed / other for speed, other in zip(speeds, base, strict=True))
        lines.append((name, spread(speeds), ratio))
    return table(f"Import of {options.rows:,} rows", ("what", "rows/s", "to the loop on the same database"), lines)


def _register(place: Place) -> None:
    with place.serve():
        pass


def _load(place: Place, source: Path) -> float:
    """Return the seconds."""
    shutil.rmtree(place.folder, ignore_errors=True)
    _register(place)
    return run(place.rowcast("import", str(source))).seconds


def _pages(places: list[Place], options: Options) -> str:
    """Without indexes for sorts and search (the first time), and once they are built."""
    first: dict[str, dict[str, list[float]]] = {}
    after: dict[str, dict[str, list[float]]] = {}
    memory: dict[str, float] = {}
    waited: dict[str, float] = {}
    for place in places:
        with place.serve() as server:
            for name, paths in pages._views(server, options.rows):
                first.setdefault(name, {})[place.name] = _times(server, name, paths, is_first=True)
            waited[place.name] = _wait_for_indexes(
                server, has_sort_indexes=bool(place.url) or pages.SORTED[0] <= options.rows <= pages.SORTED[1]
            )
            for name, paths in pages._views(server, options.rows):
                after.setdefault(name, {})[place.name] = _times(server, name, paths)
            memory[place.name] = resident_mb(server.pid, peak=True)
    lines = [
        (name, *(percentile(of[name][place.name], 0.5) for of in (first, after) for place in places)) for name in first
    ]
    head = (
        "view of 100 rows, p50 ms",
        *(f"{place.name}, {when}" for when in ("at first", "indexed") for place in places),
    )
    peaks = ", ".join(f"{mb:.0f} MB on {name}" for name, mb in memory.items())
    seconds = ", ".join(f"{each:.0f} s on {name}" for name, each in waited.items())
    found = table(f"Pages at {options.rows:,} rows", head, lines)
    return f"{found}\nAll indexes were there {seconds} after that. The server's peak of memory: {peaks}.\n"


def _times(server: served.Served, name: str, paths: list[str], *, is_first: bool = False) -> list[float]:
    """Milliseconds; infinite if the server gave up, as it does with a sort that takes ten seconds."""
    try:
        return pages._measured(server, name, paths, is_first=is_first)
    except RuntimeError as error:
        if " 422" not in str(error):
            raise
        return [math.inf]


def _wait_for_indexes(server: served.Served, *, has_sort_indexes: bool) -> float:
    """Until what only an index answers fast is fast, which both databases can be asked; return the seconds."""
    started = time.monotonic()
    wanted = [f"/tables/1?q={quote('zqxjk')}"]
    if has_sort_indexes:
        wanted += ["/tables/1?sort=-7", "/tables/1?sort=4"]
    while wanted:
        begun = time.perf_counter()
        server.request("GET", wanted[0])
        if time.perf_counter() - begun < QUICK:
            del wanted[0]
        elif time.monotonic() - started > PATIENCE:
            raise TimeoutError(f"The indexes are not there: {wanted}")
        else:
            time.sleep(1)
    return time.monotonic() - started


def _exports(places: list[Place], options: Options) -> str:
    lines = []
    for place in places:
        rates: dict[str, list[float]] = {}
        for _ in range(options.runs):
            with place.serve() as server:
                for name, query in (
                    ("csv", "format=csv"),
                    ("csv, sorted", "format=csv&sort=-7"),
                    ("ndjson", "format=ndjson"),
                ):
                    rates.setdefault(name, []).append(options.rows / _download(server, query))
        lines.append((place.name, *(spread(each) for each in rates.values())))
    return table("Exports over HTTP, rows/s", ("database", "csv", "csv, sorted", "ndjson"), lines)


def _download(server: served.Served, query: str) -> float:
    started = time.perf_counter()
    status, _ = server.request("GET", f"/tables/1/export?{query}")
    assert status == 200, status
    return time.perf_counter() - started


def _edits(places: list[Place], options: Options) -> str:
    """Each writer edits a cell of its own; all edits of a database in turn."""
    lines = []
    for place in places:
        with place.serve() as server:
            for turn, writers in enumerate(WRITERS):
                lines.append((place.name, writers, *_rate(server, turn, writers)))
    return table(
        f"Edits over HTTP at {options.rows:,} rows", ("database", "at once", "a second", "p50 ms", "p99 ms"), lines
    )


def _rate(server: served.Served, turn: int, writers: int) -> tuple[float, float, float]:
    body = edits._edits(turn + int(time.time()), writers)
    edits._begin(server, writers, body)
    seconds, each = asyncio.run(edits._load(server, "/tables/1/cells", writers, body))
    return len(each) / seconds, percentile(each, 0.5) * 1000, percentile(each, 0.99) * 1000


def _change_of_all(places: list[Place], options: Options) -> str:
    """A column of all rows set to one text, as by its form: planned, applied, and undone."""
    lines = []
    for place in places:
        with place.serve() as server:
            lines.append((place.name, *_change(server)))
    return table(f"A change of {options.rows:,} cells", ("database", "planned s", "applied s", "undone s"), lines)


def _change(server: served.Served) -> tuple[float, float, float]:
    fields = urlencode({"column": "4", "text": f"Oslo {time.time():.0f}"})
    started = time.perf_counter()
    change = _posted(server, "/tables/1/bulk/set?rows=all", fields)
    _wait_for(server, change, f"{change}/start")
    planned = time.perf_counter()
    _posted(server, f"{change}/start", "")
    seq = _wait_for_end(server, change)
    applied = time.perf_counter()
    undoing = _posted(server, f"/tables/1/history/{seq}/revert", "")
    if "/changes/" in undoing:
        _wait_for_end(server, undoing)
    return planned - started, applied - planned, time.perf_counter() - applied


def _posted(server: served.Served, path: str, fields: str) -> str:
    """Where the answer leads to."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    connection.request("POST", path, fields, {**headers, "Cookie": server.cookie})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.SEE_OTHER:
        raise RuntimeError(f"{path}: {answer.status} {re.findall(r'<p[^>]*>([^<]*)', text.decode())}")
    return str(answer.getheader("Location"))


def _wait_for_end(server: served.Served, change: str) -> str:
    """Until a large change cannot be cancelled any more; return the number of its set."""
    end = time.monotonic() + pages.PATIENCE
    while f"{change}/cancellation" in (html := server.request("GET", change)[1].decode()):
        if time.monotonic() > end:
            raise TimeoutError(f"{change} does not end")
        time.sleep(0.05)
    found = re.search(r"/tables/1/history/(\d+)", html)
    if found is None:
        raise RuntimeError(f"{change} has made no set")
    return found[1]


def _wait_for(server: served.Served, page: str, address: str) -> str:
    """Until the page has this address; return the number behind it, if there is one."""
    end = time.monotonic() + pages.PATIENCE
    while time.monotonic() < end:
        _, html = server.request("GET", page)
        if found := re.search(re.escape(address) + r"(\d*)", html.decode()):
            return found[1]
        time.sleep(0.05)
    raise TimeoutError(f"{page} does not lead to {address}")
