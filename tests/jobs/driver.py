"""Runs imports through a real server as a browser would, and checks the results in the database."""

import csv
import hashlib
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.database import Record, connect, records, relations, rows
from tests.helpers import ADA, Person
from tests.servers import Server, wait_for
from webapp.db.drivers import DRIVER_ERRORS

ENDED = ("done", "failed", "cancelled")


class Browser:
    """Ada's, unless somebody else signs up. Its cookies outlive the server, as a browser's do."""

    def __init__(self, data_dir: Path) -> None:
        self.database = data_dir / "rowcast.db"
        self.cookies = httpx.Cookies()
        self.client = httpx.Client()

    def visit(self, server: Server) -> "Browser":
        self.close()
        self.server = server
        address = f"http://127.0.0.1:{server.port}"
        headers = {"Sec-Fetch-Site": "same-origin"}
        self.client = httpx.Client(base_url=address, cookies=self.cookies, headers=headers, timeout=30)
        return self

    def close(self) -> None:
        self.cookies = self.client.cookies
        self.client.close()

    def sign_up(self, person: Person = ADA) -> "Browser":
        form = {"email": person.email, "password": person.password, "confirmation": person.password}
        assert self.client.post("/register", data=form).status_code == 303
        return self

    def upload(self, path: Path, filename: str | None = None) -> str:
        """Return the new import's id."""
        with path.open("rb") as file:
            answer = self.client.post("/tables", files={"file": (filename or path.name, file)})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].rpartition("/")[2]

    def post(self, import_id: str, action: str = "", **form: str) -> httpx.Response:
        return self.client.post(f"/tables/imports/{import_id}{action and '/' + action}", data=form)

    def page(self, import_id: str) -> str:
        answer = self.client.get(f"/tables/imports/{import_id}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def found(self, import_id: str) -> Record:
        return self.ask("SELECT * FROM imports WHERE id = ?", import_id)[0]

    def state(self, import_id: str) -> str:
        return str(self.found(import_id)["state"])

    def ask(self, sql: str, *values: Any) -> list[Record]:
        return records(self.database, sql, values)

    def wait_until(self, import_id: str, *states: str) -> str:
        wait_for(lambda: self.state(import_id) in (*states, *ENDED))
        state = self.state(import_id)
        assert state in states, f"{state}: {self.found(import_id)['failure']}\n{self.server.log.read_text()[-3000:]}"
        return state

    def change(self, sql: str, *values: Any) -> None:
        """What no page does, such as making something older."""
        with closing(connect(self.database)) as connection:
            connection.execute(sql, values)

    def import_whole(self, path: Path) -> str:
        import_id = self.upload(path)
        self.wait_until(import_id, "ready")
        assert self.post(import_id, "start").status_code == 303
        self.wait_until(import_id, "done")
        return import_id

    def tables(self) -> list[str]:
        """Every SQL table with imported rows."""
        return [name for name in relations(self.database) if re.fullmatch(r"[ts]\d+\w*|(?:draft|discarded)_\w+", name)]

    def drafts(self) -> dict[str, int]:
        """The rows of imports that nobody has decided about: how many there are, by the name of their SQL table."""
        found = [name for name in relations(self.database) if name.startswith("draft_")]
        counted = {}
        for name in found:
            with suppress(*DRIVER_ERRORS):  # one may go just now
                counted[name] = rows(self.database, f"SELECT coalesce(max(id), 0) FROM {name}")[0][0]
        return counted

    def events(self, import_id: str, state: str) -> Iterator[str]:
        """The messages of the live stream, until it is complete."""
        message = ""
        with self.client.stream("GET", "/live", params={"import": import_id, "state": state}) as answer:
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                message += line + "\n"
                if not line:
                    yield message
                    message = ""


def write_csv(path: Path, rows: int) -> Path:
    """Distinct rows, with cells that need quoting."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "remark", "amount"])
        writer.writerows(
            (number, f"name {number * 7919 % rows}", f'said "{number % 13}", twice\nand again', f"{number}.25")
            for number in range(rows)
        )
    return path


def assert_same_rows(browser: Browser, import_id: str, path: Path) -> None:
    """Exactly the file's rows, in order, with ids 1, 2, 3 ..."""
    table_id = browser.found(import_id)["table_id"]
    stored = [tuple(row) for row in browser.ask(f"SELECT * FROM t{table_id} ORDER BY id")]
    with path.open(newline="") as file:
        _, *expected = csv.reader(file)
    assert len(stored) == len(expected)
    assert [row[0] for row in stored] == list(range(1, len(expected) + 1))
    assert digest([[str(cell) for cell in row[1:]] for row in stored]) == digest(expected)
    assert browser.ask("SELECT row_count, state FROM tables WHERE id = ?", table_id)[0][:] == (len(expected), "ready")


def digest(rows: Sequence[Sequence[str]]) -> str:
    return hashlib.sha256("\n".join("\t".join(row) for row in rows).encode()).hexdigest()


def delete(browser: Browser, table: str) -> None:
    """Move the table of this URL, titled Planets, to the trash."""
    _confirm(browser, f"{table}/deletion")


def purge(browser: Browser, table: str) -> None:
    """Begin to delete it for good."""
    _confirm(browser, f"/tables/trash/{table.rpartition('/')[2]}/purge")


def _confirm(browser: Browser, url: str) -> None:
    answer = browser.client.post(url, data={"confirmation": "Planets"})
    assert answer.status_code == 303, answer.text


def hold_children(browser: Browser, rows: int = 0, verbs: str = "") -> None:
    """On a server of `held_children`, passes (of these verbs) wait once they have reached this number of rows."""
    hold = browser.database.parent / "hold-children"
    hold.with_suffix(".new").write_text(f"{rows} {verbs}")
    hold.with_suffix(".new").replace(hold)  # a pass never reads half of it


def release_children(browser: Browser) -> None:
    (browser.database.parent / "hold-children").unlink()


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == pid and stat[0] != "Z":
                    found.append(int(entry.name))
    return found


def workers(pid: int) -> list[int]:
    """The child processes working on files."""
    found = []
    for child in children_of(pid):
        with suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"webapp.imports.worker" in command or b"tests.jobs.held_worker" in command:
                found.append(child)
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
