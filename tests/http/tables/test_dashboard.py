"""The dashboard: tables searched and sorted, and one line for the imports that wait or have failed."""

from pathlib import Path
from typing import Any

import html5lib
import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import GRACE, sign_up
from tests.import_states import add_import
from tests.tables import add_table
from webapp.extensions import db
from webapp.models import Import, utc_now
from webapp.web.application import Application

FILE = Path(__file__).parents[2] / "corpus" / "ragged.csv"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open")


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


async def dashboard(client: QuartClient, query: str = "") -> Any:
    answer = await client.get(f"/dashboard{query}")
    assert answer.status_code == 200
    return html5lib.parse(await answer.get_data(as_text=True), namespaceHTMLElements=False)


def titles(page: Any) -> list[str]:
    return [
        "".join(cell.itertext()).strip()
        for row in page.iter("tr")
        for cell in row.iter("th")
        if cell.get("scope") == "row"
    ]


def words(page: Any) -> str:
    return " ".join("".join(page.find("body").itertext()).split())


def add(settings: Settings, **rows: int) -> None:
    for title, count in rows.items():
        add_table(settings.data_dir, {"Name": "text"}, [("x",)] * count, title=title)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Prices 50%", "berries", "Apples"]),
        ("?sort=title", ["Apples", "berries", "Prices 50%"]),
        ("?sort=-title", ["Prices 50%", "berries", "Apples"]),
        ("?sort=rows", ["berries", "Apples", "Prices 50%"]),
        ("?sort=-rows", ["Prices 50%", "Apples", "berries"]),
        ("?sort=created", ["Apples", "berries", "Prices 50%"]),
        ("?sort=nothing", ["Prices 50%", "berries", "Apples"]),
        ("?q=BERR", ["berries"]),
        ("?q=%25", ["Prices 50%"]),
        ("?q=p&sort=title", ["Apples", "Prices 50%"]),
        ("?q=pears", []),
    ],
)
async def test_tables_can_be_searched_and_sorted(
    ada: QuartClient, settings: Settings, query: str, found: list[str]
) -> None:
    add(settings, Apples=2, berries=1, **{"Prices 50%": 3})
    page = await dashboard(ada, query)
    assert titles(page) == found
    sorted_by = [cell for cell in page.iter("th") if cell.get("aria-sort")]
    assert len(sorted_by) == (1 if found else 0)


async def test_a_header_sorts_and_then_turns_the_order(ada: QuartClient, settings: Settings) -> None:
    add(settings, Apples=2)

    def link(page: Any, title: str) -> str:
        return next(a.get("href") for a in page.iter("a") if "".join(a.itertext()) == title)

    page = await dashboard(ada, "?q=app&sort=title")
    assert link(page, "Title") == "/dashboard?q=app&sort=-title"
    assert link(page, "Rows") == "/dashboard?q=app&sort=-rows"
    assert link(page, "Created") == "/dashboard?q=app&sort=-created"
    assert link(page, "Changed") == "/dashboard?q=app"


async def test_a_search_without_a_match_says_so(ada: QuartClient, settings: Settings) -> None:
    add(settings, Apples=2)
    page = await dashboard(ada, "?q=%3Cb%3Epears")
    assert "No table has “<b>pears” in its title. Clear the search" in words(page)
    assert "0 of 1 table with “<b>pears” in the title" in words(page)


async def test_each_table_has_its_owner_and_a_menu(ada: QuartClient, settings: Settings) -> None:
    add(settings, Apples=2)
    page = await dashboard(ada)
    cells = ["".join(cell.itertext()).strip() for cell in page.iter("td")]
    assert "You" in cells
    links = {a.get("href") for menu in page.iter("details") if menu.get("class") == "menu" for a in menu.iter("a")}
    assert {"/tables/1", "/tables/1/export?format=csv", "/tables/1/original", "/tables/1/edit"} <= links


async def test_pending_imports_are_one_line_that_opens(ada: QuartClient, settings: Settings) -> None:
    assert "Pending imports" not in words(await dashboard(ada))
    ready = add_import(settings.data_dir, FILE, "ready")
    await fail(ada, settings)
    page = await dashboard(ada)
    pending = next(found for found in page.iter("details") if found.get("class") == "pending")
    assert pending.get("open") is None
    line = " ".join("".join(pending.find("summary").itertext()).split())
    assert line == "Pending imports 1 ready to import, 1 failed"
    assert ready in [a.get("href") for a in pending.iter("a")]


async def fail(client: QuartClient, settings: Settings) -> str:
    address = add_import(settings.data_dir, FILE, "failed", failure="It is broken.")

    async def now(work: Any) -> None:
        (await work.session.get_one(Import, address[-32:])).finished_at = utc_now()

    await db.of(client.app).write(now)  # type: ignore[attr-defined]
    return address


async def test_an_import_can_be_dismissed(ada: QuartClient, settings: Settings) -> None:
    ready, failed = add_import(settings.data_dir, FILE, "ready"), await fail(ada, settings)
    answer = await ada.post("/tables/imports/dismissal", form={"id": failed[-32:]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert "1 ready to import" in words(await dashboard(ada))
    assert (await ada.get(failed)).status_code == 404
    assert (await ada.get(ready)).status_code == 200


async def test_all_imports_can_be_dismissed_but_for_those_that_run(ada: QuartClient, settings: Settings) -> None:
    running = add_import(settings.data_dir, FILE, "loading")
    gone = [add_import(settings.data_dir, FILE, "ready"), await fail(ada, settings)]
    assert (await ada.post("/tables/imports/dismissal", form={"id": "all"})).status_code == 303
    assert [(await ada.get(address)).status_code for address in gone] == [404, 404]
    assert (await ada.get(running)).status_code == 200
    assert "Pending imports" not in words(await dashboard(ada))


@pytest.mark.parametrize("chosen", ["all", "one"])
async def test_the_imports_of_others_cannot_be_dismissed(
    app: Application, ada: QuartClient, settings: Settings, chosen: str
) -> None:
    address = add_import(settings.data_dir, FILE, "ready")
    grace = app.test_client()
    assert isinstance(grace, Client)
    await sign_up(grace, GRACE)
    await grace.post("/tables/imports/dismissal", form={"id": address[-32:] if chosen == "one" else "all"})
    assert (await ada.get(address)).status_code == 200
