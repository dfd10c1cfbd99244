"""An export over HTTP compared with `csv.writer` over a cursor."""

import http.client
import statistics
import sys
import time
from pathlib import Path

from benchmarks import imports, plain, served
from benchmarks.measure import Options, resident_mb, run, table

_PLAIN = (
    "import sys; from pathlib import Path; from benchmarks import plain;"
    " plain.export_csv(Path(sys.argv[1]), Path(sys.argv[2]))"
)


def measure(folder: Path, options: Options) -> str:
    rows, runs = options.rows, options.runs
    data = imports.imported(folder, rows)
    target = folder / "plain.db"
    if not target.exists():
        plain.import_csv(folder / f"rows-{rows}.csv", target, plain.GENERATED)
    theirs, ours = [], {"csv": [], "ndjson": []}
    grown = 0.0
    for _ in range(runs):
        theirs.append(rows / run([sys.executable, "-c", _PLAIN, str(target), str(folder / "plain.csv")]).seconds)
        with served.serve(data) as server:
            before = resident_mb(server.pid)
            for kind, rates in ours.items():
                rates.append(rows / _download(server, kind))
            grown = max(grown, resident_mb(server.pid) - before)
    base = statistics.median(theirs)
    found = [("plain loop to a file", base, 1.0)]
    found += [
        (f"{kind} over HTTP", statistics.median(rates), statistics.median(rates) / base) for kind, rates in ours.items()
    ]
    return table("Export", ("what", "rows/s", "ratio"), found) + f"\nThe server grew by {grown:.0f} MB meanwhile.\n"


def _download(server: served.Served, kind: str) -> float:
    """Seconds until the last byte."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("GET", f"/tables/1/export?format={kind}", headers={"Cookie": server.cookie})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    while answer.read(1 << 20):
        pass
    return time.perf_counter() - started
