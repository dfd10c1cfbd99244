"""Columns are added, renamed, given another type, moved and deleted for everybody, and each change is undone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import Cookies
from tests.browser.test_editing import field, saved
from tests.browser.test_keyboard import press
from tests.browser.test_places import cell
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS

WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["with-javascript", "without-javascript"])


class Desk:
    """Ada's window at a table of her own, with or without JavaScript."""

    def __init__(self, visit: Visit, address: str, cookies: Cookies, *, scripted: bool) -> None:
        self.visit, self.page, self.address, self.scripted = visit, visit.page, address, scripted
        self._server, self._cookies = visit.server, cookies

    def open(self, title: str) -> None:
        """What can be done with a column: beside the grid, or as a page of its own."""
        self.page.goto(self.address)
        self.page.get_by_role("columnheader", name=title).hover()
        self.page.get_by_role("link", name=f"Column {title}:").click()
        expect(self.place.get_by_role("heading", name=title, exact=True).first).to_be_visible()

    @property
    def place(self) -> Any:
        return self.page.locator("#panel" if self.scripted else "#main")

    def press(self, name: str) -> None:
        self.place.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        self.place.get_by_role("link", name=name).click()

    def undo(self) -> None:
        self.page.goto(self.address)
        if self.scripted:
            self.page.locator("#undo").click()
        else:
            self.page.locator("summary").filter(has_text="Edit").click()
            self.page.get_by_role("button", name="Undo my last change").click()

    def export(self) -> list[str]:
        """The lines of the table's export."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies)
        answer = self._server.ask("GET", f"{self.address}/export?format=csv", Cookie=cookie)
        assert answer.status == 200
        return answer.body.decode("utf-8-sig").split("\r\n")


@pytest.fixture
def sit(visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str]) -> Callable[[bool], Desk]:
    def at(scripted: bool) -> Desk:
        window = visit(house, ada, java_script_enabled=scripted)
        return Desk(window, table(PLANETS, PLANET_ROWS), ada, scripted=scripted)

    return at


def titles(page: Page) -> Any:
    """The links of the titles, whose texts are these."""
    return page.locator("#grid thead .sort")


@WAYS
def test_a_column_is_added_beside_another_and_taken_away_by_undo(sit: Callable[[bool], Desk], scripted: bool) -> None:
    desk = sit(scripted)
    before = desk.export()
    desk.open("Moons")
    desk.follow("Insert before")
    desk.place.get_by_label("Title").fill("Symbol")
    expect(desk.place.get_by_label("Place")).to_have_value("2")
    desk.press("Add the column")
    expect(desk.page.get_by_text("The column “Symbol” is added.")).to_be_visible()
    expect(titles(desk.page)).to_have_text(["Planet", "Symbol", "Moons", "Radius", "Rings", "Seen"])
    assert desk.export()[:2] == ["Planet,Symbol,Moons,Radius,Rings,Seen", "Mercury,,0,2439.7,no,"]
    desk.undo()
    expect(titles(desk.page)).to_have_text(["Planet", "Moons", "Radius", "Rings", "Seen"])
    assert desk.export() == before


@WAYS
def test_a_column_is_renamed(sit: Callable[[bool], Desk], scripted: bool) -> None:
    desk = sit(scripted)
    desk.open("Moons")
    desk.follow("Edit column")
    desk.place.get_by_label("Title").fill("Satellites")
    desk.press("Save")
    expect(desk.page.get_by_text("The column “Satellites” is changed for everybody.")).to_be_visible()
    expect(titles(desk.page)).to_have_text(["Planet", "Satellites", "Radius", "Rings", "Seen"])
    desk.undo()
    expect(titles(desk.page)).to_have_text(["Planet", "Moons", "Radius", "Rings", "Seen"])


@WAYS
def test_a_title_that_another_column_has_is_refused_beside_the_field(
    sit: Callable[[bool], Desk], scripted: bool
) -> None:
    desk = sit(scripted)
    desk.visit.expect("/columns/2 answered 422", "status of 422")
    desk.open("Moons")
    desk.follow("Edit column")
    desk.place.get_by_label("Title").fill("radius")
    desk.press("Save")
    expect(desk.page.get_by_text("Another column has the title “radius”.")).to_be_visible()
    expect(desk.page.get_by_label("Title")).to_have_value("radius")
    if scripted:
        expect(desk.page.get_by_label("Title")).to_be_focused()
    assert desk.export()[0] == "Planet,Moons,Radius,Rings,Seen"


@WAYS
def test_a_column_is_moved_for_everybody(sit: Callable[[bool], Desk], scripted: bool) -> None:
    desk = sit(scripted)
    desk.open("Radius")
    desk.follow("Edit column")
    desk.place.get_by_label("Place").fill("1")
    desk.press("Save")
    expect(titles(desk.page)).to_have_text(["Radius", "Planet", "Moons", "Rings", "Seen"])
    assert desk.export()[1] == "2439.7,Mercury,0,no,"
    desk.undo()
    expect(titles(desk.page)).to_have_text(["Planet", "Moons", "Radius", "Rings", "Seen"])


@WAYS
def test_a_column_gets_another_type_after_a_look_at_what_would_not_fit(
    sit: Callable[[bool], Desk], table: Callable[..., str], scripted: bool
) -> None:
    desk = sit(scripted)
    desk.address = table({"Size": "text"}, [(text,) for text in ("10", "9", "large", "100", "8")])
    before = desk.export()
    desk.open("Size")
    desk.follow("Change type")
    desk.place.get_by_text("Cells that keep their text").first.click()
    expect(desk.place.get_by_text("“large” in 1 cell, first in row 3").first).to_be_visible()
    desk.place.get_by_role("radio", name="Integer").first.check()
    desk.press("Change the type")
    expect(desk.page.get_by_text("The type of “Size” is changed.")).to_be_visible()
    sizes = desk.page.locator("#grid tbody.rows td:nth-child(2)")
    desk.page.goto(f"{desk.address}?sort=1")
    expect(sizes).to_have_text(["8", "9", "10", "100", "large"])
    assert desk.export() == before
    desk.undo()
    expect(desk.page.locator("#saving" if scripted else "#main > .notice")).to_contain_text("undone")
    desk.page.goto(f"{desk.address}?sort=1")
    expect(sizes).to_have_text(["10", "100", "8", "9", "large"])
    assert desk.export() == before


@WAYS
def test_a_column_is_deleted_and_brought_back_with_its_cells(sit: Callable[[bool], Desk], scripted: bool) -> None:
    desk = sit(scripted)
    before = desk.export()
    desk.open("Radius")
    desk.follow("Edit column")
    desk.press("Delete the column")
    expect(desk.page.get_by_text("The column “Radius” is deleted, with its cells.")).to_be_visible()
    expect(titles(desk.page)).to_have_text(["Planet", "Moons", "Rings", "Seen"])
    assert desk.export()[1] == "Mercury,0,no,"
    desk.undo()
    expect(titles(desk.page)).to_have_text(["Planet", "Moons", "Radius", "Rings", "Seen"])
    assert desk.export() == before


@WAYS
def test_the_choices_of_a_column_are_chosen_from_a_list(sit: Callable[[bool], Desk], scripted: bool) -> None:
    desk = sit(scripted)
    desk.open("Planet")
    desk.follow("Edit column")
    desk.place.get_by_label("Choices, one a line").fill("Rocky\nGas giant\nEarth")
    desk.press("Save")
    expect(desk.page.get_by_text("7 cells have none of the choices.")).to_be_visible()
    desk.page.goto(f"{desk.address}/rows/5/edit")
    choice = desk.page.get_by_label("Planet")
    expect(choice.locator("option")).to_have_text(["", "Rocky", "Gas giant", "Earth", "Jupiter"])
    expect(choice).to_have_value("Jupiter")
    desk.page.get_by_role("button", name="Save").click()
    expect(desk.page.get_by_text("Nothing was changed.")).to_be_visible()
    desk.page.goto(f"{desk.address}/rows/5/edit")
    choice.select_option("Gas giant")
    desk.page.get_by_role("button", name="Save").click()
    expect(desk.page.get_by_text("1 cell saved.")).to_be_visible()
    assert desk.export()[5].startswith("Gas giant,95,")


def test_the_editor_of_a_cell_offers_the_choices_and_keeps_a_text_that_is_none(sit: Callable[[bool], Desk]) -> None:
    desk = sit(True)
    page = desk.page
    desk.open("Planet")
    desk.follow("Edit column")
    desk.place.get_by_label("Choices, one a line").fill("Rocky\nGas giant")
    desk.press("Save")
    expect(page.get_by_text("is changed for everybody")).to_be_visible()
    cell(page, 5, 1).click()
    press(page, "Enter")  # also before the list is known
    expect(field(page).locator("option")).to_have_text(["empty", "Rocky", "Gas giant", "Jupiter"])
    expect(field(page)).to_have_value("Jupiter")
    expect(field(page)).to_be_focused()
    press(page, "Enter")
    expect(cell(page, 6, 1)).to_be_focused()
    before = desk.export()
    press(page, "F2")
    field(page).select_option("Gas giant")
    press(page, "Enter")
    expect(cell(page, 6, 1)).to_have_text("Gas giant")
    saved(page)
    after = desk.export()
    assert after[6] == before[6].replace("Saturn", "Gas giant")
    assert after[:6] + after[7:] == before[:6] + before[7:]


def test_cells_stay_aligned_as_their_type_needs_when_columns_move(page: Page, planets: str) -> None:
    title = page.get_by_role("columnheader", name="Moons")
    title.get_by_role("link", name="Moons", exact=True).focus()
    press(page, "Control+Shift+ArrowLeft")
    expect(titles(page)).to_have_text(["Moons", "Planet", "Radius", "Rings", "Seen"])
    expect(cell(page, 1, 1)).to_have_css("text-align", "right")
    expect(cell(page, 1, 2)).to_have_css("text-align", "start")
