"""`rowcast --server URL import`: files of this machine for a real server, each in a process of its own."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import Popen
from threading import Event, Thread
from typing import Any

import pytest

from tests.server.test_remote_commands import at, begin, house, program, run
from tests.servers import PATIENCE, Server, wait_for
from tests.tables import add_table

__all__ = ["house"]  # a fixture

COLUMNS = {"id": "integer", "City": "text"}
ROWS = (("1", "Oslo"), ("2", "Bergen"), ("3", "Narvik"))
House = tuple[Server, str]


@pytest.fixture
def cities(house: House) -> int:
    return add_table(house[0].data_dir, COLUMNS, ROWS)


@pytest.fixture
def later(tmp_path: Path) -> Path:
    path = tmp_path / "cities 2.csv"
    path.write_text("id,City\n1,Christiania\n2,Bergen\n4,Bodø\n", encoding="utf-8")
    return path


def asked(house: House, path: str) -> Any:
    with program(*house) as client:
        return client.get(path).raise_for_status().json()


def texts(house: House, table: int) -> list[str]:
    return [row["cells"]["City"] for row in asked(house, f"/tables/{table}/rows")["items"]]


def waiting(house: House) -> list[Any]:
    """Imports that were left behind."""
    ended = ("done", "failed", "cancelled")
    return [one for one in asked(house, "/imports")["items"] if one["state"] not in ended]


def test_a_file_becomes_a_table_on_the_server(house: House, tmp_path: Path) -> None:
    file = tmp_path / "planets.csv"
    file.write_text("Planet,Seen\nMars,05.06.2024\n", encoding="utf-8")

    table = int(run(at(house[0]), house[1], "import", file, "--title", "Worlds", "--order", "mdy"))

    shown = asked(house, f"/tables/{table}")
    assert (shown["title"], shown["rows"]) == ("Worlds", 1)
    assert asked(house, f"/tables/{table}/rows")["items"][0]["cells"]["Seen"] == "2024-05-06"


@pytest.mark.parametrize(
    ("options", "said", "expected"),
    [
        (["--mode", "append"], "3 added", ["Oslo", "Bergen", "Narvik", "Christiania", "Bergen", "Bodø"]),
        (
            ["--key", "id"],
            "1 added, 1 changed, 0 removed, 0 marked, 1 same",
            ["Christiania", "Bergen", "Narvik", "Bodø"],
        ),
        (
            ["--key", "ID", "--missing", "delete", "--dry-run"],
            "Would be: 1 added, 1 changed, 1 removed",
            ["Oslo", "Bergen", "Narvik"],
        ),
    ],
)
def test_a_file_goes_into_a_table_on_the_server(
    house: House, cities: int, later: Path, options: list[str], said: str, expected: list[str]
) -> None:
    written = run(at(house[0]), house[1], "import", later, "--into", cities, *options).decode()

    assert written.startswith(said)
    assert texts(house, cities) == expected
    assert waiting(house) == []


def test_what_would_change_is_told_as_json(house: House, cities: int, later: Path) -> None:
    written = run(at(house[0]), house[1], "import", later, "--into", cities, "--key", "id", "--dry-run", "--json")

    found = json.loads(written)
    assert (found["added"], found["changed"], found["table"], found["dry_run"]) == (1, 1, cities, True)


def test_a_file_that_was_cut_off_is_refused_in_the_servers_words(house: House, cities: int, tmp_path: Path) -> None:
    file = tmp_path / "cities.csv"
    file.write_text("id,City\n1,Oslo\n", encoding="utf-8")
    command = ["import", file, "--into", cities, "--key", "id", "--missing", "delete"]

    said = run(at(house[0]), house[1], *command, status=1).decode()

    assert "2 of the 3 rows of the table would be deleted" in said
    assert "allow deletions" in said
    assert (len(texts(house, cities)), waiting(house)) == (3, [])
    run(at(house[0]), house[1], *command, "--allow-deletions")
    assert texts(house, cities) == ["Oslo"]


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("--into", "{table}", "--key", "Nowhere"), "The table has no column “Nowhere”.", 1),
        (("--into", "999999", "--mode", "append"), "no such table", 1),
        (("--owner", "ada@example.org"), "leave out --owner", 2),
        (("--mode", "append"), "name it with --into", 2),
        (("--into", "{table}", "--title", "x"), "about a new table", 2),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    house: House, cities: int, later: Path, arguments: tuple[str, ...], words: str, status: int
) -> None:
    filled = [argument.format(table=cities) for argument in arguments]

    said = run(at(house[0]), house[1], "import", later, *filled, status=status).decode()

    assert words in said.splitlines()[-1]
    assert (texts(house, cities), waiting(house)) == (["Oslo", "Bergen", "Narvik"], [])


def test_a_file_that_is_no_table_fails_with_its_reason(house: House, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)

    said = run(at(house[0]), house[1], "import", file, status=1)

    assert said.startswith(b"Error: ")
    assert waiting(house) == []


def test_an_interrupted_command_cancels_its_import(house: House, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("a,b,c\n" + "1,two,2024-01-01\n" * 4_000_000, encoding="utf-8")
    before = len(asked(house, "/imports")["items"])
    process = begin(at(house[0]), house[1], "import", file)
    try:
        wait_for(lambda: len(asked(house, "/imports")["items"]) > before)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()

    assert (process.returncode, said.decode().splitlines()[-1]) == (1, "Error: Cancelled. Nothing was imported.")
    newest = asked(house, "/imports")["items"][0]
    assert (newest["filename"], newest["state"], newest["table_id"]) == ("many.csv", "cancelled", None)


class SlowServer(ThreadingHTTPServer):
    """Has a file, and answers only once it is told to. `paths` were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SlowAnswers)
        self.paths: list[str] = []
        self.has_file, self.may_answer = Event(), Event()


class SlowAnswers(BaseHTTPRequestHandler):
    server: SlowServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.paths.append(self.path.partition("?")[0])
        self.server.has_file.set()
        self.server.may_answer.wait(PATIENCE)
        answer = json.dumps({"id": 17, "state": "inspecting", "progress": None}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def slow_server() -> Iterator[SlowServer]:
    with SlowServer() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.may_answer.set()
            server.shutdown()


@contextmanager
def interrupted(server: SlowServer, file: Path) -> Iterator[Popen[bytes]]:
    """A command whose file the server has, and which has been told once to stop."""
    process = begin(f"http://127.0.0.1:{server.server_port}", "rowcast_x", "import", file)
    try:
        assert server.has_file.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert [process.stderr.readline() for _ in range(2)][1].startswith(b"Waiting for the server's answer")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "cities.csv"
    path.write_text("id,City\n1,Oslo\n", encoding="utf-8")
    return path


def test_an_import_interrupted_before_the_server_answers_is_cancelled(small: Path) -> None:
    """It has the file, and would import it."""
    with slow_server() as server, interrupted(server, small) as process:
        server.may_answer.set()
        _, said = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said.decode().strip()) == (1, "Error: Cancelled. Nothing was imported.")
    assert server.paths == ["/api/v1/imports", "/api/v1/imports/17/cancel"]


def test_an_import_interrupted_twice_does_not_wait_for_the_server(small: Path) -> None:
    with slow_server() as server, interrupted(server, small) as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert said.decode().strip() == "Error: The server has not answered: it may import the file."
