"""What making a recording takes, whichever release it is of: its program, people, files, and the dump."""

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
import time
from collections.abc import Iterator
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


def save(target: Path, data: Path, found: dict[str, Any]) -> None:
    """What was written down, and the data folder, whose server has ended."""
    target.with_suffix(".json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    sql = "".join(f"{line}\n" for line in dump(data)).encode()
    target.with_suffix(".sql.xz").write_bytes(lzma.compress(sql, preset=9 | lzma.PRESET_EXTREME))


class Commands:
    """The program's commands, for one data folder."""

    def __init__(self, data: Path) -> None:
        given = {"ROWCAST_DATA_DIR": str(data), "ROWCAST_PORT": "0"}
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("ROWCAST_")}
        self._environment |= given

    def run(self, *arguments: str, text: str = "") -> bytes:
        command = [sys.executable, "-m", "webapp", *arguments]
        done = subprocess.run(command, env=self._environment, input=text.encode(), stdout=subprocess.PIPE, check=True)
        return done.stdout

    def add_person(self, email: str, role: str) -> None:
        self.run("user", "add", email, "--role", role, text=f"{PASSWORD}\n{PASSWORD}\n")


class Program(Commands):
    """With a server on any free port."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        command = [sys.executable, "-m", "webapp", "serve"]
        self._server = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        ready = re.search(r"ready at (http://\S+:\d+)/", self._server.stdout.readline())
        assert ready
        self.url = ready[1]

    def close(self) -> None:
        self._server.send_signal(signal.SIGTERM)
        assert self._server.wait(60) == 0


class People:
    """The installation's people; `ada` is its owner's browser, and `found` what is written down."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: dict[str, Any] = {"password": PASSWORD, "people": {"ada@example.org": "owner"}}
        self.ada = self.browser()
        self.send(self.ada, "/register", email="ada@example.org", password=PASSWORD, confirmation=PASSWORD)
        self.add_people()

    def add_people(self) -> None:
        for name, role in PEOPLE.items():
            email = f"{name}@example.org"
            self.program.add_person(email, role)
            self.found["people"][email] = role
        bob = self.browser()
        self.send(bob, "/login", email="bob@example.org", password=PASSWORD)
        page = bob.get("/account/second-factor/new").text
        secret = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
        sealed = re.search(r'name="sealed"[^>]* value="([^"]+)"', page)
        assert secret
        assert sealed
        self.found["secret"] = secret[1].replace(" ", "")
        shown = self.send(
            bob, "/account/second-factor/new", 200, sealed=sealed[1], code=totp(self.found["secret"], time.time())
        )
        codes = re.findall(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){5}\b", shown.text)
        self.found["recovery_code"] = codes[0]

    def token(self, person: httpx.Client) -> str:
        form = {"name": "Nightly", "scope": "write", "lifetime": "never", "reach": "all"}
        shown = self.send(person, "/account/tokens/new", 200, **form)
        token = re.search(r"rowcast_[\w-]{20,}", shown.text)
        assert token
        return token[0]

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.program.url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)

    def send(self, browser: httpx.Client, page: str, status: int = 303, **form: str) -> httpx.Response:
        answer = browser.post(page, data=form)
        assert answer.status_code == status, answer.text
        return answer

    def program_of(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=f"{self.program.url}/api/v1", headers={"Authorization": f"Bearer {token}"})


def odd() -> bytes:
    lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in (TITLES, *ODD)]
    return "\r\n".join([*lines, ""]).encode()


def many() -> bytes:
    lines = (f"{row},{row * 1.5},row {row % 97}\n" for row in range(1, MANY + 1))
    return "".join(["Number,Half,Text\n", *lines]).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def totp(secret: str, now: float) -> str:
    """RFC 6238."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(now) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def dump(data: Path) -> Iterator[str]:
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
