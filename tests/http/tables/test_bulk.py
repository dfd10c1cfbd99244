"""Changing many rows by one decision: which rows, the preview, and what is made of it."""

import asyncio
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_cells import edit, exported, member, save, send
from tests.http.tables.test_tables import get, tree
from tests.servers import PATIENCE
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.extensions import jobs
from webapp.models.tables.large_change import large_topic
from webapp.web.application import Application

SEEN = '{"title": "Planet", "rules": {}, "behind": 0, "place": 1}'
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


async def post(client: QuartClient, address: str, status: int = 200, **form: Any) -> str:
    data = urlencode([(name, value) for name, value in form.items()], doseq=True)
    answer = await client.post(
        address,
        data=data,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"},
    )
    found = await answer.get_data(as_text=True)
    text = answer.headers.get("Location", found) if status == 303 else found
    assert answer.status_code == status, text
    return text


async def made(client: QuartClient, address: str, **form: Any) -> str:
    """The message after a change."""
    location = await post(client, address, 303, confirm="1", **form)
    return notice(await get(client, location))


def notice(html: str) -> str:
    """With a button that undoes it, if it is about a change."""
    notices = [found for name in ("p", "form") for found in tree(html).iter(name)]
    return " ".join("".join(next(n.iter("span")).itertext()) for n in notices if "notice" in n.attrib.get("class", ""))


async def column(client: QuartClient, table: str, number: int) -> list[str]:
    return [line.split(",")[number - 1] for line in (await exported(client, table))[1:]]


async def test_the_message_after_a_change_undoes_it_and_leads_back_to_the_view(
    client: QuartClient, planets: str
) -> None:
    before = await exported(client, planets)
    location = await post(client, f"{planets}/bulk/set?f.4=eq:yes&rows=all", 303, confirm="1", column=2, text="7")
    forms = [form.attrib for form in tree(await get(client, location)).iter("form")]
    (undo,) = [form["action"] for form in forms if "notice" in form.get("class", "")]

    assert await post(client, undo, 303) == location == f"{planets}?f.4=eq:yes"
    assert notice(await get(client, location)) == "4 changes undone."
    assert await exported(client, planets) == before
    assert await post(client, f"{planets}/history/2/revert?back=//evil.example", 303) == planets


async def test_the_message_after_a_change_of_a_long_view_leads_back_to_the_table(
    client: QuartClient, planets: str
) -> None:
    """Its address would not fit into the cookie, and the message would be lost."""
    name = quote("".join(chr(0x4E00 + 7919 * number % 20_000) for number in range(1_200)))
    location = await post(client, f"{planets}/bulk/set?f.1=ne:{name}&rows=all", 303, confirm="1", column=2)
    page = await get(client, location)
    assert notice(page).endswith("8 cells changed.")
    (undo,) = [form.attrib["action"] for form in tree(page).iter("form") if "notice" in form.attrib.get("class", "")]
    assert await post(client, undo, 303) == planets


async def test_a_column_is_set_in_the_rows_that_the_view_shows(client: QuartClient, planets: str) -> None:
    address = f"{planets}/bulk/set?f.4=eq:yes&rows=all"

    preview = await post(client, address, column=2, text="7")

    assert "Of 4 rows: 4 cells change." in preview
    assert "Change 4 cells" in preview
    assert await column(client, planets, 2) == [row[1] for row in PLANET_ROWS]
    assert await made(client, address, column=2, text="7") == "4 cells changed."
    assert await column(client, planets, 2) == ["0", "0", "1", "2", "7", "7", "7", "7"]
    assert (await send(client, f"{planets}/undo", {}))["message"] == "4 changes undone."
    assert await column(client, planets, 2) == [row[1] for row in PLANET_ROWS]


async def test_the_change_is_made_in_the_rows_that_match_then(
    app: Application, client: QuartClient, planets: str
) -> None:
    address = f"{planets}/bulk/set?f.4=eq:yes&rows=all"
    assert "Change 4 cells" in await post(client, address, column=1, text="giant")
    ana = await member(app, planets)
    await save(ana, planets, edit(3, 4, "no", "yes"), edit(5, 4, "yes", "no"))
    await send(ana, f"{planets}/rows/deletion", {"ids": [8]})

    assert await made(client, address, column=1, text="giant") == "3 cells changed."
    assert await column(client, planets, 1) == ["Mercury", "Venus", "giant", "Mars", "Jupiter", "giant", "giant"]


async def test_rows_chosen_by_boxes_are_changed_whether_or_not_they_match(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/bulk?q=jupiter&r=2&r=3&r=5")
    link = next(a.attrib["href"] for a in tree(page).iter("a") if "/bulk/replace" in a.attrib.get("href", ""))
    assert "3 chosen rows" in page
    assert link.endswith("/bulk/replace?q=jupiter&rows=2-3,5")

    said = await made(client, link, column=1, find="[aeiou]", replacement="_", is_regex="1")

    assert said == "3 cells changed."
    assert (await column(client, planets, 1))[:5] == ["Mercury", "V_n_s", "__rth", "Mars", "J_p_t_r"]


async def test_texts_that_do_not_fit_are_named_and_stay_unless_they_are_to_be_kept(
    client: QuartClient, planets: str
) -> None:
    address = f"{planets}/bulk/replace?rows=all"
    form = {"column": 2, "find": "1", "replacement": "some"}

    preview = await post(client, address, **form)

    assert "3 texts do not fit and stay as they are" in preview
    assert "3 of them can be kept as texts" in preview
    assert "Moons: “some46” is not a whole number</li>" in preview
    assert 'name="confirm"' not in preview
    assert "Change 3 cells" in await post(client, address, **form, as_text="1")
    assert await made(client, address, **form, as_text="1") == "3 cells changed."
    assert await column(client, planets, 2) == ["0", "0", "some", "2", "95", "some46", "28", "some6"]


async def test_an_empty_cell_is_empty_whatever_the_column_writes(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [["1", "NA"], ["2", "7"], ["3", "NA"]]
    table_id = add_table(
        settings.data_dir, {"Id": "integer", "Size": "integer"}, rows, formats={"Size": {"null": "NA"}}
    )
    table = f"/tables/{table_id}"

    assert "Nothing changes in 3 rows" in await post(client, f"{table}/bulk/tidy?rows=all", column=2, how="lower")
    await made(client, f"{table}/bulk/set?rows=all", column=2, text="5", only_empty="1")
    assert await column(client, table, 2) == ["5", "7", "5"]
    await made(client, f"{table}/bulk/clear?rows=2", column=2)
    assert await column(client, table, 2) == ["5", "NA", "5"]


async def test_the_rules_of_a_column_are_kept(client: QuartClient, planets: str) -> None:
    rules = {"title": "Planet", "place": 1, "required": "1", "unique": "1", "seen": SEEN}
    await post(client, f"{planets}/columns/1", 303, **rules)

    emptied = await post(client, f"{planets}/bulk/clear?rows=all", column=1)
    same = await post(client, f"{planets}/bulk/set?rows=1-3", column=1, text="Pluto")
    taken = await post(client, f"{planets}/bulk/set?rows=1", column=1, text="Mars")

    assert "8 texts do not fit" in emptied
    assert "This column needs a text in every row." in emptied
    assert "2 texts do not fit" in same
    assert "Change 1 cell" in same
    assert "“Mars” is in row 4 already" in taken


async def test_columns_are_filled_tidied_and_joined(client: QuartClient, planets: str) -> None:
    await made(client, f"{planets}/bulk/tidy?rows=1-2", column=1, how="upper")
    await made(client, f"{planets}/bulk/join?rows=3", column=1, sources=[1, 2, 4], delimiter=" · ")
    await made(client, f"{planets}/bulk/fill?rows=4", column=1, source=2)

    assert (await column(client, planets, 1))[:4] == ["MERCURY", "VENUS", "Earth · 1 · no", "2"]


async def test_chosen_rows_are_deleted_and_come_back(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/bulk/delete?f.4=eq:yes&rows=all")
    assert "4 rows will be deleted" in page
    assert "Delete 4 rows" in page
    before = await exported(client, planets)

    said = await made(client, f"{planets}/bulk/delete?f.4=eq:yes&rows=all")

    assert said == "4 rows deleted."
    assert await column(client, planets, 1) == ["Mercury", "Venus", "Earth", "Mars"]
    await send(client, f"{planets}/undo", {})
    assert await exported(client, planets) == before


async def test_copies_of_rows_are_added_once_however_often_the_form_is_sent(client: QuartClient, planets: str) -> None:
    address = f"{planets}/bulk/duplicate?rows=3,5"
    key = re.search(r'name="idempotency_key" value="([^"]+)"', await get(client, address))
    assert key is not None

    for _ in range(2):
        await post(client, address, 303, confirm="1", idempotency_key=key[1])

    assert (await exported(client, planets))[9:] == ["Earth,1,6371.0,no,", "Jupiter,95,69911.0,yes,1610-01-07"]


async def test_chosen_rows_are_exported_in_the_order_of_the_view(client: QuartClient, planets: str) -> None:
    answer = await client.get(f"{planets}/export?format=csv&q=mars&sort=-2&cols=1&rows=3-5,8")

    assert (await answer.get_data(as_text=True)).splitlines() == ["Planet", "Jupiter", "Neptune", "Mars", "Earth"]
    assert "4 chosen" in answer.headers["Content-Disposition"]


async def until(app: Application, client: QuartClient, address: str, pattern: str) -> str:
    """The page of a large change, once it has this."""
    topic = large_topic(int(address.rpartition("/")[2]))
    async with asyncio.timeout(PATIENCE), jobs.of(app).broker.subscribe([topic]) as events:
        while not re.search(pattern, page := await get(client, address)):
            await events.get()
    return page


async def test_many_rows_are_planned_in_the_background_and_changed_after_a_look(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    rows = [[f"row {number}", str(number)] for number in range(1, 1_502)]
    table = f"/tables/{add_table(settings.data_dir, {'Name': 'text', 'Number': 'integer'}, rows)}"
    form = {"column": 2, "find": "^1(.*)", "replacement": "some $1", "is_regex": "1"}

    change = await post(client, f"{table}/bulk/replace?rows=all", 303, **form)

    page = await until(app, client, change, "Nothing would change")
    assert "Find and replace: Number" in page
    assert "613 texts do not fit and stay as they are" in page
    assert "/start" not in page
    again = await post(client, f"{table}/bulk/replace?f.2=ge:200&rows=all", 303, **form, as_text="1")
    page = await until(app, client, again, "/start")
    assert "502 cells in 502 rows will be changed" in page
    assert "cancelled" in await get(client, change)
    await post(client, f"{again}/start", 303)
    await until(app, client, again, "Changed 502 cells in 502 rows")
    assert (await column(client, table, 2))[-1] == "some 501"
    assert (await column(client, table, 2))[:3] == ["1", "2", "3"]


async def test_a_plan_is_not_applied_to_a_column_with_other_rules_than_it_was_made_for(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    columns = {"Name": "text", "Size": "text", "Note": "text"}
    table = f"/tables/{add_table(settings.data_dir, columns, [['a', 'small', '']] * 1_001)}"
    form = {"column": 2, "text": "large"}
    seen = '{"title": "%s", "rules": {}, "behind": %d, "place": %d}'

    change = await post(client, f"{table}/bulk/set?rows=all", 303, **form)
    await until(app, client, change, "/start")
    await post(client, f"{table}/columns/3", 303, title="Note", required="y", place=3, seen=seen % ("Note", 2, 3))
    await post(client, f"{table}/columns/2", 303, title="Size", choices="small", place=2, seen=seen % ("Size", 1, 2))
    await post(client, f"{change}/start", 303)

    page = await get(client, change)
    assert "The type or the rules of the column “Size” have changed since this was prepared" in page
    assert "/start" not in page
    assert set(await column(client, table, 2)) == {"small"}
    again = await post(client, f"{table}/bulk/set?rows=all", 303, **form)
    assert "1,001 texts do not fit" in await until(app, client, again, "Nothing would change")


async def test_a_plan_is_applied_though_other_columns_have_changed(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    """Or somebody has written a text into a column that had none."""
    await sign_up(client)
    table = f"/tables/{add_table(settings.data_dir, {'A': 'integer', 'B': 'text'}, [['1', '']] * 1_001)}"
    change = await post(client, f"{table}/bulk/set?rows=all", 303, column=1, text="2")
    await until(app, client, change, "/start")
    seen = '{"title": "B", "rules": {}, "behind": 1, "place": 2}'
    await post(client, f"{table}/columns/2", 303, title="B", required="y", place=2, seen=seen)
    await save(client, table, edit(1, 1, "1", "some", as_text=True))
    await post(client, f"{change}/start", 303)
    await until(app, client, change, "Changed 1,001 cells in 1,001 rows, except for 1 place")


async def test_many_rows_are_deleted_and_copied_in_the_background(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    rows = [[f"row {number}", str(number)] for number in range(1, 2_503)]
    table = f"/tables/{add_table(settings.data_dir, {'Name': 'text', 'Number': 'integer'}, rows)}"
    assert "preview is prepared in the background" in await get(client, f"{table}/bulk/delete?f.2=gt:1000&rows=all")

    deletion = await post(client, f"{table}/bulk/delete?f.2=gt:1000&rows=all", 303)
    assert "1,502 rows will be deleted" in await until(app, client, deletion, "/start")
    await post(client, f"{deletion}/start", 303)
    await until(app, client, deletion, "Deleted 1,502 rows")
    assert (await exported(client, table))[-1] == "row 1000,1000"

    await made(client, f"{table}/bulk/duplicate?rows=all")
    copies = await post(client, f"{table}/bulk/duplicate?rows=all", 303)
    await until(app, client, copies, "/start")
    await post(client, f"{copies}/start", 303)
    await until(app, client, copies, "Added 2,000 rows")
    found = (await exported(client, table))[1:]
    assert len(found) == 4_000
    assert sorted(found) == sorted(found[:1_000] * 4)


async def test_as_many_rows_as_are_changed_at_once_are(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    table = f"/tables/{add_table(settings.data_dir, {'A': 'text'}, [['x']] * 1_001)}"

    said = await made(client, f"{table}/bulk/set?rows=1-1000", column=1, text="y")
    assert said.endswith("1,000 cells changed.")
    change = await post(client, f"{table}/bulk/set?rows=all", 303, column=1, text="y", confirm="1")
    assert "1 cell in 1 row will be changed" in await until(app, client, change, "/start")


async def test_short_texts_that_become_long_are_changed_in_the_background(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    """They are never all in memory."""
    await sign_up(client)
    table = f"/tables/{add_table(settings.data_dir, {'A': 'text'}, [['x' * 1_000]] * 60)}"
    address, form = f"{table}/bulk/replace?rows=all", {"column": 1, "find": "x", "replacement": "y" * 1_000}

    change = await post(client, address, 303, **form)
    assert "60 cells in 60 rows will be changed" in await until(app, client, change, "/start")


async def test_copies_of_more_cells_than_one_action_has_are_made_in_the_background(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    columns = {f"C{number}": "text" for number in range(150)}
    table = f"/tables/{add_table(settings.data_dir, columns, [['x'] * 150] * 700)}"

    change = await post(client, f"{table}/bulk/duplicate?rows=all", 303, confirm="1")
    assert "700 rows will be added" in await until(app, client, change, "/start")


async def test_rows_of_a_table_with_very_many_columns_are_compared_in_all_of_them(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    columns = {f"C{number}": "text" for number in range(1_200)}
    table = f"/tables/{add_table(settings.data_dir, columns, [['x'] * 1_200] * 3)}"

    page = await post(client, f"{table}/bulk/distinct?rows=all", sources=range(1, 1_201), keep="first")

    assert "2 rows repeat another one" in page


async def test_hostile_texts_are_shown_as_texts(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    text = "<script>alert(1)</script>\"'"
    table_id = add_table(settings.data_dir, {"<b>A</b>": "text"}, [[text], ["\0" + text]])
    table = f"/tables/{table_id}"

    for page in (
        await post(client, f"{table}/bulk/set?rows=all", column=1, text="<img src=x>"),
        await get(client, f"{table}/bulk/delete?rows=all"),
    ):
        assert "<script>alert" not in page
        assert "<img src=x>" not in page
        assert "&lt;script&gt;" in page or "script" in page


async def test_a_view_that_sees_only_may_export_but_not_change(
    app: Application, client: QuartClient, planets: str
) -> None:
    viewer = await member(app, planets, "viewer")

    page = await get(viewer, f"{planets}/bulk?rows=all")

    assert "/bulk/set" not in page
    assert "/export?format=csv&amp;rows=all" in page or "rows=all" in page
    assert (await viewer.get(f"{planets}/bulk/set?rows=all")).status_code == 403
    await post(viewer, f"{planets}/bulk/set?rows=all", 403, column=1, text="y", confirm="1")


@pytest.mark.parametrize(
    "query", ["", "?rows=", "?rows=x", "?rows=5-", "?rows=-1", "?rows=1-99999999", "?r=x", "?f.2=ge:many&rows=all"]
)
async def test_an_address_that_names_no_rows_is_refused(client: QuartClient, planets: str, query: str) -> None:
    await get(client, f"{planets}/bulk{query}", 422)
    await get(client, f"{planets}/bulk/set{query}", 422)


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("set", {"column": 99, "text": "x"}),
        ("set", {"text": "x"}),
        ("replace", {"column": 1}),
        ("replace", {"column": 1, "find": "(", "is_regex": "1"}),
        ("replace", {"column": 1, "find": "a", "replacement": "$7", "is_regex": "1"}),
        ("join", {"column": 1, "sources": [1]}),
        ("tidy", {"column": 1, "how": "upside-down"}),
        ("set", {"column": 1, "text": "a\0b"}),
    ],
)
async def test_what_is_missing_in_the_form_is_said_beside_it(
    client: QuartClient, planets: str, action: str, form: dict[str, Any]
) -> None:
    page = await post(client, f"{planets}/bulk/{action}?rows=all", 422, **form)

    assert 'class="error"' in page or "notice failed" in page
    assert (await exported(client, planets))[1].startswith("Mercury")


async def test_a_column_is_split_into_new_ones_by_one_change(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [["Oslo, Norway, Europe", "1"], ["Bergen", "2"], ["", "3"]]
    table = f"/tables/{add_table(settings.data_dir, {'Place': 'text', 'Id': 'integer'}, rows)}"
    before = await exported(client, table)
    address = f"{table}/bulk/split?rows=all"

    assert "Change 3 cells" in await post(client, address, column=1, delimiter=",", parts=2)
    await made(client, address, column=1, delimiter=",", parts=2)

    assert await exported(client, table) == [
        "Place,Place 1,Place 2,Id",
        '"Oslo, Norway, Europe",Oslo,"Norway, Europe",1',
        "Bergen,Bergen,,2",
        ",,,3",
    ]
    await send(client, f"{table}/undo", {})
    assert await exported(client, table) == before
    await send(client, f"{table}/redo", {})
    assert (await exported(client, table))[2] == "Bergen,Bergen,,2"


async def test_columns_are_joined_in_a_new_one(client: QuartClient, planets: str) -> None:
    await made(client, f"{planets}/bulk/join?rows=3,4", column=-1, sources=[1, 2], delimiter="/")

    head, *rows = await exported(client, planets)
    assert head == "Planet,Moons,Planet and Moons,Radius,Rings,Seen"
    assert [row.split(",")[2] for row in rows[1:5]] == ["", "Earth/1", "Mars/2", ""]


@pytest.mark.parametrize("keep", ["first", "last", "fullest"])
async def test_duplicates_are_removed_but_for_one(client: QuartClient, settings: Settings, keep: str) -> None:
    await sign_up(client)
    rows = [
        ["Oslo", "a", ""],
        ["Bergen", "b", ""],
        ["Oslo", "c", "x"],
        ["", "d", "y"],
        ["", "e", ""],
        ["Bergen ", "f", ""],
    ]
    columns = {"City": "text", "Id": "text", "Note": "text"}
    table = f"/tables/{add_table(settings.data_dir, columns, rows)}"

    preview = await post(client, f"{table}/bulk/distinct?rows=all", sources=[1], keep=keep)
    assert "1 row repeats another one and will be deleted" in preview
    assert "No row repeats another one" in await post(client, f"{table}/bulk/distinct?rows=1-2", sources=[1], keep=keep)
    await made(client, f"{table}/bulk/distinct?rows=all", sources=[1], keep=keep)
    await post(client, f"{table}/bulk/distinct?rows=all", 422, keep=keep)

    ids = set(await column(client, table, 2))
    assert ids == {"b", "d", "e", "f", "a" if keep == "first" else "c"}


async def test_many_rows_are_split_and_rid_of_duplicates_in_the_background(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    rows = [[f"{number} of {number % 7}"] for number in range(1, 1_302)] * 2
    table = f"/tables/{add_table(settings.data_dir, {'Name': 'text'}, rows)}"
    form = {"column": 1, "delimiter": " of ", "parts": 2}
    assert "preview is prepared in the background" in await post(client, f"{table}/bulk/split?rows=all", **form)
    split = await post(client, f"{table}/bulk/split?rows=all", 303, **form, confirm="plan")
    assert "5,204 cells in 2,602 rows will be changed" in await until(app, client, split, "/start")
    assert (await exported(client, table))[0] == "Name"
    await post(client, f"{split}/start", 303)
    await until(app, client, split, "Changed 5,204 cells in 2,602 rows")
    assert (await exported(client, table))[-1] == "1301 of 6,1301,6"
    for step, titles in (("undo", "Name"), ("redo", "Name,Name 1,Name 2")):
        url = (await send(client, f"{table}/{step}", {}))["url"]
        await until(app, client, url, "Changed 5,204 cells in 2,602 rows")
        assert (await exported(client, table))[0] == titles
    assert (await exported(client, table))[-1] == "1301 of 6,1301,6"

    distinct = await post(client, f"{table}/bulk/distinct?rows=all", 303, sources=[1], keep="first")
    assert "1,301 rows will be deleted" in await until(app, client, distinct, "/start")
    await post(client, f"{distinct}/start", 303)
    await until(app, client, distinct, "Deleted 1,301 rows")
    assert len(await exported(client, table)) == 1_302


async def test_what_was_agreed_to_be_planned_is_not_changed_at_once(client: QuartClient, planets: str) -> None:
    page = await post(client, f"{planets}/bulk/delete?rows=all", confirm="plan")

    assert "Delete 8 rows" in page
    assert len(await exported(client, planets)) == 9
