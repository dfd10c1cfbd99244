"""Adding, changing and deleting columns by forms, without a script."""

import html
import re
from contextlib import closing

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.helpers import GRACE, sign_up
from tests.http.tables.test_tables import PARTIAL, column, get
from tests.people import settle, window
from tests.tables import add_table
from webapp.models import Role
from webapp.rowstore.sql import converting
from webapp.web.application import Application

ROWS = [("Oslo", "1,000"), ("Moss", ""), ("Moss", "8")]


@pytest.fixture
async def table(client: QuartClient, settings: Settings) -> str:
    """The URL of a table with the columns City and People."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, {'City': 'text', 'People': 'integer'}, ROWS)}"


async def export(client: QuartClient, url: str) -> str:
    answer = await client.get(url)
    assert answer.status_code == 200
    return (await answer.get_data(as_text=True)).replace("\r\n", "\n")


def fields(page: str) -> dict[str, str]:
    """What the form of a column sends if nobody touches it."""
    form = page[page.index('id="column-edit"') : page.index("</form>", page.index('id="column-edit"'))]
    found = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', form)}
    checked = {name: "y" for name in ("required", "unique") if re.search(rf'<input checked[^>]*name="{name}"', form)}
    choices = re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", form, re.DOTALL)
    texts = {name: found[name] for name in ("title", "place", "seen")}
    return texts | checked | {"choices": html.unescape(choices[1]) if choices else ""}


async def save(client: QuartClient, table: str, number: int, status: int = 303, **changed: str) -> str:
    """Send a column's form with these fields; return the page that follows."""
    form = fields(await get(client, f"{table}/columns/{number}/edit")) | changed
    answer = await client.post(f"{table}/columns/{number}", form=form)
    assert answer.status_code == status, await answer.get_data(as_text=True)
    return await get(client, answer.headers["location"]) if status == 303 else await answer.get_data(as_text=True)


async def test_a_column_is_inserted_at_the_place_that_its_neighbour_offers(client: QuartClient, table: str) -> None:
    panel = html.unescape(await get(client, f"{table}/columns/2", **PARTIAL))
    assert f'href="{table}/columns/new?place=3"' in panel
    page = await get(client, f"{table}/columns/new?place=2")
    assert re.search(r'name="place"[^>]*value="2"', page)

    answer = await client.post(f"{table}/columns", form={"title": "Area", "type": "decimal", "place": "2"})

    assert answer.headers["location"] == table
    assert "“Area” is added" in await get(client, table)
    assert await export(client, f"{table}/export?format=csv") == 'City,Area,People\nOslo,,"1,000"\nMoss,,\nMoss,,8\n'


async def test_a_form_sent_twice_adds_one_column(client: QuartClient, table: str) -> None:
    form = {"title": "Area", "type": "text", "place": "3", "idempotency_key": "k1"}
    for _ in range(2):
        answer = await client.post(f"{table}/columns", form=form)
        assert (answer.status_code, answer.headers["location"]) == (303, table)
    assert (await export(client, f"{table}/export?format=csv")).startswith("City,People,Area\n")


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"title": ""}, "Give the column a title."),
        ({"title": "x" * 121}, "Use at most 120 characters."),
        ({"title": "PEOPLE"}, "Another column has the title “PEOPLE”."),
        ({"type": "colour"}, "Not a valid choice"),
        ({"place": "0"}, "between 1 and 2000"),
        ({"place": "x"}, "Not a valid integer"),
    ],
)
async def test_what_does_not_fit_stays_in_the_form(
    client: QuartClient, table: str, form: dict[str, str], reason: str
) -> None:
    answer = await client.post(f"{table}/columns", form={"title": "Area", "type": "text", "place": "3"} | form)
    assert answer.status_code == 422
    assert reason in html.unescape(await answer.get_data(as_text=True))


async def test_a_full_table_says_so(client: QuartClient, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 3)
    answer = await client.post(f"{table}/columns", form={"title": "Area", "type": "text", "place": "3"})
    assert answer.status_code == 422
    assert "it is full" in await answer.get_data(as_text=True)


async def test_title_place_and_rules_are_changed_together_and_undone_together(client: QuartClient, table: str) -> None:
    page = await save(client, table, 1, title="Town", place="2", required="y", unique="y", choices="Oslo\r\nBergen\r\n")

    assert (
        "“Town” is changed for everybody. 2 cells have a text that others have too, 2 cells have none of the choices."
        in page
    )
    assert (await export(client, f"{table}/export?format=csv")).startswith("People,Town\n")
    edit = await get(client, f"{table}/columns/1/edit")
    assert fields(edit) | {"seen": ""} == {
        "title": "Town", "place": "2", "seen": "", "required": "y", "unique": "y", "choices": "Oslo\nBergen"
    }  # fmt: skip
    edits = {"edits": [{"row": 1, "column": 1, "seen": "Oslo", "text": "Rome"}]}
    refused = await (await client.post(f"{table}/cells", json=edits)).get_json()
    assert refused["refused"][0]["reason"] == "This column takes only: Oslo, Bergen."
    await client.post(f"{table}/undo")
    assert (await export(client, f"{table}/export?format=csv")).startswith("City,People\n")


async def test_a_form_that_nobody_touched_changes_nothing(client: QuartClient, table: str) -> None:
    assert "Nothing was changed." in await save(client, table, 1)


async def test_the_form_says_how_many_cells_would_not_pass(client: QuartClient, table: str) -> None:
    page = await get(client, f"{table}/columns/2/edit")
    assert "1 cell is empty" in page
    assert "2 cells have a text that others have too" in await get(client, f"{table}/columns/1/edit")


async def test_a_change_of_the_same_property_by_somebody_else_is_a_conflict_and_of_another_is_not(
    client: QuartClient, table: str
) -> None:
    old = fields(await get(client, f"{table}/columns/1/edit"))
    await save(client, table, 1, title="Town")

    answer = await client.post(f"{table}/columns/1", form=old | {"title": "Place"})
    page = await answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "“Town” was changed by somebody else" in page
    assert fields(page)["title"] == "Town"
    assert (await client.post(f"{table}/columns/1", form=old | {"required": "y"})).status_code == 303
    assert fields(await get(client, f"{table}/columns/1/edit"))["title"] == "Town"


ENDLESS = '{"title": "City", "rules": {}, "behind": 1e999, "place": 1}'  # a number that is none to Python


@pytest.mark.parametrize("seen", ["", "x", "[]", '{"title": "City"}', '{"title": "City", "rules": 5}', ENDLESS])
async def test_a_form_that_does_not_say_what_it_showed_is_refused(client: QuartClient, table: str, seen: str) -> None:
    answer = await client.post(f"{table}/columns/1", form={"title": "Town", "place": "1", "seen": seen})
    assert answer.status_code == 400


async def test_a_deleted_column_is_gone_from_every_page_and_undo_brings_it_back(
    client: QuartClient, table: str
) -> None:
    before = await export(client, f"{table}/export?format=csv")

    answer = await client.post(f"{table}/columns/2/deletion", form={"seen": "People"})

    assert "“People” is deleted, with its cells." in await get(client, answer.headers["location"])
    assert await export(client, f"{table}/export?format=csv") == "City\nOslo\nMoss\nMoss\n"
    for path in ("", "/edit", "/type", "/profile"):
        assert (await client.get(f"{table}/columns/2{path}")).status_code == 404
    assert "People" not in await get(client, f"{table}/rows/1")
    assert column(await get(client, f"{table}?q=000")) == []
    await client.post(f"{table}/undo")
    assert await export(client, f"{table}/export?format=csv") == before
    assert column(await get(client, f"{table}?q=000")) == ["Oslo"]


async def test_a_column_that_was_renamed_meanwhile_is_not_deleted(client: QuartClient, table: str) -> None:
    await save(client, table, 2, title="Inhabitants")
    answer = await client.post(f"{table}/columns/2/deletion", form={"seen": "People"})
    assert answer.status_code == 409
    assert "“Inhabitants” was changed by somebody else" in await answer.get_data(as_text=True)
    assert (await client.post(f"{table}/columns/2/deletion")).status_code == 400


async def test_the_last_column_stays(client: QuartClient, table: str) -> None:
    await client.post(f"{table}/columns/2/deletion", form={"seen": "People"})
    answer = await client.post(f"{table}/columns/1/deletion", form={"seen": "City"})
    assert answer.status_code == 422
    assert "only column of the table" in await answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("?f.2=gt:5", ""),
        ("?q=o&f.1=eq:Moss&f.2=gt:5&sort=-2,1", "?q=o&f.1=eq:Moss&sort=1"),
        ("?cols=2,1&sort=2", "?cols=1"),
        ("?cols=1-2", "?cols=1"),
        ("?cols=2&after=x", ""),
    ],
)
async def test_a_view_of_a_deleted_column_leads_to_the_view_without_it_and_says_so(
    client: QuartClient, table: str, asked: str, left: str
) -> None:
    await client.post(f"{table}/columns/2/deletion", form={"seen": "People"})
    await get(client, table)

    answer = await client.get(f"{table}{asked}")

    assert (answer.status_code, answer.headers.get("location")) == (303, f"{table}{left}")
    assert "This view does not use all it did: “People” was deleted." in await get(client, answer.headers["location"])
    refused = await client.get(f"{table}/export{asked}&format=csv")  # never other rows than were asked for
    assert refused.status_code == 422


async def test_a_column_that_never_was_is_still_an_error(client: QuartClient, table: str) -> None:
    assert (await client.get(f"{table}?sort=9")).status_code == 422
    assert (await client.get(f"{table}?f.1=colour:2")).status_code == 422


async def test_viewers_see_no_way_to_change_columns_and_find_none(
    app: Application, client: QuartClient, table: str, settings: Settings
) -> None:
    viewer = await settle(app, GRACE.email, Role.MEMBER)
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO table_members (table_id, user_id, role, added_at) VALUES (1, ?, 'viewer', '2026-01-01')",
            (viewer.id,),
        )
    theirs = await window(app, GRACE)
    panel = await get(theirs, f"{table}/columns/2")
    assert "Edit column" not in panel
    assert "Add a column" not in await get(theirs, f"{table}/columns")
    assert (await theirs.get(f"{table}/columns/2/edit")).status_code == 403
    for path in ("", "/2", "/2/deletion"):
        assert (await theirs.post(f"{table}/columns{path}")).status_code == 403
