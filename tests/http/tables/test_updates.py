"""A further file for a table, through the pages: the upload, the comparison, decisions, and what becomes of it."""

import asyncio
import io
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from quart.datastructures import FileStorage
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import make_settings
from tests.database import connect, most_columns, write
from tests.helpers import GRACE, Person, sign_up
from tests.http.tables.test_bulk import until
from tests.http.tables.test_cells import send
from tests.servers import PATIENCE, wait_for
from tests.tables import add_table
from webapp.db.errors import StorageFull
from webapp.extensions import db, jobs
from webapp.jobs import large_changes
from webapp.models import Actor, Import, ImportUpdate, LargeChange
from webapp.models.tables import columns, editing, large_steps
from webapp.models.tables.import_update import find_update
from webapp.web.application import Application

COLUMNS = {"id": "integer", "City": "text", "Since": "integer"}
ROWS = (("1", "Oslo", "1048"), ("2", "Bergen", "1070"), ("3", "Narvik", "1902"))
LATER = "id,City,Since\n1,Christiania,1048\n2,Bergen,1070\n4,Bodø,1816\n"
ADA = Actor(1, "ada@example.org", "ada", "owner")


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open")


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


@pytest.fixture
def table(ada: QuartClient, settings: Settings) -> int:
    return add_table(settings.data_dir, COLUMNS, ROWS)


async def upload(client: QuartClient, table: int, data: str, filename: str = "cities 2.csv") -> str:
    """The address of the import."""
    file = FileStorage(io.BytesIO(data.encode()), filename)
    answer = await client.post(f"/tables/{table}/imports", files={"file": file})
    assert answer.status_code == 303, await answer.get_data(as_text=True)
    return str(answer.headers["Location"])


async def settled(app: Application, location: str) -> Import:
    found = await jobs.of(app).wait_for_pass(location.rpartition("/")[2], PATIENCE)
    assert found is not None
    return found


async def compared(app: Application, client: QuartClient, table: int, data: str = LATER, **form: Any) -> str:
    """The address of an import whose comparison waits for a decision."""
    location = await upload(client, table, data)
    found = await settled(app, location)
    if form:
        answer = await choose(app, client, location, **form)
        assert answer.status_code == 303, await answer.get_data(as_text=True)
        found = await settled(app, location)
    assert (found.state, found.failure) == ("ready", None)
    return location


async def choose(app: Application, client: QuartClient, location: str, **changed: Any) -> Any:
    """Send the form of the settings as the page has it, but for what is `changed`."""
    _, update = await found(app, location)
    settings = update.settings
    words = {-1: "new", 0: ""}
    form: dict[str, Any] = {f"column-{index}": words.get(n, str(n)) for index, n in settings["columns"].items()}
    form |= {"mode": settings["mode"], "keys": [str(key) for key in settings["keys"]], "missing": settings["missing"]}
    form |= {"adds_rows": "y", "mark": "new"} | changed
    return await post(client, location, form)


async def post(client: QuartClient, path: str, form: dict[str, Any]) -> Any:
    """Fields may have several values."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post(path, data=urlencode(form, doseq=True), headers=headers)


async def found(app: Application, location: str) -> tuple[Import, ImportUpdate]:
    _, _, table_id, _, import_id = location.split("/")
    return await find_update(db.of(app), int(table_id), import_id)


async def apply(app: Application, client: QuartClient, location: str, **form: Any) -> Import:
    answer = await post(client, f"{location}/application", form)
    assert (answer.status_code, answer.headers["Location"]) == (303, location)
    return await settled(app, location)


async def text_of(client: QuartClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, path
    return str(await answer.get_data(as_text=True))


async def rows_of(client: QuartClient, table: int) -> list[str]:
    return (await text_of(client, f"/tables/{table}/export?format=csv")).splitlines()


def figures(page: str) -> dict[str, str]:
    return {what: count for what, count in re.findall(r"<div><dt>([^<]+)</dt><dd>([\d,]+)", page)}


async def edit(app: Application, table: int, row: int, column: int, before: str, after: str) -> None:
    change = editing.CellEdit(row, column, before, after)
    await db.of(app).write(editing.change_cells, ADA, table, [change])


async def test_a_later_file_is_compared_at_once_and_changes_the_table_with_one_button(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table)
    page = await text_of(ada, location)
    assert figures(page) == {"added": "1", "changed": "1", "unchanged": "1", "not in the file": "1"}
    assert "Import: add 1, change 1 rows" in page
    assert "<del>Oslo</del>" in page
    assert await rows_of(ada, table) == ["id,City,Since", "1,Oslo,1048", "2,Bergen,1070", "3,Narvik,1902"]
    done = await apply(app, ada, location)
    assert (done.state, done.table_id) == ("done", table)
    assert await rows_of(ada, table) == [
        "id,City,Since", "1,Christiania,1048", "2,Bergen,1070", "3,Narvik,1902", "4,Bodø,1816",
    ]  # fmt: skip
    page = await text_of(ada, location)
    assert "is imported" in page
    assert "cities 2.csv" in await text_of(ada, f"/tables/{table}/history")
    (undo,) = re.findall(r'action="([^"]+/revert[^"]*)"', page)
    begun = await ada.post(undo)
    await until(app, ada, begun.headers["Location"], "Changed ")
    assert "4,Bodø,1816" not in await rows_of(ada, table)
    assert "/revert" not in await text_of(ada, location)


async def test_what_an_upload_changed_has_a_page_and_a_csv(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table, missing="delete")
    await apply(app, ada, location)
    page = await text_of(ada, f"{location}/changes")
    assert "What changed with cities 2.csv" in page
    assert "<del>Oslo</del>" in page
    assert "Oslo" not in await text_of(ada, f"{location}/changes?kind=added")
    assert "Narvik" in await text_of(ada, f"{location}/changes?kind=removed&column=no")
    lines = (await text_of(ada, f"{location}/changes/export")).splitlines()
    assert lines[0] == "change,row,column,old,new"
    assert "changed,1,City,Oslo,Christiania" in lines
    assert {"removed,3,City,Narvik,", "added,4,City,,Bodø"} <= set(lines)
    only = (await text_of(ada, f"{location}/changes/export?column=2")).splitlines()
    assert only[1:] == ["changed,1,City,Oslo,Christiania"]
    second = await compared(app, ada, table, LATER.replace("Bergen", "Bjørgvin"))
    await apply(app, ada, second)
    assert "between cities 2.csv and cities 2.csv" in await text_of(ada, f"{second}/changes")


async def test_formulas_in_what_an_upload_changed_are_defused_for_spreadsheets(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table, "id,City,Since\n1,=HYPERLINK(1),1048\n2,Bergen,-70\n")
    await apply(app, ada, location)
    links = re.findall(r'href="([^"]+/changes/export[^"]*)"', await text_of(ada, f"{location}/changes"))
    plain, excel = [await text_of(ada, link.replace("&amp;", "&")) for link in links]
    assert "changed,1,City,Oslo,=HYPERLINK(1)" in plain.splitlines()
    assert "changed,1,City,Oslo,'=HYPERLINK(1)" in excel.splitlines()
    assert "changed,2,Since,1070,-70" in excel.splitlines()
    assert excel.startswith("\ufeffchange,row,column,old,new")


async def test_the_next_file_of_a_source_is_laid_over_the_table_as_the_last_one(
    app: Application, ada: QuartClient, table: int
) -> None:
    first = await compared(app, ada, table, missing="delete", **{"column-2": ""})
    await apply(app, ada, first)
    second = await compared(app, ada, table, "Since,id,City\n9,4,Bodø\n9,1,Oslo\n")
    _, update = await found(app, second)
    assert update.settings["missing"] == "delete"
    assert update.settings["columns"] == {"0": 0, "1": 1, "2": 2}
    assert figures(await text_of(ada, second)) == {"added": "0", "changed": "1", "unchanged": "1", "removed": "1"}


async def test_a_file_without_a_key_asks_before_it_is_compared(app: Application, ada: QuartClient, table: int) -> None:
    location = await upload(ada, table, "City,Since\nOslo,1\nOslo,1\n")
    assert (await settled(app, location)).state == "ready"
    page = await text_of(ada, location)
    assert "Choose what its rows and columns are in the table" in page
    refused = await choose(app, ada, location, keys=[])
    assert refused.status_code == 422
    assert "Choose the column that tells one row from another" in await refused.get_data(as_text=True)
    await choose(app, ada, location, mode="append", keys=[])
    await settled(app, location)
    assert "Import: add 2 rows" in await text_of(ada, location)
    await apply(app, ada, location)
    assert (await rows_of(ada, table))[-2:] == [",Oslo,1", ",Oslo,1"]


async def test_all_rows_may_be_replaced(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table, mode="replace")
    assert figures(await text_of(ada, location)) == {"added": "2", "changed": "0", "unchanged": "1", "removed": "2"}
    await apply(app, ada, location)
    assert await rows_of(ada, table) == ["id,City,Since", "2,Bergen,1070", "1,Christiania,1048", "4,Bodø,1816"]


async def test_a_new_column_and_a_changed_title_are_found_and_told(
    app: Application, ada: QuartClient, table: int
) -> None:
    data = "id,Town,Since,Colour\n1,Oslo,1048,red\n2,Bergen,1070,blue\n3,Narvik,1902,\n"
    location = await compared(app, ada, table, data)
    page = await text_of(ada, location)
    assert "“Town” is matched with “City”: similar contents" in page
    assert "This column is new, and is added: Colour" in page
    await apply(app, ada, location)
    assert (await rows_of(ada, table))[:2] == ["id,City,Since,Colour", "1,Oslo,1048,red"]


@pytest.mark.parametrize("form", [{}, {"mode": "append"}, {"mode": "replace"}, {"missing": "mark"}])
async def test_an_import_with_new_columns_is_undone_by_one_step(
    app: Application, ada: QuartClient, table: int, form: dict[str, str]
) -> None:
    before = await rows_of(ada, table)
    data = "id,City,Since,Colour\n1,Oslo,1048,red\n4,Bodø,1816,blue\n"
    location = await compared(app, ada, table, data, **form)
    assert await rows_of(ada, table) == before
    await apply(app, ada, location)
    after = await rows_of(ada, table)
    assert after[0].startswith("id,City,Since,Colour")
    for step, wanted in (("undo", before), ("redo", after)):
        begun = await send(ada, f"/tables/{table}/{step}", {})
        await until(app, ada, begun["url"], "Changed ")
        assert await rows_of(ada, table) == wanted
    assert "“Colour” is" not in await text_of(ada, await compared(app, ada, table, data, **form))


async def test_an_import_that_fails_takes_its_new_columns_with_it(
    app: Application, ada: QuartClient, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await rows_of(ada, table)
    location = await compared(app, ada, table, "id,City,Since,Colour\n1,Oslo,1048,red\n")

    async def fail(*args: object, **kwargs: object) -> None:
        raise StorageFull

    monkeypatch.setattr(large_steps, "finish", fail)
    found = await apply(app, ada, location)
    assert (found.state, found.failure) == ("ready", str(StorageFull()))
    assert await rows_of(ada, table) == before
    monkeypatch.undo()
    await apply(app, ada, location)  # it is compared again: the table was another one in between
    assert (await apply(app, ada, location)).state == "done"
    assert (await rows_of(ada, table))[:2] == ["id,City,Since,Colour", "1,Oslo,1048,red"]


async def test_texts_without_a_value_are_named_and_kept(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table, "id,City,Since\n1,Oslo,unknown\n")
    assert "1 text for “Since” does not fit its type, such as “unknown”" in await text_of(ada, location)
    await apply(app, ada, location)
    assert (await rows_of(ada, table))[1] == "1,Oslo,unknown"


async def test_missing_rows_are_marked_in_a_new_column_and_lose_the_mark_later(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table, missing="mark")
    assert figures(await text_of(ada, location))["marked as missing"] == "1"
    await apply(app, ada, location)
    assert (await rows_of(ada, table))[3] == "3,Narvik,1902,missing"
    again = await compared(app, ada, table, LATER + "3,Narvik,1902\n")
    assert figures(await text_of(ada, again)) == {"added": "0", "changed": "0", "unchanged": "4"}
    await apply(app, ada, again)
    assert (await rows_of(ada, table))[3] == "3,Narvik,1902,"


async def test_keys_that_are_empty_or_repeated_are_named_and_their_rows_left_alone(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await upload(ada, table, "id,City,Since\n1,a,1\n1,b,1\n,c,1\n2,d,1\n")
    await settled(app, location)
    await choose(app, ada, location, keys=["1"])
    await settled(app, location)
    page = await text_of(ada, location)
    assert "2 rows share their key with other rows of the file" in page
    assert "1 row have no key" in page or "1 row has no key" in page
    await apply(app, ada, location)
    assert await rows_of(ada, table) == ["id,City,Since", "1,Oslo,1048", "2,d,1", "3,Narvik,1902"]


@pytest.mark.parametrize(
    ("form", "city"),
    [({}, "Kristiania"), ({"clashes": "file"}, "Christiania"), ({"clashes": "each", "taken": ["0"]}, "Christiania")],
)
async def test_what_people_edited_is_kept_unless_they_say_otherwise(
    app: Application, ada: QuartClient, table: int, form: dict[str, Any], city: str
) -> None:
    await edit(app, table, 1, 2, "Oslo", "Kristiania")
    location = await compared(app, ada, table)
    page = await text_of(ada, location)
    assert "1 edited cell for which the file has another text" in page
    assert "1 of these changed in the file since its last version" in page
    assert "Ada edited 1 of these" in page
    await apply(app, ada, location, **form)
    assert (await rows_of(ada, table))[1] == f"1,{city},1048"


async def test_an_edit_that_the_file_did_not_change_survives_the_next_file_too(
    app: Application, ada: QuartClient, table: int
) -> None:
    await apply(app, ada, await compared(app, ada, table))
    await edit(app, table, 2, 2, "Bergen", "Bjørgvin")
    location = await compared(app, ada, table)
    await apply(app, ada, location)
    assert (await rows_of(ada, table))[2] == "2,Bjørgvin,1070"


async def test_a_table_that_has_changed_meanwhile_is_compared_again(
    app: Application, ada: QuartClient, table: int
) -> None:
    first, second = await compared(app, ada, table), await compared(app, ada, table)
    await apply(app, ada, first)
    found_again = await apply(app, ada, second)
    assert found_again.state == "ready"
    page = await text_of(ada, second)
    assert "compared with it again" in page
    assert "There is nothing to import" in page
    assert len(await rows_of(ada, table)) == 5


async def test_a_column_that_gets_other_rules_after_the_comparison_makes_it_begin_again(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table, mode="append")
    await change_rules(app, table, choices=["Oslo"])
    assert (await apply(app, ada, location)).state == "ready"
    assert "compared with it again" in await text_of(ada, location)
    assert len(await rows_of(ada, table)) == 4


async def test_an_import_is_not_applied_to_columns_with_other_rules_than_it_was_begun_for(
    app: Application, ada: QuartClient, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They change while what was compared is being read."""
    location, held, go_on = await compared(app, ada, table), asyncio.Event(), large_changes._go_on

    async def wait(*arguments: Any) -> None:
        await held.wait()
        await go_on(*arguments)

    monkeypatch.setattr(large_changes, "_go_on", wait)
    assert (await ada.post(f"{location}/application")).status_code == 303
    await change_rules(app, table, choices=["Oslo"])
    held.set()
    import_ = await settled(app, location)
    assert import_.state == "ready"
    assert import_.failure is not None
    assert "rules of the column “City” have changed since this was prepared" in import_.failure
    assert import_.failure in await text_of(ada, location)
    assert len(await rows_of(ada, table)) == 4

    await apply(app, ada, location)
    assert "compared with it again" in await text_of(ada, location)
    assert (await apply(app, ada, location)).state == "done"


async def change_rules(app: Application, table: int, **rules: Any) -> None:
    """Of the column City."""
    await db.of(app).write(columns.change_column, ADA, table, 2, {"rules": {}}, {"rules": rules})


async def test_a_cell_that_is_edited_after_the_comparison_is_left_as_it_is(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table)
    await edit(app, table, 1, 2, "Oslo", "Kristiania")
    assert (await apply(app, ada, location)).state == "done"
    assert (await rows_of(ada, table))[1] == "1,Kristiania,1048"
    assert (await rows_of(ada, table))[-1] == "4,Bodø,1816"


async def test_an_edited_key_makes_the_comparison_begin_again(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table)
    await edit(app, table, 3, 1, "3", "4")
    assert (await apply(app, ada, location)).state == "ready"
    assert figures(await text_of(ada, location))["added"] == "0"


async def test_pressing_the_button_twice_imports_once(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table)
    answers = await asyncio.gather(*(ada.post(f"{location}/application") for _ in range(3)))
    assert {answer.status_code for answer in answers} == {303}
    assert (await settled(app, location)).state == "done"
    assert len(await rows_of(ada, table)) == 5
    with closing(connect(Path(jobs.of(app).settings.data_dir) / "rowcast.db")) as connection:
        sets = connection.execute("SELECT count(*) FROM change_sets WHERE kind = 'import.update'").fetchone()
    assert sets == (1,)


@pytest.mark.parametrize(
    ("data", "words"), [("id,City,Since\n", "The file has no rows"), ("\n\n", "nothing in this file")]
)
async def test_a_file_without_rows_changes_nothing(
    app: Application, ada: QuartClient, table: int, data: str, words: str
) -> None:
    location = await upload(ada, table, data)
    await settled(app, location)
    page = await text_of(ada, location)
    if "Compare" in page and words not in page:
        await choose(app, ada, location, keys=["1"])
        await settled(app, location)
        page = await text_of(ada, location)
    assert words in page
    assert len(await rows_of(ada, table)) == 4


async def test_a_file_without_rows_that_would_remove_all_rows_is_pointed_out(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await upload(ada, table, "id,City,Since\n")
    await settled(app, location)
    await choose(app, ada, location, mode="replace")
    await settled(app, location)
    page = await text_of(ada, location)
    assert figures(page)["removed"] == "3"
    assert "The file has no rows. Is it the right one?" in page
    assert said_before_the_button(page) == "All rows of the table (3) will be deleted."


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("id,City,Since\n1,Oslo,1048\n", "2 of the 3 rows of the table will be deleted."),
        ("id,City,Since\n1,Oslo,1048\n2,Bergen,1070\n", None),
    ],
)
async def test_that_more_than_half_of_the_rows_go_is_said_before_the_button(
    app: Application, ada: QuartClient, table: int, data: str, words: str | None
) -> None:
    location = await compared(app, ada, table, data, missing="delete")
    assert said_before_the_button(await text_of(ada, location)) == words


def said_before_the_button(page: str) -> str | None:
    """The sentence that the button is described by."""
    found = re.search(r'id="deletion">([^<]+)<.*import-button" aria-describedby="deletion"', page, re.DOTALL)
    return found and found[1]


async def test_an_import_goes_with_its_table_with_all_of_its_files(
    app: Application, ada: QuartClient, table: int, settings: Settings
) -> None:
    done, waiting = await compared(app, ada, table), await compared(app, ada, table)
    await apply(app, ada, done)
    kept, given_up = (settings.imports_dir / location.rpartition("/")[2] for location in (done, waiting))
    assert (kept / "original").exists()
    assert (given_up / "original").exists()
    answer = await ada.post(f"/tables/{table}/deletion", form={"confirmation": "Planets"})
    assert answer.status_code == 303
    await asyncio.to_thread(wait_for, lambda: not given_up.exists())  # by a job
    assert (kept / "original").exists()  # it comes back with the table
    for location in (done, waiting):
        assert (await ada.get(location)).status_code == 404
        assert (await ada.get(f"/tables/imports/{location.rpartition('/')[2]}")).headers["Location"] == location
    answer = await ada.post(f"/tables/trash/{table}/purge", form={"confirmation": "Planets"})
    assert answer.status_code == 303
    await asyncio.to_thread(wait_for, lambda: not kept.exists())
    await asyncio.to_thread(wait_for, lambda: count(settings, "tables") == 0)
    assert count(settings, "imports") == count(settings, "import_updates") == 0
    assert (await ada.get(f"/tables/imports/{done.rpartition('/')[2]}")).status_code == 404


def count(settings: Settings, table: str) -> int:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def test_whoever_may_not_edit_the_table_has_no_part_in_its_imports(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table)
    other = app.test_client()
    await sign_up(other, GRACE)
    assert (await other.get(location)).status_code == 404
    await write(
        jobs.of(app).settings.data_dir / "rowcast.db",
        f"INSERT INTO table_members (table_id, user_id, role, added_at) VALUES ({table}, 2, 'viewer', '2026-01-01')",
    )
    assert (await other.get(location)).status_code == 403
    assert (await other.post(f"{location}/application")).status_code == 403
    await apply(app, ada, location)
    assert "Oslo" in await text_of(other, f"{location}/changes")
    assert (await other.get(f"{location}/changes/export")).status_code == 403


async def test_an_editor_uploads_and_loses_the_right_before_the_button(
    app: Application, ada: QuartClient, table: int
) -> None:
    other = app.test_client()
    await sign_up(other, GRACE)
    database = jobs.of(app).settings.data_dir / "rowcast.db"
    member = f"({table}, 2, 'editor', '2026-01-01')"
    await write(database, f"INSERT INTO table_members (table_id, user_id, role, added_at) VALUES {member}")
    location = await compared(app, other, table)
    await write(database, "UPDATE table_members SET role = 'viewer'")
    assert (await other.post(f"{location}/application")).status_code == 403
    assert len(await rows_of(ada, table)) == 4


async def test_another_editor_does_not_cancel_an_import_but_the_owner_does(
    app: Application, ada: QuartClient, table: int
) -> None:
    grace, alan = app.test_client(), app.test_client()
    await sign_up(grace, GRACE)
    await sign_up(alan, Person("alan@example.org"))
    await write(
        jobs.of(app).settings.data_dir / "rowcast.db",
        "INSERT INTO table_members (table_id, user_id, role, added_at)"
        " VALUES (1, 2, 'editor', '2026-01-01'), (1, 3, 'editor', '2026-01-01')",
    )
    location = await compared(app, grace, table)
    assert "cancellation" not in await text_of(alan, location)
    assert (await alan.post(f"{location}/cancellation")).status_code == 403
    for reader in (grace, ada):
        assert "cancellation" in await text_of(reader, location)
    assert (await ada.post(f"{location}/cancellation")).status_code == 303
    assert (await found(app, location))[0].state == "cancelled"


@pytest.mark.parametrize("is_old", [False, True])
async def test_cancelling_an_import_that_is_being_applied_cancels_its_change(
    app: Application, ada: QuartClient, table: int, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    """Also under the address that all imports have."""
    before, held = await rows_of(ada, table), asyncio.Event()

    async def wait(*_: object) -> None:
        await held.wait()

    location = await compared(app, ada, table)
    monkeypatch.setattr(large_changes, "_go_on", wait)
    assert (await ada.post(f"{location}/application")).status_code == 303
    address = f"/tables/imports/{location.rpartition('/')[2]}" if is_old else location
    assert (await ada.post(f"{address}/cancellation")).status_code == 303
    held.set()
    assert (await settled(app, location)).state == "cancelled"
    _, update = await found(app, location)
    async with db.of(app).reading() as session:
        assert (await session.get_one(LargeChange, update.change_id)).state == "cancelled"
    assert await rows_of(ada, table) == before


@pytest.mark.sqlite  # other databases store no broken JSON
async def test_the_list_of_files_does_not_read_what_is_in_them(
    app: Application, ada: QuartClient, table: int, settings: Settings
) -> None:
    """That may be megabytes, for each of a hundred."""
    await compared(app, ada, table)
    await write(
        settings.data_dir / "rowcast.db",
        "UPDATE imports SET inspection = '{'",
        "UPDATE import_updates SET comparison = '{', matches = '{'",
    )
    assert "cities 2.csv" in await text_of(ada, f"/tables/{table}/imports")


async def test_a_cancelled_import_leaves_nothing(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table)
    answer = await ada.post(f"{location}/cancellation")
    assert answer.status_code == 303
    page = await text_of(ada, location)
    assert "The import was cancelled" in page
    assert "Nothing was changed in the table." in page
    assert (await ada.post(f"{location}/application")).status_code == 422


async def test_the_old_addresses_of_an_import_lead_to_its_page_and_make_no_table_of_it(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table)
    old = f"/tables/imports/{location.rpartition('/')[2]}"
    answer = await ada.get(old)
    assert (answer.status_code, answer.headers["Location"]) == (303, location)
    for action in ("", "/start", "/sheets"):
        assert (await ada.post(f"{old}{action}", form={"sheets": "x"})).status_code == 404
    assert old in await text_of(ada, "/dashboard")


async def test_the_table_of_files_lists_them_and_takes_another(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table)
    page = await text_of(ada, f"/tables/{table}/imports")
    assert location in page
    assert f'action="/tables/{table}/imports"' in page
    assert f"/tables/{table}/imports" in await text_of(ada, f"/tables/{table}")


async def test_a_form_that_no_page_of_ours_sends_is_refused(app: Application, ada: QuartClient, table: int) -> None:
    location = await compared(app, ada, table)
    bad: list[dict[str, Any]] = [
        {"mode": "all"}, {"missing": "x"}, {"column-0": "-5"}, {"column-0": "99"}, {"column-0": "2"},
        {"keys": ["3"], "column-2": ""},
        {"keys": ["x"]}, {"missing": "mark", "mark": "2"},
    ]  # fmt: skip
    for changed in bad:
        assert (await choose(app, ada, location, **changed)).status_code == 422, changed
    assert (await ada.post(f"{location}/application", form={"clashes": "all"})).status_code == 422
    assert json.dumps((await found(app, location))[1].settings["mode"]) == '"update"'


async def test_a_file_of_ten_thousand_columns_is_refused_in_words(
    app: Application, ada: QuartClient, table: int, data_dir: Path
) -> None:
    titles = ",".join(f"c{number}" for number in range(10_000))
    location = await upload(ada, table, f"{titles}\n{titles}\n")
    assert (await settled(app, location)).state == "failed"
    assert f"10,000 columns; a table here has at most {most_columns(data_dir):,}" in await text_of(ada, location)


async def test_new_columns_that_the_table_has_no_room_for_are_refused_and_nothing_is_changed(
    app: Application, ada: QuartClient, settings: Settings
) -> None:
    width = most_columns(settings.data_dir) - 5
    columns = {f"c{number}": "text" for number in range(width)}
    wide = add_table(settings.data_dir, columns, [[str(number) for number in range(width)]])
    titles = ",".join(["c0", *(f"new{number}" for number in range(9))])
    location = await upload(ada, wide, f"{titles}\n0,{','.join('abcdefghi')}\n")
    await settled(app, location)
    answer = await choose(app, ada, location, keys=["1"])
    assert answer.status_code == 303
    await settled(app, location)
    refused = await ada.post(f"{location}/application")
    assert refused.status_code == 422
    assert "it is full" in await refused.get_data(as_text=True)
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        assert connection.execute("SELECT count(*) FROM columns").fetchone() == (width,)
        assert connection.execute("SELECT count(*) FROM change_sets").fetchone() == (0,)


async def test_a_second_large_change_of_the_table_has_to_wait_and_is_told_so(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table)
    await db.of(app).wait_for_writes()  # what follows holds up the loop, in which they would end
    with closing(connect(jobs.of(app).settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO large_changes (table_id, user_id, kind, via, note, planner, arguments, is_decided, state,"
            ' created_at, columns, parts, entries, rows, cells, new_rows, parts_done, "left", index_again)'
            " VALUES (?, 1, 'cells', 'grid', '', 'test', '{}', TRUE, 'applying', '2026-11-22 12:00:00', '',"
            " 0, 0, 0, 0, 0, 0, 0, FALSE)",
            (table,),
        )
    answer = await ada.post(f"{location}/application")
    assert answer.status_code == 422
    assert "is being applied to this table" in await answer.get_data(as_text=True)
    assert (await found(app, location))[0].state == "ready"


async def test_a_file_whose_key_is_deleted_before_it_is_compared_again_asks_for_another_one(
    app: Application, ada: QuartClient, table: int
) -> None:
    location = await compared(app, ada, table)
    assert (await ada.post(f"/tables/{table}/columns/1/deletion", form={"seen": "id"})).status_code == 303
    import_ = await apply(app, ada, location)
    assert (import_.state, import_.failure) == ("ready", "The columns have changed meanwhile. Load the page again.")
    page = await text_of(ada, location)
    assert "Choose what its rows and columns are in the table" in page
