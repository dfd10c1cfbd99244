"""Makes an installation with the program of a release and writes down what is in it, for `tests/upgrades`.

It needs nothing but that program and httpx, and asks it over HTTP as people and programs do:

    git archive TAG | tar x -C /tmp/release
    cd /tmp/release && PYTHONPATH=. python .../tests/upgrades/record.py .../tests/upgrades/release

writes `release.sql.xz`, the database and the files of the data folder as SQL; `release.json`, who can sign in with
what, and the hashes of what the server sent; and `release.backup` and `release.tables`, the archives that the program
makes of it. (What is there now was written by version 0.1 before PostgreSQL, at revision 0028. That had no archives:
the backup was made at the same revision, and the tables at 0029, by the first programs that could.)
"""

import base64
import hashlib
import hmac
import json
import lzma
import os
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "correct horse battery"
PEOPLE = {"bob": "administrator", "eve": "member", "gus": "guest"}
FORMATS = ("csv", "json", "ndjson")
PLAIN = ("2026-05-06", "2026-05-06 07:08:09", "no", "09:15", "0:30:00", "")
ODD = [
    ("Zoë", "1,000", "0.10", "2026-01-02", "2026-01-02 03:04:05", "yes", "08:30", "1:02:03", 'two\nlines, "quoted"'),
    ("Ünï", "NA", "1e-7", "2026-02-03", "", "no", "", "0:00:07", "\u2400 and \u241b and \U0001f600"),
    ("-", "<5", "-0.30", "", "2026-12-31 23:59:59", "", "23:59", "", "a\0b"),
    ("long", "7", "12.5", "2026-12-31", "2026-06-07 08:09:10", "yes", "00:00", "100:00:00", "long text " * 3_000),
    (" space ", "-3", "", "2026-03-04", "", "no", "12:00", "", "=1+1"),
    ("", "", "", "", "", "", "", "", ""),
    *((f"plain {number}", str(number), f"{number}.5", *PLAIN) for number in range(30)),
]
TITLES = ("Name", "Amount", "Share", "Day", "Seen", "Active", "Opens", "Lasts", "Note")
MANY = 1_200  # rows: more than are changed at once without a job


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with closing(Program(data)) as program:
            recorded = Recorder(program).record()
        target.with_suffix(".json").write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
        sql = "".join(f"{line}\n" for line in dump(data)).encode()
        target.with_suffix(".sql.xz").write_bytes(lzma.compress(sql, preset=9 | lzma.PRESET_EXTREME))
        program.run("db", "backup", "--force", str(target.with_suffix(".backup").absolute()))
        program.run("table", "export-all", "--force", str(target.with_suffix(".tables").absolute()))


class Program:
    """The command, and a server on any free port."""

    def __init__(self, data: Path) -> None:
        given = {"ROWCAST_DATA_DIR": str(data), "ROWCAST_PORT": "0"}
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("ROWCAST_")}
        self._environment |= given
        command = [sys.executable, "-m", "webapp", "serve"]
        self._server = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        ready = re.search(r"ready at (http://\S+:\d+)/", self._server.stdout.readline())
        assert ready
        self.url = ready[1]

    def run(self, *arguments: str, text: str = "") -> None:
        command = [sys.executable, "-m", "webapp", *arguments]
        subprocess.run(command, env=self._environment, input=text, text=True, check=True)

    def close(self) -> None:
        self._server.send_signal(signal.SIGTERM)
        assert self._server.wait(60) == 0


class Recorder:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._found: dict[str, Any] = {"password": PASSWORD, "people": {}, "exports": {}, "histories": {}}

    def record(self) -> dict[str, Any]:
        self._ada = self._browser()
        self._send(self._ada, "/register", email="ada@example.org", password=PASSWORD, confirmation=PASSWORD)
        self._add_people()
        self._found["token"] = self._token(self._ada)
        self._api = self._program_of(self._found["token"])
        self._import("odd.csv", odd())
        self._import("many.csv", many())
        self._import("gone.csv", b"A,B\n1,2\n3,4\n")
        self._share()
        self._edit()
        self._change_many()
        self._import_again()
        self._trash()
        for table_id in (1, 2):
            self._found["exports"][str(table_id)] = {kind: self._export(table_id, kind) for kind in FORMATS}
            self._found["exports"][str(table_id)]["original"] = sha256(self._ada.get(f"/tables/{table_id}/original"))
            changes = self._call("GET", f"/tables/{table_id}/changes?after=0")["items"]
            self._found["histories"][str(table_id)] = [[one["seq"], one["kind"], one["by"]["name"]] for one in changes]
        return self._found

    def _add_people(self) -> None:
        self._found["people"]["ada@example.org"] = "owner"
        for name, role in PEOPLE.items():
            email = f"{name}@example.org"
            self._program.run("user", "add", email, "--role", role, text=f"{PASSWORD}\n{PASSWORD}\n")
            self._found["people"][email] = role
        bob = self._browser()
        self._send(bob, "/login", email="bob@example.org", password=PASSWORD)
        page = bob.get("/account/second-factor/new").text
        secret = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
        sealed = re.search(r'name="sealed"[^>]* value="([^"]+)"', page)
        assert secret
        assert sealed
        self._found["secret"] = secret[1].replace(" ", "")
        shown = self._send(
            bob, "/account/second-factor/new", 200, sealed=sealed[1], code=totp(self._found["secret"], time.time())
        )
        codes = re.findall(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){5}\b", shown.text)
        self._found["recovery_code"] = codes[0]

    def _token(self, person: httpx.Client) -> str:
        form = {"name": "Nightly", "scope": "write", "lifetime": "never", "reach": "all"}
        shown = self._send(person, "/account/tokens/new", 200, **form)
        token = re.search(r"rowcast_[\w-]{20,}", shown.text)
        assert token
        return token[0]

    def _import(self, name: str, content: bytes, table: str = "", **more: str) -> None:
        parameters = {"filename": name, "start": "true", **more}
        headers = {"Content-Type": "text/csv"}
        answer = self._api.post(f"{table}/imports", params=parameters, content=content, headers=headers)
        answer.raise_for_status()
        deadline = time.monotonic() + 60
        while (found := self._call("GET", f"/imports/{answer.json()['id']}"))["state"] != "done":
            assert time.monotonic() < deadline, found
            time.sleep(0.2)

    def _share(self) -> None:
        people = {one["email"]: one["id"] for one in self._call("GET", "/users")["items"]}
        self._call("POST", "/tables/1/members", user_id=people["eve@example.org"], role="editor")
        self._call("POST", "/tables/1/members", user_id=people["gus@example.org"], role="viewer")
        view = self._call("POST", "/tables/2/views", name="Large ones", state="f.1=ge%3A1000&sort=-1", is_shared=True)
        self._call("POST", "/tables/1/views", name="Mine", state="q=zo&cols=1-3")
        link = self._call("POST", "/tables/1/links", name="Press", state="cols=1-4", password=None)
        part = self._call("POST", "/tables/2/links", name="Partner", view_id=view["id"])
        secret = self._call("POST", "/tables/1/links", name="Secret", state="", password=PASSWORD)
        self._found["links"] = {name: path(one) for name, one in (("open", link), ("view", part), ("secret", secret))}
        form = self._call("POST", "/tables/2/forms", name="Report", intro="What did you see?")
        self._call("PATCH", f"/tables/2/forms/{form['id']}", is_on=True)
        self._found["form"] = path(form)
        stranger = self._browser()
        hidden = dict(re.findall(r'name="(seen|idempotency_key)" value="([\w-]+)"', stranger.get(path(form)).text))
        self._send(stranger, path(form), cell1="5000", cell2="0.5", cell3="by a form", **hidden)
        hook = self._call("POST", "/tables/1/webhooks", name="Stock", url="https://hooks.example.org/", events=[])
        self._call("PATCH", f"/tables/1/webhooks/{hook['id']}", is_on=False)

    def _edit(self) -> None:
        """Somebody else's edit, one that is undone, and one that is there and can be undone."""
        eve = self._browser()
        self._send(eve, "/login", email="eve@example.org", password=PASSWORD)
        change = {"rows": [{"id": 1, "cells": {"Name": "Zoé"}}]}
        self._program_of(self._token(eve)).patch("/tables/1/rows", json=change).raise_for_status()
        self._call("POST", "/tables/1/columns", title="Checked", type="boolean")
        self._call("PATCH", "/tables/1/rows", rows=[{"id": 2, "cells": {"Name": "Uni", "Amount": 12}}])
        self._send(self._ada, "/tables/1/undo")
        self._found["undone"] = [self._export(1, "csv")]
        self._call("PATCH", "/tables/1/rows", rows=[{"id": 1, "cells": {"Day": "2027-08-09", "Checked": True}}])

    def _change_many(self) -> None:
        self._found["before_large_change"] = self._export(2, "csv")
        form = {"column": "3", "find": "row", "replacement": "line", "match_case": "y"}
        answer = self._send(self._ada, "/tables/2/bulk/replace?rows=all", 303, confirm="1", **form)
        page = answer.headers["Location"]
        self._until(page, "start")
        before = self._call("GET", "/tables/2")["seq"]
        self._send(self._ada, f"{page}/start")
        self._found["large_change"] = self._until_changed(2, before)

    def _import_again(self) -> None:
        rows = b"Number,Half,Text\n5,99.5,row five\n9999,1.5,new\n"
        self._import("many.csv", rows, "/tables/2", mode="update", key="Number")

    def _trash(self) -> None:
        self._call("DELETE", "/tables/2/rows", rows=[{"id": 7}, {"id": 8}])
        self._found["undone"].insert(0, self._export(1, "csv"))  # what each further undo of Ada's leads to
        self._call("DELETE", "/tables/1/columns/7")
        self._found["in_the_trash"] = self._export(3, "csv")
        self._call("DELETE", "/tables/3")

    def _export(self, table_id: int, kind: str) -> str:
        return sha256(self._api.get(f"/tables/{table_id}/export", params={"format": kind}))

    def _until(self, page: str, word: str) -> None:
        deadline = time.monotonic() + 60
        while f"{page}/{word}" not in self._ada.get(page).text:
            assert time.monotonic() < deadline, page
            time.sleep(0.2)

    def _until_changed(self, table_id: int, seq: int) -> int:
        deadline = time.monotonic() + 60
        while (found := self._call("GET", f"/tables/{table_id}"))["seq"] == seq:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return int(found["seq"])

    def _browser(self) -> httpx.Client:
        return httpx.Client(base_url=self._program.url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)

    def _send(self, browser: httpx.Client, page: str, status: int = 303, **form: str) -> httpx.Response:
        answer = browser.post(page, data=form)
        assert answer.status_code == status, answer.text
        return answer

    def _program_of(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=f"{self._program.url}/api/v1", headers={"Authorization": f"Bearer {token}"})

    def _call(self, method: str, address: str, **body: Any) -> Any:
        answer = self._api.request(method, address, json=body or None)
        assert answer.is_success, (address, answer.text)
        return answer.json() if answer.content else None


def odd() -> bytes:
    lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in (TITLES, *ODD)]
    return "\r\n".join([*lines, ""]).encode()


def many() -> bytes:
    lines = (f"{row},{row * 1.5},row {row % 97}\n" for row in range(1, MANY + 1))
    return "".join(["Number,Half,Text\n", *lines]).encode()


def path(made: Any) -> str:
    return "/" + made["address"].split("/", 3)[3]


def sha256(answer: httpx.Response) -> str:
    answer.raise_for_status()
    return hashlib.sha256(answer.content).hexdigest()


def totp(secret: str, now: float) -> str:
    """RFC 6238."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(now) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def dump(data: Path) -> Any:
    """The database, and a table of what the other files have."""
    with closing(sqlite3.connect(data / "rowcast.db")) as database:
        database.execute("CREATE TABLE files (path TEXT, content)")
        for file in sorted(data.rglob("*")):
            if file.is_file() and ".db" not in file.name and "lock" not in file.name:
                database.execute("INSERT INTO files VALUES (?, ?)", (str(file.relative_to(data)), content(file)))
        yield from database.iterdump()
        database.rollback()


def content(file: Path) -> str | bytes:
    """A text if it is one, to be readable in the dump."""
    data = file.read_bytes()
    try:
        return data if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return data


if __name__ == "__main__":
    main(Path(sys.argv[1]))
