"""An import of a file as large as is allowed, through the server: what of memory the server and its child take."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import data, imports, served, together
from benchmarks.measure import Options, children, forget_peak, resident_mb, table


def measure(folder: Path, options: Options) -> str:
    path = data.generated(folder / f"rows-{options.rows}.csv", options.rows)
    target = imports.fresh(folder / "large")
    with served.serve(target) as server:
        forget_peak(server.pid)  # of hashing the password
        idle = resident_mb(server.pid)
        began = time.perf_counter()
        import_id = together.upload(server, path)
        found = [("upload", time.perf_counter() - began, resident_mb(server.pid, peak=True), 0.0)]
        address = f"/tables/imports/{import_id}"
        found.append(_phase(server, "reading", lambda: b"/start" in server.request("GET", address)[1]))
        server.request("POST", f"{address}/start", "", **together._FORM)
        found.append(_phase(server, "loading", lambda: together._is_done(server, 1)))
    head = ("while", "seconds", "server, peak MB so far", "its children, peak MB")
    size = f"{path.stat().st_size / 1e6:,.0f} MB, {options.rows:,} rows"
    return table(f"A large import: {size}", head, found) + f"\nThe server after its start: {idle:.0f} MB.\n"


def _phase(server: served.Served, name: str, is_over: Callable[[], bool]) -> tuple[str, float, float, float]:
    began, peak = time.perf_counter(), 0.0
    while not is_over():
        peak = max([peak, *(_peak(child) for child in children(server.pid))])
        time.sleep(0.2)
    return name, time.perf_counter() - began, resident_mb(server.pid, peak=True), peak


def _peak(pid: int) -> float:
    try:
        return resident_mb(pid, peak=True)
    except OSError:  # it has ended meanwhile
        return 0.0
