"""The summary of what a table shows."""

import re
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_tables import PARTIAL, get, planets
from tests.tables import add_table
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.tables import summaries

__all__ = ["planets"]  # the fixture

FIGURE = re.compile(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>")


def figures(html: str) -> dict[str, dict[str, str]]:
    """Of each column, by its title."""
    parts = re.findall(r'<section class="summary" aria-label="([^"]+)">(.*?)</section>', html, re.DOTALL)
    return {title: dict(FIGURE.findall(part)) for title, part in parts}


async def test_the_summary_is_of_the_rows_and_columns_that_are_shown(client: QuartClient, planets: str) -> None:
    found = figures(await get(client, f"{planets}/summary?f.2=gt:10&cols=2,1,5"))

    assert found == {
        "Moons": {"Non-empty": "4", "Sum": "285", "Average": "71.25", "Lowest": "16", "Highest": "146"},
        "Planet": {"Non-empty": "4"},
        "Seen": {"Non-empty": "4", "First": "1610-01-07", "Last": "1846-09-23"},
    }


async def test_without_rows_there_is_nothing_but_the_count(client: QuartClient, planets: str) -> None:
    html = await get(client, f"{planets}/summary?q=nowhere&cols=2")

    assert "Of 0 rows" in html
    assert figures(html) == {"Moons": {"Non-empty": "0"}}


async def test_the_table_leads_to_its_summary_which_is_a_panel_and_a_page(client: QuartClient, planets: str) -> None:
    for headers in ({}, PARTIAL):
        html = await get(client, f"{planets}?sort=-2", **headers)
        assert f'id="show-summary" class="button quiet" href="{planets}/summary?sort=-2"' in html

    assert "<h1>Summary</h1>" in await get(client, f"{planets}/summary")
    panel = await get(client, f"{planets}/summary", **PARTIAL)
    assert "panel-head" in panel
    assert "<h1>" not in panel


async def test_what_takes_too_long_says_so(client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: Any) -> None:
        raise QueryTimeout

    monkeypatch.setattr(SqlRowReader, "figures", late)

    html = await get(client, f"{planets}/summary")

    assert figures(html) == {}
    assert str(QueryTimeout()) in html


async def test_a_wide_table_says_how_many_columns_are_left_out(
    client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert summaries.MAX_FIGURES == 100
    monkeypatch.setattr(summaries, "MAX_FIGURES", 2)
    await sign_up(client)
    path = f"/tables/{add_table(settings.data_dir, dict.fromkeys('abcde', 'text'), [list('12345')])}"

    html = await get(client, f"{path}/summary")

    assert list(figures(html)) == ["a", "b"]
    assert "The other 3 columns are left out." in html
