"""Requests a second on one core, compared with Flask on gunicorn rendering the same rows from the same file."""

import asyncio
import os
import shutil
import statistics
import sys
from pathlib import Path

from benchmarks import imports, served
from benchmarks.measure import Options, load, table

CONNECTIONS, REQUESTS = 16, 1200
FRAGMENT = "HX-Request: true\r\nHX-Request-Type: partial\r\n"


def measure(folder: Path, options: Options) -> str:
    rows, runs = options.rows, options.runs
    data = imports.imported(folder, rows)
    _use_core(1)
    ours: dict[str, list[float]] = {"page": [], "row": []}
    theirs: dict[str, list[float]] = {"page": [], "row": []}
    for _ in range(runs):
        with served.serve(data, cpu=0) as server:
            ours["page"].append(_rate(server.port, "/tables/1", server.headers))
            ours["row"].append(_rate(server.port, "/tables/1/rows/500", server.headers + FRAGMENT))
        port = served.free_port()
        with served.process(_gunicorn(data, port), port):
            theirs["page"].append(_rate(port, "/", ""))
            theirs["row"].append(_rate(port, "/row", ""))
    found = [(name, *(statistics.median(each[key]) for each in (theirs, ours))) for key, name in _NAMES.items()]
    head = ("16 connections, one core", "Flask + gunicorn, requests/s", "Rowcast, requests/s", "ratio")
    return table("Throughput", head, [(name, a, b, b / a) for name, a, b in found])


_NAMES = {"page": "first page, 100 rows", "row": "one row"}


def _rate(port: int, path: str, headers: str) -> float:
    asyncio.run(load(port, path, headers, CONNECTIONS, 100))
    rate, _ = asyncio.run(load(port, path, headers, CONNECTIONS, REQUESTS))
    return rate


def _gunicorn(data: Path, port: int) -> list[str]:
    pin = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    options = ["--worker-class", "sync", "--workers", "1", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    environment = ["env", f"PEER_DATABASE={data / 'rowcast.db'}", "PEER_TABLE=t1"]
    return [*pin, *environment, sys.executable, "-m", "gunicorn", *options, "benchmarks.peer:app"]


def _use_core(number: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > number:
        os.sched_setaffinity(0, {number})
