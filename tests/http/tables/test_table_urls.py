"""Links of the grid: those made of parts are the ones that a query makes of itself."""

from collections.abc import AsyncIterator

import pytest

from settings import Settings
from tests.rowstore.backends import column
from webapp import create_app
from webapp.models.tables.view_layout import ViewLayout
from webapp.rowstore.query import TableQuery
from webapp.tables.grid_presenter import _head
from webapp.tables.table_urls import TableUrls

FIELDS = (column(1, "name"), column(2, "sort=0&x"), column(3, "day", "date", {"layout": "YYYY-MM-DD"}))
QUERIES = [
    [],
    [("q", "sort=0 &sort=3")],
    [("f.2", "eq:sort=0"), ("f.1", "oneof:a,b")],
    [("sort", "2")],
    [("sort", "-2")],
    [("sort", "3,-2"), ("cols", "3,1"), ("q", "ü ö")],
]


@pytest.fixture(autouse=True)
async def in_app(settings: Settings) -> AsyncIterator[None]:
    async with create_app(settings).app_context():
        yield


@pytest.mark.parametrize("args", QUERIES)
async def test_the_links_of_a_title_sort_as_the_query_says(args: list[tuple[str, str]]) -> None:
    query = TableQuery.from_args(args, FIELDS)
    urls = TableUrls(7, query)

    for field in FIELDS:
        head = _head(urls, field, 100, ViewLayout())
        assert head.sort_url == "/tables/7" + query.toggle_sort(field.number).query_string()
        added = query.toggle_sort(field.number, add=True).query_string()
        assert (head.add_url or head.sort_url) == "/tables/7" + added
        assert head.panel_url == f"/tables/7/columns/{field.number}{query.query_string()}"


@pytest.mark.parametrize("args", QUERIES)
async def test_what_a_link_adds_follows_what_the_view_shows(args: list[tuple[str, str]]) -> None:
    query = TableQuery.from_args(args, FIELDS)
    urls = TableUrls(7, query)

    for _ in range(2):
        assert urls.table() == urls.table(query) == "/tables/7" + query.query_string()
        assert urls.table(after="WyIiLDEwMF0", way=None) == "/tables/7" + query.query_string(after="WyIiLDEwMF0")
        assert urls.to("tables.exports_show", None, format="csv", safe="1") == "/tables/7/export" + query.query_string(
            format="csv", safe="1"
        )
        other = query.without_filters()
        assert urls.to("tables.exports_show", other, format="a&b") == "/tables/7/export" + other.query_string(
            format="a&b"
        )
        assert urls.to("tables.columns_show", number=3, edit=0) == "/tables/7/columns/3" + query.query_string(edit=0)
        assert urls.row("5") == "/tables/7/rows/5" + query.query_string()


async def test_what_no_view_changes_has_no_arguments_of_it() -> None:
    urls = TableUrls(7, TableQuery.from_args([("q", "x")], FIELDS))

    assert urls.cell(5, 3) == "/tables/7/rows/5/cells/3"
    assert urls.cell_history(5, 3) == "/tables/7/rows/5/history?column=3"
