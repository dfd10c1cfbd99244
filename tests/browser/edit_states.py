"""A table while it is edited, in each state that looks different."""

from playwright.sync_api import expect

from tests.browser.states import Place, signed_in
from tests.browser.test_editing import card, cell, editor, field, paste, type_text
from tests.browser.test_keyboard import press


def change(at: Place, row: int, column: int, text: str) -> None:
    cell(at.page, row, column).click()
    type_text(at.page, text)
    press(at.page, "Enter")


@signed_in
def table_with_the_editor_of_a_cell(at: Place) -> None:
    at.page.goto(at.table())
    cell(at.page, 3, 1).click()
    press(at.page, "Enter")
    expect(field(at.page)).to_be_focused()


@signed_in
def table_with_the_choice_of_a_cell(at: Place) -> None:
    at.page.goto(at.table())
    with at.page.expect_response("**/cells/5/4/edit"):
        cell(at.page, 5, 4).click()
    press(at.page, "Enter")
    expect(at.page.locator(".cell-editor select")).to_be_focused()


@signed_in
def table_with_a_text_refused(at: Place) -> None:
    at.page.goto(at.table())
    change(at, 3, 2, "several")
    expect(editor(at.page).get_by_role("button", name="Keep as text")).to_be_visible()


@signed_in
def table_with_texts_of_a_paste_refused(at: Place) -> None:
    at.page.goto(at.table())
    cell(at.page, 3, 2).click()
    paste(at.page, "one\ntwo\n3")
    expect(card(at.page).get_by_role("button", name="Keep all 2 as text")).to_be_visible()


@signed_in
def table_with_a_conflict(at: Place) -> None:
    address = at.table()
    at.page.goto(address)
    cell(at.page, 3, 1).click()
    type_text(at.page, "Gaia")  # an open editor is not changed by what others save
    other = at.page.context.new_page()
    other.goto(address)
    change(Place(other, at.server, at.folder), 3, 1, "Terra")
    expect(other.locator("#saving")).to_have_text("Saved")
    other.close()
    press(at.page, "Enter")
    expect(card(at.page).get_by_role("button", name="Take theirs")).to_be_visible()


@signed_in
def table_with_a_draft(at: Place) -> None:
    at.page.goto(at.table())
    cell(at.page, 3, 1).click()
    type_text(at.page, "Terra")
    at.page.reload()
    expect(card(at.page).get_by_role("button", name="Discard")).to_be_visible()


@signed_in
def table_with_the_menu_of_a_cell(at: Place) -> None:
    at.page.goto(at.table())
    cell(at.page, 3, 1).click(button="right")
    expect(at.page.get_by_role("menu")).to_be_visible()


@signed_in
def table_with_the_question_of_more_rows(at: Place) -> None:
    at.page.goto(at.table())
    cell(at.page, 8, 1).click()
    paste(at.page, "a\nb\nc")
    expect(at.page.get_by_role("alertdialog")).to_be_visible()


@signed_in
def table_with_a_row_that_no_longer_fits(at: Place) -> None:
    at.page.goto(f"{at.table()}?q=earth")
    change(at, 3, 1, "Terra")
    expect(at.page.locator("#r3")).to_have_class("unfit")
