"""Requests a second on one core, compared with Flask on gunicorn rendering the same rows from the same file.

Rowcast is asked for what a browser asks for: the whole page, signed in, every check on. Flask is asked twice: without
any user, and behind Flask-Login; Datasette has no user either. Each keeps its connections, if it can.
"""

import asyncio
import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from benchmarks import imports, served
from benchmarks.measure import Options, load, median, spread, table

CONNECTIONS, REQUESTS = 16, 1200
OURS = "Rowcast"
_PIN = ["taskset", "-c", "0"] if shutil.which("taskset") else []
PAGES = {
    "first page, 100 rows": ("/", "/private/", "/rowcast/t1?_size=100", "/tables/1"),
    "one row": ("/row", "/private/row", "/rowcast/t1/500", "/tables/1/rows/500"),
}


def measure(folder: Path, options: Options) -> str:
    data = imports.imported(folder, options.rows)
    _use_core(1)
    rates: dict[str, dict[str, list[float]]] = {name: {} for name in PAGES}

    def add(server: str, port: int, paths: Iterable[str], headers: str = "") -> None:
        for name, path in zip(PAGES, paths, strict=True):
            rates[name].setdefault(server, []).append(_rate(port, path, headers))

    bare, private, datasette, rowcast = zip(*PAGES.values(), strict=True)
    for _ in range(options.runs):
        port = served.free_port()
        with served.process(_gunicorn(folder, data, port), port):
            add("Flask", port, bare)
            add("Flask-Login", port, private, f"Cookie: {_sign_in(port)}\r\n")
        if find_spec("datasette"):
            port = served.free_port()
            command = ["serve", "--port", str(port), "--immutable", str(data / "rowcast.db")]
            command += ["--setting", "suggest_facets", "off"]  # else several queries more for each page
            command += ["--inspect-file", str(_inspected(folder, data))]  # else it counts all rows for each page
            with served.process([*_PIN, sys.executable, "-m", "datasette", *command], port):
                add("Datasette", port, datasette)
        with served.serve(data, cpu=0) as server:
            add(OURS, server.port, rowcast, server.headers)
    return table(
        "Requests a second",
        ("16 connections, one core", *rates[next(iter(PAGES))], "to Flask", "to Flask-Login"),
        [
            (
                name,
                *map(spread, by.values()),
                *(median(by[OURS]) / median(by[peer]) for peer in ("Flask", "Flask-Login")),
            )
            for name, by in rates.items()
        ],
    )


def _rate(port: int, path: str, headers: str) -> float:
    asyncio.run(load(port, path, headers, CONNECTIONS, 100))
    rate, _ = asyncio.run(load(port, path, headers, CONNECTIONS, REQUESTS))
    return rate


def _gunicorn(folder: Path, data: Path, port: int) -> list[str]:
    options = ["--worker-class", "sync", "--workers", "1", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    paths = {"PEER_DATABASE": data / "rowcast.db", "PEER_TABLE": "t1", "PEER_USERS": folder.absolute() / "peer.db"}
    environment = ["env", *(f"{name}={value}" for name, value in paths.items())]
    return [*_PIN, *environment, sys.executable, "-m", "gunicorn", *options, "benchmarks.peer:app"]


def _inspected(folder: Path, data: Path) -> Path:
    path = folder / "datasette.json"
    command = ["inspect", str(data / "rowcast.db"), "--inspect-file", str(path)]
    subprocess.run([sys.executable, "-m", "datasette", *command], check=True)
    return path


def _sign_in(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/login")
    answer = connection.getresponse()
    answer.read()
    return str(answer.headers["Set-Cookie"]).split(";")[0]


def _use_core(number: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > number:
        os.sched_setaffinity(0, {number})
