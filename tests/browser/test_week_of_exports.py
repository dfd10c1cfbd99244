"""Five exports of the same system, made by a script, laid over one another: two clicks each, edits in between survive,
and one of them is undone in the end. The table must be what the script says.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_intake import DROP
from tests.servers import wait_for

Rows = dict[str, dict[str, str]]  # by their id
CITIES = ("Oslo", "Bergen", "Narvik", "Hamar", "Bodø", "Moss")
TITLES = ["id", "City", "Amount"]


@dataclass
class Script:
    """Changes the rows of a system from week to week, and knows what becomes of a table that follows."""

    rows: Rows = field(default_factory=dict)
    titles: list[str] = field(default_factory=lambda: list(TITLES))
    table: Rows = field(default_factory=dict)
    edits: set[tuple[str, str]] = field(default_factory=set)

    def add(self, *ids: int) -> None:
        for number in ids:
            self.rows[str(number)] = {"City": CITIES[number % 6], "Amount": str(number * 10)}

    def change(self, number: int, title: str, text: str) -> None:
        self.rows[str(number)][title] = text

    def export(self, path: Path) -> Path:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.titles)
            named = [("City" if title == "Town" else title) for title in self.titles[1:]]
            writer.writerows([key, *(row.get(title, "") for title in named)] for key, row in self.rows.items())
        return path

    def follow(self) -> Rows:
        """The table takes what the file has, but for what was edited; return it as it was before."""
        before = {key: dict(row) for key, row in self.table.items()}
        for key, row in self.rows.items():
            kept = {title: self.table[key][title] for title in row if (key, title) in self.edits}
            self.table[key] = self.table.get(key, {}) | row | kept
        for key in set(self.table) - set(self.rows):
            del self.table[key]
        return before

    def edit(self, number: int, title: str, text: str) -> str:
        """Return what the cell had."""
        self.edits.add((str(number), title))
        before, self.table[str(number)][title] = self.table[str(number)][title], text
        return before


def test_a_week_of_exports(home: Visit, page: Page, table: Callable[..., str], tmp_path: Path) -> None:
    script = Script()
    script.add(*range(1, 13))
    script.follow()
    stored = [[key, row["City"], row["Amount"]] for key, row in script.table.items()]
    address = table(dict(zip(TITLES, ("integer", "text", "integer"), strict=True)), stored, title="Orders")

    script.change(2, "Amount", "999")
    del script.rows["5"]
    script.add(13, 14)
    lay_over(page, address, script.export(tmp_path / "orders 1.csv"), first=True)
    script.follow()
    edit(page, address, 3, 2, script.edit(3, "City", "Ås"), "Ås")

    script.change(4, "City", "Trondheim")
    script.change(3, "City", "Røros")
    del script.rows["6"]
    script.add(15)
    third = lay_over(page, address, script.export(tmp_path / "orders 2.csv"))
    before_third = script.follow()

    script.titles.append("Note")
    script.change(1, "Note", "first")
    script.change(7, "Amount", "1")
    lay_over(page, address, script.export(tmp_path / "orders 3.csv"))
    script.follow()
    edit(page, address, 8, 3, script.edit(8, "Amount", "12345"), "12345")

    script.titles[1] = "Town"
    script.change(9, "City", "Voss")
    del script.rows["10"]
    script.add(16)
    lay_over(page, address, script.export(tmp_path / "orders 4.csv"))
    script.follow()

    script.change(11, "Amount", "7")
    lay_over(page, address, script.export(tmp_path / "orders 5.csv"))
    script.follow()
    assert exported(page, address) == expected(script.table)

    undo(page, third)
    script.table["4"]["City"] = before_third["4"]["City"]
    script.table["6"] = before_third["6"]
    del script.table["15"]
    wait_for(lambda: exported(page, address) == expected(script.table))
    page.goto(f"{address}/history")
    expect(page.get_by_role("link", name=re.compile("undid “updated . rows from orders 2.csv"))).to_be_visible()


def test_a_file_dropped_on_the_table_is_compared_with_it(page: Page, planets: str) -> None:
    expect(page.locator("form.drop-again")).to_be_hidden()
    wait_for(lambda: page.evaluate(DROP, ["planets.csv", "Planet,Moons\nMars,3\nPluto,5\n"]))
    expect(page.get_by_role("button", name="Import: add 1, change 1 rows")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{planets}/imports/"))


def lay_over(page: Page, address: str, file: Path, *, first: bool = False) -> str:
    """Two clicks: the file, and the button. Return the address of the import."""
    page.goto(f"{address}/imports")
    with page.expect_file_chooser() as chooser:
        page.locator("#upload-file").click()
    chooser.value.set_files(file)
    button = page.locator(".import-button")
    expect(button).to_be_visible()
    if first:  # what becomes of rows that are not in the file is decided once
        page.get_by_text("How rows and columns are matched").click()
        page.get_by_label("Rows that are not in the file").select_option("delete")
        page.get_by_role("button", name="Compare again").click()
        expect(page.get_by_text("removed", exact=True)).to_be_visible()
    button.click()
    expect(page.get_by_role("heading", name=f"{file.name} is imported")).to_be_visible()
    return page.url


def edit(page: Page, address: str, row: int, column: int, seen: str, text: str) -> None:
    body = {"edits": [{"row": row, "column": column, "seen": seen, "text": text}]}
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    answer = page.request.post(f"{address}/cells", data=json.dumps(body), headers=headers)
    assert answer.ok, answer.text()


def undo(page: Page, address: str) -> None:
    page.goto(f"{address}/changes")
    page.get_by_role("link", name="The change in the history").click()
    page.get_by_role("button", name="Undo this").click()
    expect(page.get_by_text("Changed 1 cell in 1 row and 2 whole rows")).to_be_visible()


def exported(page: Page, address: str) -> Rows:
    text = page.request.get(f"{address}/export?format=csv").text()
    return {row.pop("id"): row for row in csv.DictReader(io.StringIO(text))}


def expected(rows: Rows) -> Rows:
    return {key: {title: row.get(title, "") for title in ("City", "Amount", "Note")} for key, row in rows.items()}
