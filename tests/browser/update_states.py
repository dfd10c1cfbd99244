"""The pages of a further file for a table, in the states that look different; `states.py` has the others."""

from tests.browser.states import CORPUS, Place, signed_in
from tests.import_states import COMPARED, add_update


def _table(at: Place) -> int:
    return int(at.table().rpartition("/")[2])


@signed_in
def further_files(at: Place) -> None:
    table = _table(at)
    add_update(at.data, CORPUS / "ragged.csv", table, "ready")
    add_update(at.data, CORPUS / "ragged.csv", table, "done")
    at.page.goto(f"/tables/{table}/imports")


@signed_in
def further_file_without_a_key(at: Place) -> None:
    at.page.goto(add_update(at.data, CORPUS / "ragged.csv", _table(at), "ready"))


@signed_in
def further_file_compared(at: Place) -> None:
    at.page.goto(add_update(at.data, CORPUS / "ragged.csv", _table(at), "ready", comparison=COMPARED))
    at.page.get_by_text("See them").click()
    at.page.get_by_text("How rows and columns are matched").click()


@signed_in
def further_file_being_compared(at: Place) -> None:
    at.page.goto(add_update(at.data, CORPUS / "ragged.csv", _table(at), "comparing"))


@signed_in
def further_file_imported(at: Place) -> None:
    at.page.goto(add_update(at.data, CORPUS / "ragged.csv", _table(at), "done"))
