"""`rowcast --server URL`: commands that ask a real server, each in a process of its own."""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from tests.browser.people import sign_up
from tests.servers import PATIENCE, ROOT, Server
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.tokens import issue_token

Start = Callable[..., Server]
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na,b\r\n"
PROXIES = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}  # nothing is there


@pytest.fixture(scope="module")
def house(shared_server: Start) -> tuple[Server, str]:
    """Ada's server, and a token of hers."""
    running = shared_server()
    sign_up(running)
    return running, issue_token(running)


@pytest.fixture
def table(house: tuple[Server, str]) -> int:
    return add_table(house[0].data_dir, PLANETS, PLANET_ROWS)


def begin(address: str, token: str, *arguments: object, **more: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROWCAST_")}
    environment |= {"PYTHONPATH": str(ROOT), "ROWCAST_DATA_DIR": "/nowhere", "ROWCAST_TOKEN": token, **PROXIES, **more}
    # A run in the background of a shell ignores Ctrl-C, and hands that down.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "webapp", "--server", address]
    return subprocess.Popen(
        [*command, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(address: str, token: str, *arguments: object, status: int = 0) -> bytes:
    """What it wrote; what it said if it failed."""
    process = begin(address, token, *arguments)
    written, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == status, said.decode()
    assert token not in said.decode()
    assert b"Traceback" not in said
    return said if status else written


def at(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def program(server: Server, token: str) -> httpx.Client:
    return httpx.Client(base_url=f"{at(server)}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)


def edit(server: Server, token: str, table: int, moons: int, planet: str | None = None) -> None:
    cells = {"Moons": moons} | ({"Planet": planet} if planet else {})
    with program(server, token) as client:
        assert client.patch(f"/tables/{table}/rows/3", json={"cells": cells}).status_code == 200


def test_rows_are_queried_by_titles(house: tuple[Server, str], table: int) -> None:
    asked = ["query", table, "--filter", "Moons=ge:16", "--sort", "-Moons", "--fields", "Planet", "--fields", "Moons"]

    csv = run(at(house[0]), house[1], *asked).decode()
    ndjson = run(at(house[0]), house[1], *asked, "--format", "ndjson").decode()
    array = run(at(house[0]), house[1], *asked, "--format", "json").decode()

    assert csv.splitlines() == ["Planet,Moons", "Saturn,146", "Jupiter,95", "Uranus,28", "Neptune,16"]
    rows = [json.loads(line) for line in ndjson.splitlines()]
    assert rows[0] == {"id": 6, "cells": {"Planet": "Saturn", "Moons": 146}}
    assert json.loads(array) == rows


def test_rows_are_queried_by_numbers_and_words(house: tuple[Server, str], table: int) -> None:
    asked = ["query", table, "--search", "yes", "--filter", "2=lt:90", "--sort", "2", "--names", "number"]

    found = run(at(house[0]), house[1], *asked, "--format", "ndjson", "--values", "text").decode()

    assert [json.loads(line)["cells"]["2"] for line in found.splitlines()] == ["16", "28"]


def test_no_rows_are_an_empty_array(house: tuple[Server, str], table: int) -> None:
    asked = ["query", table, "--search", "Pluto", "--format", "json"]
    assert json.loads(run(at(house[0]), house[1], *asked)) == []


def test_a_table_is_exported_as_its_page_does(house: tuple[Server, str], table: int) -> None:
    with program(*house) as client:
        for kind in ("csv", "json", "ndjson"):
            sent = client.get(f"/tables/{table}/export", params={"format": kind}).content
            assert run(at(house[0]), house[1], "export", table, "--format", kind) == sent
    sheet = load_workbook(io.BytesIO(run(at(house[0]), house[1], "export", table, "--format", "xlsx"))).active
    assert sheet.max_row == len(PLANET_ROWS) + 1


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("query", "{table}", "--filter", "Mass=ge:1"), "This table has no column “Mass”.", 1),
        (("query", "{table}", "--sort", "-Mass"), "This table has no column “-Mass”.", 1),
        (("query", "{table}", "--fields", "Mass"), "This table has no column “Mass”.", 1),
        (("query", "{table}", "--filter", "Moons=ge:many"), "many", 1),
        (("export", "999999"), "no such table", 1),
        (("watch", "999999"), "no such table", 1),
        (("export", "{table}", "--format", "original"), "on its own machine", 2),
        (("inspect", "/etc/hostname"), "works on the data folder of this machine", 2),
    ],
)
def test_what_a_server_refuses_is_one_line(
    house: tuple[Server, str], table: int, arguments: tuple[str, ...], words: str, status: int
) -> None:
    filled = [argument.format(table=table) for argument in arguments]

    said = run(at(house[0]), house[1], *filled, status=status).decode()

    assert words in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("Error: ")
    assert status == 2 or len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "token", "words"),
    [
        ("http://rows.example.org", "rowcast_x", "unencrypted"),
        ("rows.example.org", "rowcast_x", "is like https://"),
        ("https://ada:secret@rows.example.org", "rowcast_x", "is like https://"),
        ("http://127.0.0.1:1", "rowcast_x", "cannot be reached"),
        ("http://127.0.0.1:1", "", "wants a token"),
        ("http://127.0.0.1:1", "two words", "This is no token"),
    ],
)
def test_no_token_is_sent_to_where_it_does_not_belong(address: str, token: str, words: str) -> None:
    process = begin(address, token, "export", 1)
    _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert words in said.decode()
    assert len(said.splitlines()) == 1
    assert b"secret" not in said


def test_a_token_that_is_none_is_refused_in_the_servers_words(house: tuple[Server, str], table: int) -> None:
    wrong = "rowcast_" + "x" * 43
    assert b"token" in run(at(house[0]), wrong, "export", table, status=1)


def test_help_shows_no_token(house: tuple[Server, str]) -> None:
    assert house[1].encode() not in run(at(house[0]), house[1], "--help")


@pytest.fixture
def half_server() -> Iterator[int]:
    """The port of a server that begins an answer and does not end it, to whoever asks for an export."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(HALF)
        connection.close()

    thread = Thread(target=answer)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(PATIENCE)
    listener.close()


def test_an_export_that_is_cut_fails(half_server: int) -> None:
    process = begin(f"http://127.0.0.1:{half_server}", "rowcast_x", "export", 1)
    written, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, written) == (1, b"a,b")
    assert b"not all of it" in said


def next_change(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def test_changes_are_followed_across_a_restart_of_the_server(server: Start, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    first = server(port=port)
    sign_up(first)
    token, table = issue_token(first), add_table(data_dir, PLANETS, PLANET_ROWS)
    edit(first, token, table, 7)
    watching = begin(at(first), token, "watch", table, "--after", 0)
    try:
        assert next_change(watching)["seq"] == 1
        edit(first, token, table, 8, "Earth\u2028and Moon")
        assert [cell["text"] for cell in next_change(watching)["cells"]] == ["8", "Earth\u2028and Moon"]
        first.process.kill()
        first.wait()

        second = server(port=port)
        for moons in (9, 10):
            edit(second, token, table, moons)

        assert [next_change(watching)["seq"] for _ in range(2)] == [3, 4]
        with program(second, token) as client:
            assert client.delete(f"/tables/{table}").status_code == 204
        assert watching.wait(PATIENCE) == 1
        assert watching.stderr is not None
        assert b"deleted" in watching.stderr.read().splitlines()[-1]
    finally:
        watching.kill()
        watching.communicate()
