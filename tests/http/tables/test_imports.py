"""From an upload to a table, through the pages: detection, corrections, refusals."""

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import html5lib
import openpyxl
import pytest
from quart.datastructures import FileStorage
from quart.testing import QuartClient
from sqlalchemy import select

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import GRACE, sign_up
from tests.servers import PATIENCE
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.jobs.import_passes import discard_import
from webapp.models import Import, ImportState, Table
from webapp.models.tables import sheet_imports
from webapp.web.application import Application

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PLANETS = "Planet,Moons,Seen\nMars,2,1610-09-01\nVenus,0,\nEarth,1,\n"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open")


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


async def upload(
    client: QuartClient, data: str | bytes = PLANETS, filename: str = "planets.csv", **headers: str
) -> Any:
    content = data.encode() if isinstance(data, str) else data
    return await client.post("/tables", files={"file": FileStorage(io.BytesIO(content), filename)}, headers=headers)


async def settled(app: Application, location: str) -> Import:
    """Once no pass works on it."""
    found = await jobs.of(app).wait_for_pass(location.rpartition("/")[2], PATIENCE)
    assert found is not None
    return found


async def uploaded(app: Application, client: QuartClient, *args: Any) -> str:
    """The address of an import that waits for a decision."""
    location = str((await upload(client, *args)).headers["Location"])
    found = await settled(app, location)
    assert found.state == "ready", found.failure
    return location


async def text_of(client: QuartClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200
    return str(await answer.get_data(as_text=True))


def _tree(html: str) -> Any:
    return html5lib.parse(html, namespaceHTMLElements=False)


async def test_a_preview_is_drawn_once_the_whole_sample_is_there(app: Application, ada: QuartClient) -> None:
    """Chromium waits for the element that is named; drawn in parts, the columns would move with each row."""
    html = await text_of(ada, await uploaded(app, ada))

    [expected] = re.findall(r'<link rel="expect" href="#([a-z]+)" blocking="render">', html)
    assert html.index("</table>") < html.index(f'id="{expected}"')


async def test_a_file_becomes_a_preview_and_then_a_table(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada)
    page = await text_of(ada, location)
    for expected in ("planets.csv", "3 rows", "3 columns", 'value="Moons"'):
        assert expected in page
    answer = await ada.post(f"{location}/start")
    assert (answer.status_code, answer.headers["Location"]) == (303, location)
    found = await settled(app, location)
    assert (found.state, found.rows_done) == ("done", 3)
    assert f"/tables/{found.table_id}" in await text_of(ada, location)
    table = await text_of(ada, f"/tables/{found.table_id}")
    assert "planets" in table
    assert "Venus" in table


async def test_the_dashboard_has_a_reload_link_without_javascript_while_an_import_runs(
    app: Application, ada: QuartClient
) -> None:
    async def move(work: UnitOfWork, state: ImportState) -> None:
        fields = {"filename": "f.csv", "size": 1, "sha256": ""}
        await work.session.merge(Import(id="a" * 32, user_id=1, state=state, **fields))

    def again(html: str) -> list[str]:
        boxes = (box for box in _tree(html).iter("p") if box.get("class") == "no-js-only")
        return [link.get("href", "") for box in boxes for link in box.iter("a")]

    await db.of(app).write(move, ImportState.LOADING)
    assert again(await text_of(ada, "/dashboard")) == ["/dashboard"]
    await db.of(app).write(move, ImportState.READY)
    assert again(await text_of(ada, "/dashboard")) == []


async def test_pasted_rows_are_imported_like_a_file(app: Application, ada: QuartClient) -> None:
    answer = await ada.post("/tables", form={"text": "Name\tCity\nAda\tLondon\nGrace\tNew York\n"})
    assert answer.status_code == 422  # only a form that is streamed can be large
    boundary = "x" * 20
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
    body = f"{head}Name\tCity\r\nAda\tLondon\r\n--{boundary}--\r\n"
    answer = await ada.post(
        "/tables", data=body.encode(), headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    assert answer.status_code == 303
    found = await settled(app, answer.headers["Location"])
    assert found.inspection is not None
    assert [column["title"] for column in found.inspection["columns"]] == ["Name", "City"]


async def test_an_upload_by_script_is_redirected_to_the_import(ada: QuartClient) -> None:
    answer = await upload(ada, **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert re.fullmatch(r"/tables/imports/[0-9a-f]{32}", answer.headers["HX-Redirect"])


async def test_an_upload_without_a_file_is_refused_with_an_explanation(ada: QuartClient, settings: Settings) -> None:
    answer = await upload(ada, "", "")
    assert answer.status_code == 422
    assert "Nothing arrived" in await answer.get_data(as_text=True)
    assert not list(settings.imports_dir.iterdir())


async def test_strangers_cannot_upload(client: QuartClient, settings: Settings) -> None:
    answer = await upload(client)
    assert (answer.status_code, answer.headers["Location"][:6]) == (303, "/login")
    assert not settings.imports_dir.exists()


async def test_the_import_of_another_person_is_not_found(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada)
    grace = app.test_client()
    assert isinstance(grace, Client)
    await sign_up(grace, GRACE)
    for path in (location, f"{location}/rejected"):
        assert (await grace.get(path)).status_code == 404
    for path in (location, f"{location}/start", f"{location}/cancellation"):
        assert (await grace.post(path)).status_code == 404
    assert (await grace.get("/live", query_string={"import": location[-32:]})).status_code == 404
    assert (await settled(app, location)).state == "ready"


async def test_titles_and_types_are_as_chosen(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada)
    form = {"columns-0-title": "World", "columns-0-type": "text", "columns-1-type": "text", "columns-2-type": "date"}
    assert (await ada.post(f"{location}/start", form=form)).status_code == 303
    found = await settled(app, location)
    assert found.state == "done"
    async with db.of(app).reading() as session:
        from sqlalchemy import text

        rows = await session.execute(text("SELECT title, type FROM columns ORDER BY position"))
        assert [tuple(row) for row in rows] == [("World", "text"), ("Moons", "text"), ("Seen", "date")]
        assert (await session.execute(text(f"SELECT c2 FROM t{found.table_id} ORDER BY id"))).scalars().all() == [
            "2",
            "0",
            "1",
        ]


async def test_a_skipped_column_is_only_in_the_original_file(app: Application, ada: QuartClient) -> None:
    data = 'Planet,Note,Moons\nMars,"red, dry",2\nVenus,,0\n'
    location = await uploaded(app, ada, data)
    form = {"columns-0-title": "Planet", "columns-1-title": "Planet", "columns-1-skip": "1", "columns-2-title": "Moons"}

    # A preview that is read again says so, and a form that says nothing about the column leaves it at that.
    assert (await ada.post(location, form=form)).status_code == 303
    assert (await settled(app, location)).state == "ready"
    page = await text_of(ada, location)
    assert "in 3 columns, 1 of them skipped" in page
    boxes = [box for box in _tree(page).iter("input") if box.get("name", "").endswith("-skip")]
    assert [box.get("checked") is not None for box in boxes] == [False, True, False]

    assert (await ada.post(f"{location}/start", form={})).status_code == 303
    address = f"/tables/{(await settled(app, location)).table_id}"
    assert "red, dry" not in await text_of(ada, address)
    assert await text_of(ada, f"{address}/export?format=csv") == "Planet,Moons\r\nMars,2\r\nVenus,0\r\n"
    assert "Note" not in await text_of(ada, f"{address}/export?format=ndjson")
    assert await text_of(ada, f"{address}/original") == data


async def test_a_table_needs_a_column_and_a_skipped_column_can_be_restored(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada)
    titles = {f"columns-{index}-title": title for index, title in enumerate(("Planet", "Moons", "Seen"))}
    none = titles | {f"columns-{index}-skip": "1" for index in range(3)}

    refused = await ada.post(f"{location}/start", form=none)
    assert refused.status_code == 422
    page = _tree(await refused.get_data(as_text=True))
    wrong = [field for field in page.iter("input") if field.get("aria-invalid") == "true"]
    assert [field.get("name") for field in wrong] == ["columns-0-skip"]
    words = next(element for element in page.iter() if element.get("id") == wrong[0].get("aria-describedby"))
    assert "at least one column" in "".join(words.itertext())
    assert (await ada.post(location, form=none)).status_code == 303
    await settled(app, location)
    assert (await ada.post(f"{location}/start", form=titles)).status_code == 303
    found = await settled(app, location)
    export = await text_of(ada, f"/tables/{found.table_id}/export?format=csv")
    assert export.replace("\r\n", "\n") == PLANETS


async def test_a_type_that_few_cells_have_is_taken_after_reading_the_file_again(
    app: Application, ada: QuartClient
) -> None:
    location = await uploaded(app, ada)
    assert (await ada.post(f"{location}/start", form={"columns-0-type": "integer"})).status_code == 303
    assert (await settled(app, location)).state == "ready"
    page = await (await ada.get(location)).get_data(as_text=True)
    assert re.search("Integer, as you chose; [1-9] keep their text", page), page


async def test_each_button_of_an_import_can_be_clicked_twice(app: Application, ada: QuartClient) -> None:
    async def click_twice(path: str, **form: str) -> list[int]:
        answers = await asyncio.gather(*(ada.post(path, form=form) for _ in range(2)))
        return [answer.status_code for answer in answers]

    location = await uploaded(app, ada)
    assert await click_twice(location, delimiter=";") == [303, 303]
    assert (await settled(app, location)).state == "ready"
    assert await click_twice(f"{location}/start", delimiter=",") == [303, 303]
    assert (await settled(app, location)).state == "ready"
    assert await click_twice(f"{location}/start") == [303, 303]
    assert (await settled(app, location)).state == "done"
    assert await click_twice(f"{location}/start") == [303, 303]
    async with db.of(app).reading() as session:
        assert list(await session.scalars(select(Table.id))) == [1]

    other = await uploaded(app, ada)
    assert await click_twice(f"{other}/cancellation") == [303, 303]
    assert await click_twice(f"{other}/cancellation") == [303, 303]
    assert (await settled(app, other)).state == "cancelled"


async def test_a_file_uploaded_twice_at_once_is_two_imports(app: Application, ada: QuartClient) -> None:
    answers = await asyncio.gather(upload(ada), upload(ada))
    locations = {answer.headers["Location"] for answer in answers}
    assert len(locations) == 2
    assert {(await settled(app, location)).state for location in locations} == {"ready"}


async def test_a_file_can_be_read_again_with_other_options(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada)
    assert (await ada.post(location, form={"delimiter": ";", "header": "no"})).status_code == 303
    found = await settled(app, location)
    assert found.state == "ready"
    assert found.inspection is not None
    assert (found.inspection["delimiter"], found.inspection["rows"], len(found.inspection["columns"])) == (";", 4, 1)


async def test_options_that_fail_show_the_last_preview_and_the_reason(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, f"Name,Note\nMars,{'|' * 3000}\nEarth,\n")
    assert (await ada.post(location, form={"delimiter": "|"})).status_code == 303
    found = await settled(app, location)
    page = await text_of(ada, location)
    assert found.state == "ready"
    assert "3,001 columns" in str(found.failure)
    assert str(found.failure) in page
    assert 'data-state="ready"' in page
    assert "Mars" in page


async def test_a_refused_preview_keeps_the_input_and_shows_the_error_beside_the_field(
    app: Application, ada: QuartClient
) -> None:
    location = await uploaded(app, ada)
    form = {"columns-0-title": "Moons", "columns-2-title": "Radius in km", "columns-1-type": "text"}

    answer = await ada.post(f"{location}/start", form=form)
    page = _tree(await answer.get_data(as_text=True))

    fields = {field.get("name"): field for field in page.iter() if field.tag in ("input", "select")}
    assert fields["columns-2-title"].get("value") == "Radius in km"
    assert [option.get("value") for option in fields["columns-1-type"] if option.get("selected") is not None] == [
        "text"
    ]
    wrong = [name for name, field in fields.items() if field.get("aria-invalid") == "true"]
    assert len(wrong) == 1
    described = next(
        element for element in page.iter() if element.get("id") == fields[wrong[0]].get("aria-describedby")
    )
    assert "Two columns" in "".join(described.itertext())


def fields_of(html: str) -> dict[str, str]:
    """What a browser would send of the preview: each select's present value, and the titles."""
    fields = {}
    for field in _tree(html).iter():
        if field.tag == "select" and field.get("name"):
            chosen = [option for option in field if option.get("selected") is not None]
            fields[field.get("name")] = chosen[0].get("value", "") if chosen else field[0].get("value", "")
        elif field.tag == "input" and (field.get("name") or "").endswith("-title"):
            fields[field.get("name")] = field.get("value", "")
    return fields


async def columns_of(app: Application, location: str) -> list[tuple[str, Any]]:
    found = await settled(app, location)
    assert found.inspection is not None
    return [
        (column["type"], column["format"].get("layout") or column["format"].get("null"))
        for column in found.inspection["columns"]
    ]


async def answer(app: Application, client: QuartClient, location: str, **answers: str) -> None:
    """Send the whole preview as it stands, with these fields changed; the file is gone, so it cannot be read again."""
    fields = fields_of(await text_of(client, location)) | answers
    assert (await client.post(location, form=fields)).status_code == 303
    assert (await settled(app, location)).state == "ready"


async def test_the_order_of_day_and_month_is_decided_once_for_all_columns(app: Application, ada: QuartClient) -> None:
    data = "Sent,Paid,Code\n03/04/2021,05/06/2021,a\n01/02/2021,07/08/2021,b\n"
    location = await uploaded(app, ada, data)
    jobs.of(app).folder(location[-32:]).original.unlink()
    page = await text_of(ada, location)
    assert "question asks" in page
    for words in ("Dates like 03/04/2021", "in 2 columns", "Day first (3 April)", "Month first (4 March)"):
        assert words in page

    await answer(app, ada, location, order="mdy")
    assert await columns_of(app, location) == [("date", "MM/DD/YYYY"), ("date", "MM/DD/YYYY"), ("text", None)]
    assert "question asks" not in await text_of(ada, location)
    await answer(app, ada, location, order="dmy")
    assert await columns_of(app, location) == [("date", "DD/MM/YYYY"), ("date", "DD/MM/YYYY"), ("text", None)]
    await answer(app, ada, location, **{"columns-1-type": "text"})
    assert await columns_of(app, location) == [("date", "DD/MM/YYYY"), ("text", None), ("text", None)]
    await answer(app, ada, location, order="mdy")
    assert await columns_of(app, location) == [("date", "MM/DD/YYYY"), ("text", None), ("text", None)]


async def test_dates_kept_as_text_are_no_longer_asked_about(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, "Sent\n03/04/2021\n01/02/2021\n")
    await answer(app, ada, location, order="text")
    assert await columns_of(app, location) == [("text", None)]
    assert "question asks" not in await text_of(ada, location)


async def test_what_a_word_means_is_decided_for_all_columns_that_have_it(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, "Delay,Gain,Name\n1,2,x\nNA,3,NA\n4,NA,y\n")
    jobs.of(app).folder(location[-32:]).original.unlink()
    page = await text_of(ada, location)
    assert "<b>NA among the values</b> in 2 columns" in page

    await answer(app, ada, location, **{"word-0": "empty"})
    assert await columns_of(app, location) == [("integer", "NA"), ("integer", "NA"), ("text", None)]
    await answer(app, ada, location, **{"columns-0-type": "text"})
    assert await columns_of(app, location) == [("text", None), ("integer", "NA"), ("text", None)]
    assert (await ada.post(f"{location}/start", form={})).status_code == 303


async def test_a_preview_that_is_applied_unchanged_stays_as_it_is(app: Application, ada: QuartClient) -> None:
    data = "Sent,Delay,Planet\n03/04/2021,1,Mars\n01/02/2021,NA,Venus\n"
    location = await uploaded(app, ada, data)
    before = await settled(app, location)
    await answer(app, ada, location)
    after = await settled(app, location)
    assert after.inspection == before.inspection
    assert after.overrides["columns"] == {}


async def test_a_type_is_offered_with_the_number_of_cells_that_would_keep_their_text(
    app: Application, ada: QuartClient
) -> None:
    location = await uploaded(app, ada, "Amount\n" + "1\n" * 4)
    await change_columns(
        app,
        location,
        type="text",
        choices=[
            {"type": "integer", "format": {}, "keeps_texts": True, "exceptions": 1212},
            {"type": "text", "format": {}},
        ],
    )
    assert ">Integer: 1,212 cells keep their text</option>" in await text_of(ada, location)

    await answer(app, ada, location, **{"columns-0-type": "integer"})
    found = await settled(app, location)
    assert found.inspection is not None
    column = found.inspection["columns"][0]
    assert (column["type"], column["keeps_texts"], column["exceptions"]) == ("integer", True, 1212)


async def test_a_preview_lists_the_cells_that_keep_their_text(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, "Amount\n1\n<5\n")
    await change_columns(
        app, location, type="integer", keeps_texts=True, exceptions=3, exception_values=[("<5", 2), ("-", 1)]
    )
    page = await text_of(ada, location)
    assert "3 cells keep their text" in page
    assert "<code>&lt;5</code> 2" in page
    assert '<td class="odd">&lt;5</td>' in page


async def change_columns(app: Application, location: str, **changes: Any) -> None:
    """What was found in all columns."""

    async def change(work: UnitOfWork) -> None:
        import_ = await work.session.get_one(Import, location[-32:])
        assert import_.inspection is not None
        columns = [column | changes for column in import_.inspection["columns"]]
        import_.inspection = import_.inspection | {"columns": columns}

    await db.of(app).write(change)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"encoding": "utf-99"}, "not an encoding"),
        ({"encoding": "base64"}, "not an encoding"),
        ({"encoding": "raw-unicode-escape"}, "not an encoding"),
        ({"delimiter": ";;"}, "single character"),
        ({"quote": "''"}, "single character"),
        ({"header_row": "-1"}, "between 0 and"),
        ({"header_row": "x"}, "between 0 and"),
        ({"header_row": "9" * 5000}, "between 0 and"),
        ({"columns-0-type": "money"}, "no type"),
        ({"columns-0-title": " "}, "needs a title"),
        ({"columns-0-title": "Moons"}, "Two columns"),
        ({"columns-2-type": "date:xyz"}, "its day, its month or its year first"),
        ({"order": "xyz"}, "its day, its month or its year first"),
    ],
)
async def test_invalid_overrides_are_refused_with_an_explanation(
    app: Application, ada: QuartClient, form: dict[str, str], words: str
) -> None:
    location = await uploaded(app, ada)
    for path in (location, f"{location}/start"):
        answer = await ada.post(path, form=form)
        assert answer.status_code == 422
        assert words in await answer.get_data(as_text=True)
    assert (await settled(app, location)).state == "ready"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("a,b\n", ["Import the empty table", "No rows"]),
        ("a,b\nNull,1\nTrue,2\n,3\n", ["Import 3 rows", "all 3 rows", "1 empty"]),
        ('a,b\n"x\ny",1\n', ["Import 1 row", "the only row", "x⏎y"]),
        ("a,b\n" + "x,1\n" * 1_234, ["Import 1,234 rows", "the first 20 rows"]),
    ],
    ids=["no rows", "few rows", "one row", "many rows"],
)
async def test_a_preview_shows_the_numbers_of_rows_and_columns(
    app: Application, ada: QuartClient, data: str, said: list[str]
) -> None:
    text = "".join(_tree(await text_of(ada, await uploaded(app, ada, data))).itertext())
    assert [words for words in said if words not in text] == []


async def test_rejected_rows_can_be_downloaded(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, "a,b\n1,2\n3,4,5\n6,7\n")
    assert f"{location}/rejected" in await text_of(ada, location)
    answer = await ada.get(f"{location}/rejected")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    text = await answer.get_data(as_text=True)
    assert text.splitlines()[0].startswith("line,reason")
    assert "3,4,5" in text


@pytest.mark.parametrize(("many", "listed", "words"), [(3, 3, "See all"), (30, 20, "See the first 20")])
async def test_only_the_first_of_many_rejected_rows_are_listed(
    app: Application, ada: QuartClient, many: int, listed: int, words: str
) -> None:
    location = await uploaded(app, ada, "a,b\n" + "1,2\n" * 100 + "3,4,5\n" * many)
    page = await text_of(ada, location)
    assert words in page
    assert page.count("has 3 cells") == listed + 1, "The first reason stands above the list."


async def test_the_original_file_is_unchanged_and_its_download_can_be_resumed(
    app: Application, ada: QuartClient
) -> None:
    location = await uploaded(app, ada)
    await ada.post(f"{location}/start", form={})
    address = f"/tables/{(await settled(app, location)).table_id}/original"

    whole = await ada.get(address)
    rest = await ada.get(address, headers={"Range": "bytes=10-", "If-Range": whole.headers["ETag"]})

    assert whole.headers["Content-Disposition"] == 'attachment; filename="planets.csv"'
    assert await whole.get_data() == PLANETS.encode()
    assert (rest.status_code, await rest.get_data()) == (206, PLANETS.encode()[10:])


async def test_the_sample_becomes_a_table_without_a_preview(ada: QuartClient) -> None:
    answer = await ada.post("/tables/samples")
    assert answer.status_code == 303
    assert re.fullmatch(r"/tables/\d+", answer.headers["Location"])
    assert "4,453" in await text_of(ada, answer.headers["Location"])


@pytest.mark.sqlite  # PostgreSQL has no tables of so many
async def test_the_preview_of_a_table_of_2000_columns_can_be_submitted(app: Application, ada: QuartClient) -> None:
    wide = Path(__file__).parents[2] / "corpus" / "wide_2000_cols.csv"
    location = await uploaded(app, ada, wide.read_bytes(), wide.name)
    found = await settled(app, location)
    assert found.inspection is not None
    form = {}
    for index, column in enumerate(found.inspection["columns"]):
        form[f"columns-{index}-title"] = column["title"]
        form[f"columns-{index}-type"] = column["type"]
    assert (await ada.post(f"{location}/start", form=form)).status_code == 303
    assert (await settled(app, location)).state == "done"


def workbook_of(*sheets: str) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for name in sheets:
        sheet = book.create_sheet(name)
        for row in (["id", name], [1, 2], [3, 4]):
            sheet.append(row)
    book.save(file)
    return file.getvalue()


async def test_several_sheets_of_a_workbook_become_tables_of_their_own(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, workbook_of("Trees", "Shrubs", "Ferns"), "plants.xlsx")
    page = await text_of(ada, location)
    offered = re.findall(r'name="sheets" value="(\w+)".*?class="muted">([^<]*)<', page)
    assert offered == [("Shrubs", "3 rows, 2 columns"), ("Ferns", "3 rows, 2 columns")]
    for _ in range(2):  # sent twice, it is done once
        answer = await ada.post(f"{location}/sheets", data="sheets=Shrubs&sheets=Ferns", headers=FORM)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    async with db.of(app).reading() as session:
        imports = list(await session.scalars(select(Import).order_by(Import.created_at)))
    assert len(imports) == 3
    for import_ in imports:
        await settled(app, import_.id)
        await ada.post(f"/tables/imports/{import_.id}/start")
        await settled(app, import_.id)
    async with db.of(app).reading() as session:
        tables = {table.title: table.row_count for table in await session.scalars(select(Table))}
    assert tables == {"plants": 2, "plants, Shrubs": 2, "plants, Ferns": 2}


async def test_the_number_of_sheets_counts_hidden_ones(app: Application, ada: QuartClient) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook_of("Trees", "Shrubs")))
    book["Shrubs"].sheet_state = "hidden"
    file = io.BytesIO()
    book.save(file)
    page = await text_of(ada, await uploaded(app, ada, file.getvalue(), "plants.xlsx"))
    assert "One of 2 in the file" in page


async def test_sheets_asked_for_by_two_requests_at_once_are_imported_once(app: Application, ada: QuartClient) -> None:
    location = await uploaded(app, ada, workbook_of("Trees", "Shrubs", "Ferns"), "plants.xlsx")
    sheets = ("Shrubs", "Ferns"), ("Ferns", "Shrubs")
    both = [
        ada.post(f"{location}/sheets", data="&".join(f"sheets={name}" for name in names), headers=FORM)
        for names in sheets
    ]
    assert [answer.status_code for answer in await asyncio.gather(*both)] == [303, 303]
    async with db.of(app).reading() as session:
        ids = list(await session.scalars(select(Import.id)))
    states = [(await settled(app, import_id)).state for import_id in ids]
    assert states == ["ready"] * 3


async def test_a_request_for_sheets_that_fails_leaves_the_files_to_one_that_succeeds(
    app: Application, ada: QuartClient
) -> None:
    location = await uploaded(app, ada, workbook_of("Trees", "Shrubs"), "plants.xlsx")
    sibling = sheet_imports.sheet_import_id(location.rpartition("/")[2], "Shrubs")
    async with jobs.of(app).shared_original(location.rpartition("/")[2], [sibling]):
        removal = asyncio.create_task(discard_import(jobs.of(app), sibling))  # of the request that failed
        assert (await ada.post(f"{location}/sheets", data="sheets=Trees", headers=FORM)).status_code == 303
        assert not removal.done()
        await db.of(app).write(sheet_imports.import_sheets, location.rpartition("/")[2], ["Shrubs"])
    await removal
    assert (await settled(app, sibling)).state == "ready"
    assert jobs.of(app).folder(sibling).original.exists()


@pytest.mark.parametrize(
    ("sheets", "words"), [("", "Select at least one sheet"), ("sheets=Shrubs&sheets=Ash", "no sheet “Ash”")]
)
async def test_only_sheets_of_the_file_can_be_imported(
    app: Application, ada: QuartClient, sheets: str, words: str
) -> None:
    location = await uploaded(app, ada, workbook_of("Trees", "Shrubs"), "plants.xlsx")
    answer = await ada.post(f"{location}/sheets", data=sheets, headers=FORM)
    assert answer.status_code == 422
    assert words in await answer.get_data(as_text=True)
