"""From an upload to a table, through the pages: detection, corrections, refusals."""

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import html5lib
import pytest
from quart.datastructures import FileStorage
from quart.testing import QuartClient
from sqlalchemy import select

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import GRACE, sign_up
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.models import Import, ImportState, Table
from webapp.web.application import Application

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
    found = await jobs.of(app).wait_for_pass(location.rpartition("/")[2], 20)
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
        assert (await session.execute(text(f"SELECT c2 FROM t{found.table_id} ORDER BY rowid"))).scalars().all() == [
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
    assert "3 columns, of which 1 is left out: the original file keeps it" in page
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


async def test_a_type_that_would_lose_values_is_refused_after_reading_the_file_again(
    app: Application, ada: QuartClient
) -> None:
    location = await uploaded(app, ada)
    assert (await ada.post(f"{location}/start", form={"columns-0-type": "integer"})).status_code == 303
    found = await settled(app, location)
    assert found.state == "ready"
    answer = await ada.post(f"{location}/start", form={"columns-0-type": "integer"})
    assert answer.status_code == 422
    assert "Mars" in await answer.get_data(as_text=True)
    assert (await settled(app, location)).state == "ready"
    assert (await ada.post(f"{location}/start", form={"columns-0-type": "text"})).status_code == 303


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
    location = await uploaded(app, ada)
    assert (await ada.post(location, form={"header_row": "900"})).status_code == 303
    found = await settled(app, location)
    page = await text_of(ada, location)
    if found.failure:  # what is skipped was the whole file
        assert found.state == "ready"
        assert found.failure in page
    assert 'data-state="ready"' in page


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


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"encoding": "utf-99"}, "no encoding"),
        ({"encoding": "base64"}, "no encoding"),
        ({"encoding": "raw-unicode-escape"}, "no encoding"),
        ({"delimiter": ";;"}, "single character"),
        ({"quote": "''"}, "single character"),
        ({"header_row": "-1"}, "between 0 and"),
        ({"header_row": "x"}, "between 0 and"),
        ({"header_row": "9" * 5000}, "between 0 and"),
        ({"columns-0-type": "money"}, "no type"),
        ({"columns-0-title": " "}, "needs a title"),
        ({"columns-0-title": "Moons"}, "Two columns"),
        ({"columns-2-type": "date", "columns-2-order": "xyz"}, "day first"),
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
        ("a,b\n", ["Import the empty table", "no values"]),
        ("a,b\nNull,1\nTrue,2\n,3\n", ["Import 3 rows", "All rows", "1 cell is empty"]),
        ('a,b\n"x\ny",1\n', ["Import 1 row", "The only row", "x⏎y"]),
        ("a,b\n" + "x,1\n" * 1_234, ["Import 1,234 rows", "The first 20 rows"]),
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
