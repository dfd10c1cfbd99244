"""What an import of a million rows costs others: pages of another table, and a write."""

import asyncio
import http.client
import re
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import data, imports, served
from benchmarks.measure import Options, load, percentile, resident_mb, table


def measure(folder: Path, options: Options) -> str:
    rows = options.rows
    path = data.generated(folder / f"rows-{rows}.csv", rows)
    target = imports.fresh(folder / "together")
    small = data.generated(folder / "rows-5000.csv", 5000)
    with served.serve(target) as server:
        table_id = _import(server, small, wait=True)
        idle, idle_writes = _pages(server, table_id, 200), _writes(server, table_id, 50)
        memory = [resident_mb(server.pid)]
        started = time.perf_counter()
        import_id = upload(server, path)
        uploaded = time.perf_counter() - started
        busy: dict[str, list[float]] = {"reading": [], "loading": []}
        writes: dict[str, list[float]] = {"reading": [], "loading": []}
        begun, first_rows = False, 0.0
        while True:
            page = server.request("GET", f"/tables/imports/{import_id}")[1].decode()
            if not begun and "/start" in page:
                began = time.perf_counter()
                start(server, import_id)
                begun = True
                first_rows = _until_rows(server, table_id + 1) - began
            if (
                "is a table now" in page
                or re.search(r"<h1[^>]*>[^<]*(done|imported)", page, re.IGNORECASE)
                or _is_done(server, table_id + 1)
            ):
                break
            phase = "loading" if begun else "reading"
            busy[phase] += _pages(server, table_id, 20)
            writes[phase] += _writes(server, table_id, 5)
            memory.append(resident_mb(server.pid))
    base = percentile(idle, 0.95)
    found = [("idle", *_shares(idle), 1.0, *_shares(idle_writes))]
    found += [
        (phase, *_shares(busy[phase]), percentile(busy[phase], 0.95) / base, *_shares(writes[phase]))
        for phase in busy
        if busy[phase]
    ]
    head = ("while the file is", "page p50 ms", "page p95 ms", "p95 to idle", "write p50 ms", "write p95 ms")
    notes = (
        f"\nUpload of {path.stat().st_size / 1e6:.0f} MB: {uploaded:.1f} s."
        f" First rows to be seen {first_rows:.1f} s after Import was pressed."
        f" The server's own memory: {memory[0]:.0f} MB idle, at most {max(memory):.0f} MB.\n"
    )
    return table(f"Beside an import of {rows:,} rows", head, found) + notes


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _shares(took: list[float]) -> tuple[float, float]:
    return percentile(took, 0.5) * 1000, percentile(took, 0.95) * 1000


def _pages(server: served.Served, table_id: int, times: int) -> list[float]:
    return asyncio.run(load(server.port, f"/tables/{table_id}", server.headers, 1, times))[1]


def _writes(server: served.Served, table_id: int, times: int) -> list[float]:
    """Renaming a table: the smallest possible write."""
    took = []
    for number in range(times):
        started = time.perf_counter()
        status, _ = server.request("POST", f"/tables/{table_id}", urlencode({"title": f"Small {number}"}), **_FORM)
        assert status == 303, status
        took.append(time.perf_counter() - started)
    return took


def upload(server: served.Served, path: Path, address: str = "/tables") -> str:
    boundary = "rowcastbenchmarks"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.putrequest("POST", address)
    for name, value in {
        "Cookie": server.cookie,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
    }.items():
        connection.putheader(name, value)
    connection.endheaders(head)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            connection.send(block)
    connection.send(tail)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303, answer.status
    return str(answer.headers["Location"]).rsplit("/", 1)[-1]


def _import(server: served.Served, path: Path, *, wait: bool) -> int:
    import_id = upload(server, path)
    while "/start" not in server.request("GET", f"/tables/imports/{import_id}")[1].decode():
        time.sleep(0.1)
    start(server, import_id)
    while wait and not _is_done(server, 1):
        time.sleep(0.1)
    return 1


def start(server: served.Served, import_id: str) -> None:
    """Press "Import"."""
    server.request("POST", f"/tables/imports/{import_id}/start", "", **_FORM)


def _is_done(server: served.Served, table_id: int) -> bool:
    status, body = server.request("GET", f"/tables/{table_id}/count")
    return status == 200 and b"so far" not in body


def _until_rows(server: served.Served, table_id: int) -> float:
    deadline = time.perf_counter() + 600
    while b"<tr id=r1>" not in server.request("GET", f"/tables/{table_id}")[1]:
        assert time.perf_counter() < deadline, "no rows came"
        time.sleep(0.02)
    return time.perf_counter()
