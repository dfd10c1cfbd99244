"""The pages where editors make and change forms: with plain forms, and nothing is lost on the way."""

import re
from html import unescape
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.forms import FIELDS
from tests.helpers import sign_in
from tests.http.forms.conftest import Make, send, show
from tests.people import EVE, settle, window
from tests.tables import add_table
from webapp.extensions import db
from webapp.models import TableForm, TableRole
from webapp.models.tables import columns
from webapp.models.tables.table_form import Ask, FormField
from webapp.web.application import Application

INPUT = re.compile(r'<input(?=[^>]*name="([\w-]+)")(?:(?=[^>]*value="([^"]*)"))?[^>]*>')
AREA = re.compile(r'<textarea[^>]*name="([\w-]+)"[^>]*>(.*?)</textarea>', re.DOTALL)
SELECT = re.compile(r'<select[^>]*name="([\w-]+)".*?</select>', re.DOTALL)
CHOSEN = re.compile(r'<option[^>]*value="([^"]*)"[^>]* selected')
LINK = re.compile(r'id="address">http://localhost([^<]+)<')


async def settings_of(client: QuartClient, page_url: str) -> dict[str, Any]:
    """What a browser would send of the form as it is shown."""
    html = (await show(client, page_url)).partition('<form id="settings"')[2].partition("</form>")[0]
    found: dict[str, Any] = {"column": []}
    for match in INPUT.finditer(html):
        name, value = match[1], unescape(match[2] or "")
        if 'type="checkbox"' in match[0] and " checked" not in match[0]:
            continue
        if name == "column":
            found["column"].append(value)
        else:
            found[name] = value
    found |= {name: unescape(text).removeprefix("\n") for name, text in AREA.findall(html)}
    for match in SELECT.finditer(html):
        if chosen := CHOSEN.search(match[0]):
            found[match[1]] = chosen[1]
    return found


async def stored(app: Application, form_id: int) -> TableForm:
    async with db.of(app).reading() as session:
        return await session.get_one(TableForm, form_id)


async def test_an_editor_makes_a_form_switches_it_on_and_copies_its_address(
    app: Application, client: QuartClient, stranger: QuartClient, table_id: int
) -> None:
    assert f"/tables/{table_id}/forms" in await show(client, f"/tables/{table_id}")
    assert "There is none yet" in await show(client, f"/tables/{table_id}/forms")
    page = await show(client, f"/tables/{table_id}/forms/new")
    assert page.count('name="column"') == page.count(" checked") == 5

    sent = await send(client, f"/tables/{table_id}/forms", form={"name": "New planets", "column": ["1", "2"]})
    url = sent.headers["Location"]
    page = await show(client, url)
    link = LINK.search(page)
    assert link
    assert "switched off" in page
    assert "This form is closed" in await show(stranger, link[1], 410)

    await send(client, f"{url}/state", form={"on": "1"})
    assert "Planet" in await show(stranger, link[1])
    assert "New planets" in await show(client, f"/tables/{table_id}/forms")
    await send(client, f"{url}/state", form={})
    await show(stranger, link[1], 410)


async def test_making_a_form_again_with_the_same_key_leads_to_the_first_one(client: QuartClient, table_id: int) -> None:
    given = {"name": "New planets", "column": "1", "idempotency_key": "k"}

    first, again = [await send(client, f"/tables/{table_id}/forms", form=given) for _ in range(2)]

    assert first.headers["Location"] == again.headers["Location"]
    assert (await show(client, f"/tables/{table_id}/forms")).count('id="form-') == 1


@pytest.mark.parametrize("given", [{"name": "", "column": "1"}, {"name": "x"}, {"name": "x", "column": "99"}])
async def test_a_form_without_name_or_columns_is_not_made(
    client: QuartClient, table_id: int, given: dict[str, str]
) -> None:
    page = (await send(client, f"/tables/{table_id}/forms", 422, form=given)).text

    assert 'role="alert"' in page
    assert "There is none yet" in await show(client, f"/tables/{table_id}/forms")


async def test_what_the_page_shows_is_saved_as_it_was(app: Application, client: QuartClient, make: Make) -> None:
    fields = (
        FormField(1, "Planet", Ask.ADDRESS, "Which <one>?", "Any\nof them", required=True, default=" a ", is_long=True),
        FormField(2, "Moons", choices=("1", "2")),
        FormField(4, "Rings", Ask.FIXED, default="no"),
    )
    form = await make(*fields, intro="\nTwo\nlines", thanks="<3", max_answers=7, origins=("https://a.example",))

    before = (await stored(app, form.id)).version
    sent = await settings_of(client, form.page)
    await send(client, form.page, form=sent | {"do": "save"})

    after = await stored(app, form.id)
    assert [field.column for field in after.asked] == [1, 2, 4]
    assert after.asked[1:] == list(fields[1:])
    assert (after.asked[0].label, after.asked[0].default) == ("Which <one>?", " a ")
    assert (after.max_answers, after.origins, after.version - before <= 1) == (7, ["https://a.example"], True)


async def test_everything_of_a_form_can_be_set(app: Application, client: QuartClient, make: Make) -> None:
    form = await make()
    given = await settings_of(client, form.page) | {
        "name": "Renamed",
        "intro": "Hello\r\nthere",
        "thanks": "Thanks",
        "next_url": "https://example.org/",
        "opens_at": "2026-11-28T08:00",
        "closes_at": "2026-12-24T18:30",
        "max_answers": "50",
        "one_each": "y",
        "origins": "https://A.example/\r\n\r\nhttps://b.example",
        "label-1": "Its name?",
        "help-1": "As astronomers call it",
        "default-2": "3",
        "choices-2": "1\r\n2\r\n3",
        "ask-4": "fixed",
        "default-4": "YES",
    }

    await send(client, form.page, form=given | {"do": "save"})

    found = await stored(app, form.id)
    assert (found.name, found.intro, found.thanks, found.next_url) == (
        "Renamed",
        "Hello\nthere",
        "Thanks",
        "https://example.org/",
    )
    assert found.opens_at
    assert found.closes_at
    assert (found.opens_at.isoformat(), found.closes_at.isoformat()[:16]) == (
        "2026-11-28T08:00:00+00:00",
        "2026-12-24T18:30",
    )
    assert (found.max_answers, found.one_each, found.origins) == (50, True, ["https://a.example", "https://b.example"])
    first, second, third = found.asked
    assert (first.label, first.help, first.name) == ("Its name?", "As astronomers call it", "Planet")
    assert (second.choices, second.default) == (("1", "2", "3"), "3")
    assert (third.ask, third.default) == (Ask.FIXED, "yes")
    page = await show(client, form.page)
    assert "&lt;iframe src=" in page
    assert "?Planet=…" in page


async def test_times_are_those_of_where_the_editor_is(app: Application, client: QuartClient, make: Make) -> None:
    form = await make()
    await client.post("/account", form={"name": "Ada", "time_zone": "Asia/Tokyo", "number_style": "comma"})
    given = await settings_of(client, form.page) | {"opens_at": "2026-11-28T08:00", "do": "save"}

    await send(client, form.page, form=given)

    opens_at = (await stored(app, form.id)).opens_at
    assert opens_at
    assert opens_at.isoformat() == "2026-11-27T23:00:00+00:00"
    assert (await settings_of(client, form.page))["opens_at"] == "2026-11-28T08:00"


@pytest.mark.parametrize(
    ("do", "order"),
    [
        ("save", [1, 2, 4]),
        ("up-2", [2, 1, 4]),
        ("up-1", [1, 2, 4]),
        ("down-1", [2, 1, 4]),
        ("down-4", [1, 2, 4]),
        ("remove-2", [1, 4]),
        ("remove-99", [1, 2, 4]),
        ("add", [1, 2, 4, 3]),
        ("nonsense", [1, 2, 4]),
    ],
)
async def test_buttons_arrange_the_fields_and_save_the_rest(
    app: Application, client: QuartClient, make: Make, do: str, order: list[int]
) -> None:
    form = await make()
    given = await settings_of(client, form.page)

    await send(client, form.page, form=given | {"do": do, "new": "3", "intro": "Typed before"})

    found = await stored(app, form.id)
    assert [field.column for field in found.asked] == order
    assert found.intro == "Typed before"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"name": ""}, "name-error"),
        ({"next_url": "javascript:alert(1)"}, "next_url-error"),
        ({"origins": "*"}, "origins-error"),
        ({"opens_at": "soon"}, "opens_at-error"),
        ({"opens_at": "2026-11-28T08:00", "closes_at": "2026-11-27T08:00"}, "closes_at-error"),
        ({"max_answers": "0"}, "max_answers-error"),
        ({"max_answers": "many"}, "max_answers-error"),
        ({"default-2": "many"}, "default-2-error"),
        ({"choices-2": "many"}, "choices-2-error"),
        ({"label-1": "x" * 301}, "label-1-error"),
        ({"help-1": "x" * 5_001}, "help-1-error"),
    ],
)
async def test_what_cannot_be_kept_is_said_beside_it_and_the_rest_stays_typed(
    app: Application, client: QuartClient, make: Make, given: dict[str, str], where: str
) -> None:
    form = await make()
    sent = await settings_of(client, form.page) | {"do": "save", "label-4": "Typed before"} | given

    page = (await send(client, form.page, 422, form=sent)).text

    assert f'id="{where}"' in page
    assert 'value="Typed before"' in page
    assert (await stored(app, form.id)).asked == list(FIELDS)


async def test_what_somebody_else_has_changed_is_shown_instead_of_overwritten(
    app: Application, client: QuartClient, make: Make
) -> None:
    form = await make()
    theirs = mine = await settings_of(client, form.page)
    await send(client, form.page, form=theirs | {"intro": "Theirs"})

    page = (await send(client, form.page, 409, form=mine | {"intro": "Mine"})).text

    assert "Somebody else has changed this form" in page
    assert "Theirs" in page
    assert (await stored(app, form.id)).intro == "Theirs"


async def test_the_preview_shows_a_form_that_is_off_and_sends_nothing(client: QuartClient, make: Make) -> None:
    form = await make(is_on=False)

    page = await show(client, f"{form.page}/preview?Planet=Eris")

    assert 'value="Eris"' in page
    assert "Nothing can be sent from here" in page
    assert "<button" not in page


async def test_a_new_address_takes_the_place_of_the_old_one(
    client: QuartClient, stranger: QuartClient, make: Make
) -> None:
    form = await make()

    await send(client, f"{form.page}/address")

    link = LINK.search(await show(client, form.page))
    assert link
    assert link[1] != form.url
    await show(stranger, form.url, 404)
    await show(stranger, link[1])


async def test_an_address_that_cannot_be_read_any_more_can_be_replaced(
    app: Application, client: QuartClient, stranger: QuartClient, make: Make
) -> None:
    form = await make()

    async def break_seal(work: Any) -> None:
        (await work.session.get_one(TableForm, form.id)).sealed = "of another key"

    await db.of(app).write(break_seal)

    assert "has been replaced" in await show(client, form.page)
    await show(stranger, form.url)
    await send(client, f"{form.page}/address")
    assert LINK.search(await show(client, form.page))


async def test_a_deleted_form_comes_back_with_the_button_of_the_message(client: QuartClient, make: Make) -> None:
    form = await make()

    deleted = await send(client, f"{form.page}/deletion")
    page = await show(client, deleted.headers["Location"])
    assert f'action="{form.page}/restoration"' in page
    await show(client, form.page, 404)
    await send(client, f"{form.page}/restoration")

    await show(client, form.page)


async def test_a_column_that_is_deleted_is_told_and_goes_with_the_next_save(
    app: Application, client: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    await client.post(f"/tables/{table_id}/columns/2/deletion", form={"seen": "Moons"})

    assert "1 column of this form is deleted" in await show(client, form.page)
    await send(client, form.page, form=await settings_of(client, form.page) | {"intro": "x"})

    assert [field.column for field in (await stored(app, form.id)).asked] == [1, 4]


async def test_columns_that_are_named_alike_one_after_the_other_have_names_of_their_own(
    app: Application, client: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    before = {"title": "Moons", "rules": {}, "behind": 1}
    from tests.forms import OWNER

    await db.of(app).write(columns.change_column, OWNER, table_id, 2, before, before | {"title": "Satellites"})
    before = {"title": "Radius", "rules": {}, "behind": 2}
    await db.of(app).write(columns.change_column, OWNER, table_id, 3, before, before | {"title": "Moons"})

    await send(client, form.page, form=await settings_of(client, form.page) | {"do": "add", "new": "3"})

    assert [field.name for field in (await stored(app, form.id)).asked] == ["Planet", "Moons", "Rings", "Moons 2"]


async def test_viewers_find_no_forms_and_editors_do(
    app: Application, client: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    await settle(app, EVE.email)
    eve = await window(app, EVE)
    await show(eve, f"/tables/{table_id}/forms", 404)
    await client.post(f"/tables/{table_id}/members", form={"person": EVE.email, "role": TableRole.VIEWER})
    for path in (f"/tables/{table_id}/forms", form.page, f"{form.page}/preview"):
        await show(eve, path, 403)
    assert "/forms" not in await show(eve, f"/tables/{table_id}")
    await client.post(f"/tables/{table_id}/members", form={"person": EVE.email, "role": TableRole.EDITOR})

    await sign_in(eve, EVE)
    await show(eve, form.page)


async def test_a_table_of_many_columns_has_a_form_of_a_hundred(
    app: Application, client: QuartClient, settings: Settings, table_id: int
) -> None:
    wide = add_table(settings.data_dir, {f"C{number}": "text" for number in range(1, 1_201)}, [])
    page = await show(client, f"/tables/{wide}/forms/new")
    assert page.count(" checked") == 100
    chosen = [str(number) for number in range(1, 1_201)]

    assert (
        "at most 100 fields"
        in (await send(client, f"/tables/{wide}/forms", 422, form={"name": "x", "column": chosen})).text
    )
    made = await send(client, f"/tables/{wide}/forms", form={"name": "x", "column": chosen[:100]})
    url = made.headers["Location"]
    await send(client, url, form=await settings_of(client, url) | {"do": "up-50"})
