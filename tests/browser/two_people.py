"""Two people in two browsers work on one table: they type, paste, undo and delete rows, collide, lose the network, and
the server is killed and stopped meanwhile. At the end nothing is missing and the export is the replay of the log.

The long run, ten minutes on a million rows: `.venv/bin/python -m tests.browser.two_people --seconds 600 --rows 1000000`
"""

import argparse
import csv
import io
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, PATIENCE, Visit, find_chromium, give, open_profile
from tests.browser.people import settle, sign_up
from tests.browser.test_editing import card, editor, field, paste, type_text
from tests.browser.test_keyboard import press
from tests.browser.test_places import cell
from tests.conftest import make_settings
from tests.database import connect
from tests.helpers import Person
from tests.jobs.driver import Browser as Importer
from tests.live.table_events import add_member, cookie_of
from tests.models.tables.test_history_machine import Cells, replay_rows
from tests.server.recorded import log_of
from tests.servers import Server, wait_for
from webapp.db import migrations

EVE = Person("eve@example.org")
COLUMNS = ("Name", "Town", "Remark")
WIDTH, HEIGHT = 2, 4  # cells of a small paste
LARGE = 250  # rows of a large one
TROUBLE = ("ERR_", "failed: net::", "503")  # while there is no network or no server
GONE = (r"/cells/\d+/\d/edit answered 404", "status of 404")  # the other has just deleted the row
ENDINGS = ("", "", ", so", ' "x"', " é", " =1+1")
SETTLED = 45.0  # seconds until all is saved after a fault: the pauses between two tries grow to 15

VISIBLE = """() => [...document.querySelectorAll('#grid tbody tr[id^=r]')].filter((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return !row.classList.contains('gone') && top > 260 && bottom < innerHeight - 60;
}).map((row) => Number(row.id.slice(1)))"""
SHOWN = """() => Object.fromEntries([...document.querySelectorAll('#grid tbody tr[id^=r]:not(.gone)')]
    .map((row) => [row.id.slice(1), [...row.querySelectorAll('td')].map((cell) => cell.textContent)]))"""


class Worker:
    """One of the two, in a window of their own."""

    def __init__(self, visit: Visit, name: str, chance: random.Random) -> None:
        self.visit, self.page, self.name, self.chance = visit, visit.page, name, chance
        self.typed: set[str] = set()
        self.given_up: set[str] = set()  # by taking the other's text, or for a row that is gone
        self._open: set[Request] = set()
        self._count = 0
        self.page.on("request", lambda request: request.method == "POST" and self._open.add(request))
        self.page.on("requestfinished", lambda request: self._open.discard(request))
        self.page.on("requestfailed", lambda request: self._open.discard(request))

    def look_at(self, table_id: int, row: int) -> None:
        self.page.goto(f"/tables/{table_id}?at={row}")
        expect(self.page.locator("#live[data-state=live]")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator(f"#r{row}")).to_be_visible()

    def rows(self) -> list[int]:
        """Ids of rows that can be reached with the mouse."""
        return list(self.page.evaluate(VISIBLE))

    def any_row(self) -> int:
        return self.chance.choice(self.rows())

    def new_text(self) -> str:
        """Nothing is typed twice. Some of it needs quoting in a file."""
        self._count += 1
        self.typed.add(
            text := f"{self.name} {self._count}" + self.chance.choice(["", "", ", so", ' "x"', " é", " =1+1"])
        )
        return text

    def edit(self, row: int, column: int) -> None:
        cell(self.page, row, column).click()
        type_text(self.page, self.new_text())
        press(self.page, "Enter")

    def paste(self, row: int, height: int) -> None:
        cell(self.page, row, 1).click()
        block = [[self.new_text() for _ in range(WIDTH)] for _ in range(height)]
        paste(self.page, "\n".join("\t".join(map(_quoted, line)) for line in block))

    def delete(self, row: int) -> None:
        cell(self.page, row, 1).click()
        press(self.page, "Shift+F10")
        self.page.get_by_role("menuitem", name="Delete the row").click()

    def settle(self) -> None:
        """Decide what is to be decided, until all that was typed is saved or given up."""
        wait_for(self._is_settled, SETTLED)

    def _is_settled(self) -> bool:
        if card(self.page).count():
            self._decide()
            return False
        if editor(self.page).count():
            press(self.page, "Escape")
        waiting = self.page.locator("#saving").text_content() or ""
        is_saving = self._open or self.page.locator("#grid td.saving").count() or waiting.startswith("Not saved yet")
        return not is_saving

    def _decide(self) -> None:
        buttons = card(self.page).get_by_role("button")
        if (question := self.page.get_by_role("alertdialog")).count():  # rows that are not on the page
            question.get_by_role("button", name="Paste").click()
            return
        names = [name for name in buttons.all_inner_texts() if name in ("Keep mine", "Take theirs", "Discard mine")]
        chosen = self.chance.choice(names)
        if chosen != "Keep mine":
            self.given_up.add(card(self.page).locator("dd").last.inner_text())
        buttons.get_by_text(chosen, exact=True).click()


def _quoted(text: str) -> str:
    """As spreadsheets write a cell to the clipboard."""
    return '"' + text.replace('"', '""') + '"' if '"' in text else text


class Together:
    """The server, the table, and two people at it."""

    def __init__(self, folder: Path, browser: Browser, rows: int, chance: random.Random) -> None:
        self.folder, self.browser, self.count, self.chance = folder, browser, rows, chance
        self.file = write_rows(folder.parent / "people.csv", rows)
        self.done: Counter[str] = Counter()
        self.workers: list[Worker] = []
        self.server = Server("webapp:create_app", folder)

    def __enter__(self) -> "Together":
        with ExitStack() as undoing:
            undoing.callback(self.close)
            self.server.__enter__()
            self.cookies = [sign_up(self.server), settle(self.server, EVE)]
            self.table_id = self._import()
            add_member(self.server, self.table_id, EVE.email)
            for place, name in enumerate(("ada", "eve")):
                self.workers.append(self._open(place, name))
            self.move()
            undoing.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        for worker in self.workers:
            worker.page.context.close()
        self.server.stop()

    def _import(self) -> int:
        importer = Importer(self.folder).visit(self.server)
        importer.client.cookies.update(dict(self.cookies[0]))
        import_id = importer.upload(self.file)
        wait_for(lambda: importer.state(import_id) == "ready", 300)
        assert importer.post(import_id, "start").status_code == 303
        wait_for(lambda: importer.state(import_id) == "done", 600)
        importer.close()
        return int(importer.found(import_id)["table_id"])

    def _open(self, place: int, name: str) -> Worker:
        context = open_profile(self.browser, self.server)
        give(context, self.server, self.cookies[place])
        visit = Visit(context.new_page(), self.server)
        visit.expect(*TROUBLE, *GONE)
        return Worker(visit, name, random.Random(self.chance.random()))

    # -- what they do ----------------------------------------------------------------------------------------------

    def work(self, seconds: float) -> None:
        """Each kind of thing once, in any order, and then any of them until the time is over."""
        deadline = time.monotonic() + seconds
        often = [self.write, self.paste, self.undo, self.collide]
        acts = [*often, self.paste_much, self.delete, self.move, self.cut, self.kill, self.stop]
        for act in self.chance.sample(acts, len(acts)):
            self.do(act)
        while time.monotonic() < deadline:
            self.do(self.chance.choice([*acts, *often, *often, *often]))

    def do(self, act: Callable[[], None]) -> None:
        act()
        self.done[act.__name__] += 1
        self.settle()
        trouble = [text for worker in self.workers for text in worker.visit.trouble]
        assert not trouble, (act.__name__, trouble)

    def settle(self) -> None:
        """Deciding for one's own text may be a conflict with what the other decides, so both are asked again."""
        for worker in (*self.workers, *self.workers):
            worker.settle()

    def one(self) -> Worker:
        return self.chance.choice(self.workers)

    def move(self) -> None:
        """Both to the same place, so that they see each other's work."""
        row = self.chance.randint(1, self.count - LARGE - 100)
        with closing(connect(self.folder / "rowcast.db")) as connection:
            found = connection.execute(f"SELECT min(id) FROM t{self.table_id} WHERE id >= ?", (row,)).fetchone()
        for worker in self.workers:
            worker.look_at(self.table_id, found[0])

    def write(self) -> None:
        """Both at once, without waiting for each other, also into the same cells."""
        rows = self.chance.sample(self.workers[0].rows(), 3)
        for row in rows:
            for worker in self.workers:
                if row in worker.rows():
                    worker.edit(row, self.chance.randint(1, 3))

    def paste(self) -> None:
        worker = self.one()
        worker.paste(worker.any_row(), HEIGHT)

    def paste_much(self) -> None:
        """Rows that are not on the page, too."""
        worker = self.one()
        worker.paste(worker.any_row(), LARGE)

    def undo(self) -> None:
        worker = self.one()
        cell(worker.page, worker.any_row(), 1).click()
        for keys in self.chance.choice((["Control+z"], ["Control+z", "Control+z"], ["Control+z", "Control+Shift+z"])):
            press(worker.page, keys)
            worker.settle()

    def delete(self) -> None:
        worker = self.one()
        worker.delete(worker.any_row())

    def collide(self) -> None:
        """One has the editor open while the other saves."""
        mine, other = self.chance.sample(self.workers, 2)
        row = self.chance.choice([row for row in mine.rows() if row in other.rows()])
        cell(mine.page, row, 2).click()
        press(mine.page, "Enter")
        expect(field(mine.page)).to_be_focused()
        other.edit(row, 2)
        other.settle()
        press(mine.page, "Control+a")
        type_text(mine.page, mine.new_text())
        press(mine.page, "Enter")

    def cut(self) -> None:
        """One loses the network and types on; the other writes into one of the same cells."""
        mine, other = self.chance.sample(self.workers, 2)
        rows = self.chance.sample([row for row in mine.rows() if row in other.rows()], 2)
        mine.page.context.set_offline(True)
        for row in rows:
            mine.edit(row, 1)
        other.edit(rows[0], 1)
        other.settle()
        mine.page.context.set_offline(False)

    def kill(self) -> None:
        self._end(lambda: self.server.process.kill())

    def stop(self) -> None:
        self._end(self.server.terminate)

    def _end(self, end: Callable[[], None]) -> None:
        """While edits are on their way; more are typed while there is no server."""
        one, other = self.workers
        one.edit(one.any_row(), 1)
        other.paste(other.any_row(), HEIGHT)
        end()
        self.server.wait()
        one.edit(one.any_row(), 3)
        self.server.stop()
        self.server = Server("webapp:create_app", self.folder, port=str(self.server.port))
        self.server.__enter__()

    # -- what is true at the end -----------------------------------------------------------------------------------

    def check(self) -> None:
        self.settle()
        log = log_of(self.folder, self.table_id)
        self.check_export(log)
        self.check_texts(log)
        for worker in self.workers:
            try:
                wait_for(lambda page=worker.page: not self.untrue(page))
            except AssertionError as error:
                raise AssertionError(worker.name, self.untrue(worker.page), self.done) from error

    def check_export(self, log: Sequence[Sequence[Any]]) -> None:
        """The export is the file, with the log replayed over it."""
        entries = [entry for one in log for entry in one]
        touched = {entry.row_id for entry in entries if entry.row_id is not None}
        before: Cells = {}
        for number, row in enumerate(read_rows(self.file), 1):
            if number in touched:
                before[number] = dict(enumerate(row, 1))
        after = replay_rows(before, entries)
        expected = (
            [after[number][column] for column in (1, 2, 3)] if number in touched else row
            for number, row in enumerate(read_rows(self.file), 1)
            if number not in touched or number in after
        )
        for line, (found, wanted) in enumerate(zip_longest(self._export(), expected)):
            assert found == wanted, (line, found, wanted)

    def _export(self) -> Iterator[list[str]]:
        answer = self.server.get(f"/tables/{self.table_id}/export?format=csv", Cookie=cookie_of(self.cookies[0]))
        assert answer.status == 200
        assert answer.is_whole
        rows = csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
        next(rows)
        yield from rows

    def check_texts(self, log: Sequence[Sequence[Any]]) -> None:
        """What was typed is in the log, unless it was given up, and was made once; undo and redo make it again."""
        after = {entry.after for one in log for entry in one if entry.is_cell}
        for worker in self.workers:
            assert worker.typed - after <= worker.given_up, worker.typed - after - worker.given_up

    def untrue(self, page: Page) -> dict[int, tuple[Any, Any]]:
        """The rows that a page shows otherwise than they are in the table, and how they are; None: they are gone."""
        shown = {int(number): texts for number, texts in page.evaluate(SHOWN).items()}
        with closing(connect(self.folder / "rowcast.db")) as connection:
            names = ",".join(map(str, shown))
            rows = connection.execute(f"SELECT id, c1, c2, c3 FROM t{self.table_id} WHERE id IN ({names})").fetchall()
        there = {number: cells for number, *cells in rows}
        return {row: (texts, there.get(row)) for row, texts in shown.items() if texts != there.get(row)}

    def __str__(self) -> str:
        typed = sum(len(worker.typed) for worker in self.workers)
        given_up = sum(len(worker.given_up) for worker in self.workers)
        sets = len(log_of(self.folder, self.table_id))
        return f"{dict(self.done)}; {typed} texts, {given_up} of them given up, {sets} change sets"


def write_rows(path: Path, rows: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((f"name {number}", f"town {number % 997}", f'"{number}", he said') for number in range(rows))
    return path


def read_rows(path: Path) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.two_people", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    print(f"--seconds {arguments.seconds:g} --rows {arguments.rows} --seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="rowcast-two-people-")) / "data"
    migrations.upgrade(make_settings(folder))
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS])
        with Together(folder, browser, arguments.rows, random.Random(arguments.seed)) as together:
            together.work(arguments.seconds)
            together.check()
            print(together)
        browser.close()
    shutil.rmtree(folder.parent)
    print("The export is the replay of the log, and both pages show it.")


if __name__ == "__main__":
    main()
