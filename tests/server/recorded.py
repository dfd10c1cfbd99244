"""Several people edit a few cells of a real server that is killed and stopped meanwhile; all they are answered is kept.

The longer run, with the same checks as in the test: `.venv/bin/python -m tests.server.recorded --seconds 60`
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Condition, Event
from typing import Any

from sqlalchemy import NullPool, create_engine, select

from tests.browser.people import Cookies, settle, sign_up
from tests.conftest import make_settings
from tests.database import connect
from tests.helpers import Person
from tests.linearizability import Operation, find_violation
from tests.live.table_events import TableEvents, add_member, cookie_of
from tests.models.tables.test_history_machine import Cells, replay_rows
from tests.servers import PATIENCE, Answer, Server
from tests.tables import add_table
from webapp.db import migrations
from webapp.models.tables.change_set import ChangeSet, Entry, entries_of

COLUMNS = {"City": "text", "Country": "text"}
ROWS = (("Oslo", "Norway"), ("Turku", "Finland"))
PLACES = [(row, column) for row in (1, 2) for column in (1, 2)]
PEOPLE = tuple(Person(f"{name}@example.org") for name in ("ada", "eve", "gus"))
BETWEEN = (20, 150)  # answers between one end of the server and the next

Place = tuple[int, int]  # row and column


class Lost(Exception):
    """No whole answer came: whether the request was carried out is not known."""


class House:
    """The server, which is another one after each end, on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ends: dict[Server, float] = {}  # when each was gone for certain
        self.answers = 0
        self._has_changed = Condition()
        self.server = self._start()

    def _start(self) -> Server:
        return Server("webapp:create_app", self.folder, graceful_timeout="2").__enter__()

    def restart(self, *, kill: bool) -> None:
        old = self.server
        if kill:
            old.process.kill()
        old.stop()
        with self._has_changed:
            self.ends[old] = time.monotonic()
        new = self._start()
        with self._has_changed:
            self.server = new
            self._has_changed.notify_all()

    def successor(self, server: Server) -> float:
        """Wait for the next server; return when this one was gone."""
        with self._has_changed:
            assert self._has_changed.wait_for(lambda: self.server is not server, PATIENCE)
            return self.ends[server]

    def count_answer(self) -> None:
        with self._has_changed:
            self.answers += 1
            self._has_changed.notify_all()

    def wait_for_answers(self, count: int, timeout: float) -> bool:
        with self._has_changed:
            enough = self.answers + count
            return self._has_changed.wait_for(lambda: self.answers >= enough, timeout)


class Client:
    """Edits at random what it believes to be there, sends again what was not answered, and keeps all answers."""

    def __init__(self, house: House, cookies: Cookies, name: str, table_id: int, chance: random.Random) -> None:
        self.house, self.cookies, self.name, self.table_id, self.chance = house, cookies, name, table_id, chance
        self.believes: dict[Place, str] = {place: ROWS[place[0] - 1][place[1] - 1] for place in PLACES}
        self.operations: list[tuple[Place, Operation]] = []
        self.saved: list[tuple[int | None, Place, str]] = []  # change set, cell, text
        self.added: list[tuple[int, str]] = []  # the row's id and its text
        self.lost = 0

    def work(self, is_over: Event) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            act = self.chance.choices([self.save, self.look, self.add], [6, 2, 1])[0]
            act(f"{self.name} {number}")

    def save(self, text: str) -> None:
        """One cell or two, as one change."""
        places = self.chance.sample(PLACES, self.chance.choice((1, 1, 2)))
        seen = {place: self.believes[place] for place in places}
        edits = [
            {"row": row, "column": column, "seen": seen[row, column], "text": f"{text} {row} {column}"}
            for row, column in places
        ]
        answer = self.insist("cells", {"edits": edits}, lambda found: self._keep_save(seen, text, found))
        for row, column, held in answer["saved"]:
            self.believes[row, column] = held
            self.saved.append((answer["seq"], (row, column), held))
        for conflict in answer["conflicts"]:
            self.believes[conflict["row"], conflict["column"]] = conflict["current"]

    def _keep_save(self, seen: dict[Place, str], text: str, found: "Found") -> None:
        answer = found.answer
        held: dict[Place, str] = {}
        if answer is not None:
            assert not answer["refused"], answer
            held = {(row, column): saved for row, column, saved in answer["saved"]}
            held |= {(one["row"], one["column"]): one["current"] for one in answer["conflicts"]}
            assert held.keys() == seen.keys(), answer
        for place, before in seen.items():
            asked = f"{text} {place[0]} {place[1]}"
            one = Operation(self.name, found.began, found.ended, held.get(place), before, asked)
            self.operations.append((place, one))

    def look(self, text: str) -> None:
        row, column = self.chance.choice(PLACES)
        with suppress(Lost):
            found = self._ask("GET", f"/tables/{self.table_id}/rows/{row}/cells/{column}")
            held = found.body.decode()
            self.operations.append(((row, column), Operation(self.name, found.began, found.ended, held)))
            self.believes[row, column] = held

    def add(self, text: str) -> None:
        answer = self.insist(
            "rows", {"rows": [{"1": text}]}, lambda found: None, Idempotency_Key=text.replace(" ", "-")
        )
        self.added += [(row_id, text) for row_id in answer["ids"]]

    def insist(self, path: str, body: Any, keep: Callable[["Found"], None], **headers: str) -> Any:
        """Send it until it is answered, as a page does."""
        sent = json.dumps(body).encode()
        while True:
            began = time.monotonic()
            try:
                found = self._ask(
                    "POST", f"/tables/{self.table_id}/{path}", sent, Content_Type="application/json", **headers
                )
            except Lost as error:
                keep(Found(began, max(began, error.args[0])))
                continue
            keep(found)
            return found.answer

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> "Found":
        server, began = self.house.server, time.monotonic()
        raw = b""
        with suppress(OSError), server.connect() as wire:
            length = {"Content_Length": str(len(body))} if body else {}
            given = {"Cookie": cookie_of(self.cookies), "Sec_Fetch_Site": "same-origin"}
            wire.send_head(method, path, **given, **length, **headers)
            wire.send(body)
            raw = wire.read_all()
        ended = time.monotonic()
        if b"\r\n\r\n" not in raw or not (answer := Answer(raw)).is_whole:
            self.lost += 1
            raise Lost(self.house.successor(server))
        assert answer.status == 200, raw.decode()
        self.house.count_answer()
        return Found(began, ended, answer.body)


class Found:
    """An answer, or none, and from when to when the request may have taken effect."""

    def __init__(self, began: float, ended: float, body: bytes = b"") -> None:
        self.began, self.ended, self.body = began, ended, body

    @property
    def answer(self) -> Any:
        return json.loads(self.body) if self.body else None


class Reader:
    """An open page of the table, which connects again where it was."""

    def __init__(self, house: House, cookies: Cookies, table_id: int) -> None:
        self.house, self.cookies, self.table_id = house, cookies, table_id
        self.sets: list[tuple[int | None, Any]] = []
        self.connected = 0

    def work(self, last: "Future[int]") -> None:
        """Until it has the last change set there will be. A stream ends with its server and not before."""
        while not self._has_all(last):
            server = self.house.server
            with suppress(OSError, EOFError):
                events = TableEvents(server, self.cookies, self.table_id, Last_Event_ID=str(self._after))
                self.connected += 1
                with closing(events):
                    while not self._has_all(last):
                        name, number, data = events.next("message", "refresh", "ping")
                        if name != "ping":
                            self.sets.append((number, data))
            if not self._has_all(last):
                self.house.successor(server)

    @property
    def _after(self) -> int:
        return (self.sets[-1][0] or 0) if self.sets else 0

    def _has_all(self, last: "Future[int]") -> bool:
        return last.done() and self._after >= last.result()


class Recording:
    """What came of a run. `log` has the entries of each change set, `rows` the table at the end, from its export."""

    def __init__(
        self, clients: Sequence[Client], readers: Sequence[Reader], restarts: int, log: list[list[Entry]], rows: Cells
    ) -> None:
        self.clients, self.readers, self.restarts, self.log, self.rows = clients, readers, restarts, log, rows

    def __str__(self) -> str:
        answered = [one for client in self.clients for _, one in client.operations if one.found is not None]
        return (
            f"{len(answered)} answers about {len(PLACES)} cells, {sum(client.lost for client in self.clients)} requests"
            f" without an answer, {len(self.log)} change sets, {self.restarts} ends of the server"
        )

    def check(self) -> None:
        self.check_cells()
        self.check_log()
        self.check_edits()
        self.check_rows()
        self.check_streams()

    def check_cells(self) -> None:
        """Each cell is a register, up to what the export has."""
        end = 1 + max(one.ended for client in self.clients for _, one in client.operations)
        for place in PLACES:
            row, column = place
            history = [one for client in self.clients for at, one in client.operations if at == place]
            history.append(Operation("export", end, end, self.rows[row][column]))
            violation = find_violation(ROWS[row - 1][column - 1], history)
            assert violation is None, (place, violation)

    def check_log(self) -> None:
        """The table is the replay of its log."""
        imported = {number: dict(enumerate(row, 1)) for number, row in enumerate(ROWS, 1)}
        assert replay_rows(imported, [entry for one in self.log for entry in one]) == self.rows

    def check_edits(self) -> None:
        """What was acknowledged is in the log, in the set that the answer named, and nothing is in it twice."""
        texts = Counter(entry.after for one in self.log for entry in one if entry.is_cell)
        assert set(texts.values()) <= {1}, texts.most_common(3)
        for client in self.clients:
            for seq, place, text in client.saved:
                assert text in texts
                if seq is not None:
                    assert (place, text) in [(entry.place, entry.after) for entry in self.log[seq - 1]]

    def check_rows(self) -> None:
        """Each row was added once, with the id that the answer named."""
        added = {row_id: cells[1] for row_id, cells in self.rows.items() if row_id > len(ROWS)}
        assert sorted(added.items()) == sorted(one for client in self.clients for one in client.added)

    def check_streams(self) -> None:
        """Each page got every change set once, in order and whole."""
        expected = [(seq, *_as_told(entries)) for seq, entries in enumerate(self.log, 1)]
        for reader in self.readers:
            told = [(seq, data.get("cells", []), data.get("added", [])) for seq, data in reader.sets]
            assert told == expected


def _as_told(entries: Sequence[Entry]) -> tuple[list[Any], list[Any]]:
    cells = [[*entry.place, entry.after] for entry in entries if entry.is_cell]
    return cells, [entry.row_id for entry in entries if entry.is_row]


def record(folder: Path, seconds: float, seed: int) -> Recording:
    """`folder` has a migrated database. At least two ends of the server, one of each kind, however slow it is."""
    house, chance = House(folder), random.Random(seed)
    people = [sign_up(house.server, PEOPLE[0]), *(settle(house.server, person) for person in PEOPLE[1:])]
    table_id = add_table(folder, COLUMNS, ROWS)
    for person in PEOPLE[1:]:
        add_member(house.server, table_id, person.email)
    names = [person.email.partition("@")[0] for person in PEOPLE]
    clients = [
        Client(house, cookies, name, table_id, random.Random(f"{seed} {name}"))
        for name, cookies in zip(names, people, strict=True)
    ]
    readers = [Reader(house, cookies, table_id) for cookies in people]
    is_over, last = Event(), Future[int]()
    try:
        with ThreadPoolExecutor(2 * len(people)) as pool:
            reading = [pool.submit(reader.work, last) for reader in readers]
            working = [pool.submit(client.work, is_over) for client in clients]
            try:
                _disturb(house, seconds, chance, working)
            finally:
                is_over.set()
                try:
                    for one in working:
                        one.result()
                finally:
                    last.set_result(_last_seq(folder, table_id))
                    # A page waits for a message: the stream of its server ends, and it finds that nothing is missing.
                    house.restart(kill=False)
            for one in reading:
                one.result()
        rows = _exported(house.server, people[0], table_id)
    finally:
        house.server.stop()
    return Recording(clients, readers, len(house.ends), log_of(folder, table_id), rows)


def _disturb(house: House, seconds: float, chance: random.Random, working: Sequence["Future[None]"]) -> None:
    deadline = time.monotonic() + seconds
    while len(house.ends) < 2 or time.monotonic() < deadline:
        if not house.wait_for_answers(chance.randint(*BETWEEN), PATIENCE):
            assert not any(one.done() for one in working), [one.exception() for one in working if one.done()]
            raise AssertionError("The server does not answer")
        house.restart(kill=len(house.ends) % 3 != 2)


def _last_seq(folder: Path, table_id: int) -> int:
    with closing(connect(folder / "rowcast.db")) as connection:
        return int(connection.execute("SELECT seq FROM tables WHERE id = ?", (table_id,)).fetchone()[0])


def log_of(folder: Path, table_id: int) -> list[list[Entry]]:
    """The entries of each set. Its sets are numbered from 1 without a gap."""
    engine = create_engine(f"sqlite:///{folder / 'rowcast.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        numbers = connection.scalars(
            select(ChangeSet.seq).where(ChangeSet.table_id == table_id).order_by(ChangeSet.seq)
        ).all()
        assert numbers == list(range(1, len(numbers) + 1))
        return [entries_of(connection, table_id, seq) for seq in numbers]


def _exported(server: Server, cookies: Cookies, table_id: int) -> Cells:
    """The rows of the export. Nothing is deleted, so the ids are those from 1 on; no text needs quoting."""
    answer = server.get(f"/tables/{table_id}/export?format=csv", Cookie=cookie_of(cookies))
    assert answer.status == 200
    lines = answer.body.decode().splitlines()[1:]
    return {number: dict(enumerate(line.split(","), 1)) for number, line in enumerate(lines, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.server.recorded", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    print(f"--seconds {arguments.seconds:g} --seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="rowcast-recorded-")) / "data"
    migrations.upgrade(make_settings(folder))
    recording = record(folder, arguments.seconds, arguments.seed)
    print(recording)
    recording.check()
    shutil.rmtree(folder.parent)
    print("Every answer is explained, the log is the table, and every stream is the log.")


if __name__ == "__main__":
    main()
