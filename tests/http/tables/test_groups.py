"""Rows in groups: the table's page with them, the form for it, and the rows of one group."""

import re

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_tables import PARTIAL, get, planets
from tests.tables import add_table
from webapp.tables import tables

__all__ = ["planets"]  # the fixture

NAME = re.compile(r'<span class="group-name[^"]*">([^<]*)</span> <span class="number">([\d,]+)<')
SUM = re.compile(r'<span class="hidden">Sum of ([^:]+): </span>([^<]+)</span>')
LIVE = re.compile(r'<div[^>]* data-live="([^"]*)" data-seq="\d+" data-first="([^"]*)"')
BODY = re.compile(r'hx-get="([^"]*/groups/rows[^"]*)"')
ROW = re.compile(r'<tr><th scope="row" class="row-number"><a href="([^"]+)">(\d+)</a></th><td[^>]*>([^<]*)')
CHEESES = {"Cheese": "text", "Country": "text", "Fat": "integer"}
CHEESE_ROWS = [
    ["Brie", "France", "45"],
    ["Gouda", "Netherlands", "48"],
    ["Comté", "France", "46"],
    ["Feta", "", ""],
    ["Edam", "Netherlands", "40"],
]


async def cheeses(client: QuartClient, settings: Settings) -> str:
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, CHEESES, CHEESE_ROWS)}"


async def test_rows_are_shown_in_groups_with_counts_and_sums(client: QuartClient, settings: Settings) -> None:
    path = await cheeses(client, settings)

    html = await get(client, f"{path}?group=2&sums=3")

    assert NAME.findall(html) == [("France", "2"), ("Netherlands", "2"), ("is empty", "1")]
    assert SUM.findall(html) == [("Fat", "91"), ("Fat", "88")]
    assert "5 rows, in 3 groups by Country" in html
    assert "grouped by Country" in html
    assert '<table class="grid"' not in html
    assert f'href="{path}"><svg' in html  # the chip that takes the groups away


async def test_groups_listen_to_what_their_figures_come_from_and_lead_to_themselves(
    client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "GROUPS", 2)
    path = await cheeses(client, settings)

    (further,) = LIVE.findall(await get(client, f"{path}?cols=1&group=2&groups=2"))
    (summed,) = LIVE.findall(await get(client, f"{path}?cols=2&group=2&sums=3"))
    (nothing,) = LIVE.findall(await get(client, f"{path}?q=nowhere&group=2"))

    assert further[0].endswith("&amp;cols=1,2")
    assert summed[0].endswith("&amp;cols=2,3")
    assert "cols" not in nothing[0]
    assert further[1] == f"{path}?cols=1&amp;group=2&amp;groups=2"


async def test_groups_are_those_of_the_search_the_filters_and_their_own_order(
    client: QuartClient, settings: Settings
) -> None:
    path = await cheeses(client, settings)

    html = await get(client, f"{path}?q=e&f.3=gt:40&group=-2", **PARTIAL)

    assert NAME.findall(html) == [("Netherlands", "1"), ("France", "2")]
    assert 'name="group" value="-2"' in html  # a search keeps the groups
    nothing = await get(client, f"{path}?q=nowhere&group=2")
    assert "No matching rows" in nothing
    assert f'href="{path}?group=2"' in nothing


async def test_a_group_has_its_rows_in_the_order_of_the_view(client: QuartClient, settings: Settings) -> None:
    path = await cheeses(client, settings)
    address = f"{path}?sort=-3&group=2"
    bodies = [body.replace("&amp;", "&") for body in BODY.findall(await get(client, address))]

    html = await get(client, bodies[0], **PARTIAL)

    assert [cells for _, *cells in ROW.findall(html)] == [["3", "Comté"], ["1", "Brie"]]
    assert ROW.findall(html)[0][0] == f"{path}/rows/3?sort=-3&amp;group=2"  # whose panel leads back to the groups
    assert [cells for _, *cells in ROW.findall(await get(client, bodies[2], **PARTIAL))] == [["4", "Feta"]]
    answer = await client.get(bodies[0])  # without a script
    assert answer.headers["location"] == f"{path}?f.2=eq:France&sort=-3"
    for wrong in ("in=eq:France", "group=2", "group=2&in=between:1,2", "group=9&in=eq:France"):
        assert (await client.get(f"{path}/groups/rows?{wrong}", headers=PARTIAL)).status_code == 422


async def test_more_groups_than_a_page_has_are_on_further_pages(
    client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await cheeses(client, settings)
    monkeypatch.setattr(tables, "GROUPS", 2)

    first = await get(client, f"{path}?group=1")
    second = await get(client, f"{path}?group=1&groups=2")

    assert "1 to 2 of 5 groups" in first
    assert f'href="{path}?group=1&amp;groups=2">Further groups' in first
    assert NAME.findall(second) == [("Edam", "1"), ("Feta", "1")]
    assert f'href="{path}?group=1&amp;groups=0">Earlier groups' in second


async def test_the_form_says_how_rows_are_grouped_and_leads_to_them(client: QuartClient, settings: Settings) -> None:
    path = await cheeses(client, settings)

    for headers in ({}, PARTIAL):
        form = await get(client, f"{path}/groups?q=e&group=2.rows&sums=3", **headers)
        assert '<option value="2" selected>Country</option>' in form
        assert 'name="sums" value="3" checked' in form
        assert '<input type="hidden" name="q" value="e">' in form
        assert f'href="{path}?q=e">Do not group' in form
    answer = await client.get(f"{path}/groups?q=e&apply=1&group=2&sums=3")
    assert answer.headers["location"] == f"{path}?q=e&group=2&sums=3"
    refused = await client.get(f"{path}?group=2&sums=1")
    assert refused.status_code == 422
    assert "The column Cheese has no sum" in await refused.get_data(as_text=True)
    panel = await get(client, f"{path}/columns/2?q=e")
    assert f'href="{path}?q=e&amp;group=2"' in panel


async def test_a_saved_view_keeps_its_groups_without_columns_that_were_deleted(
    client: QuartClient, settings: Settings
) -> None:
    path = await cheeses(client, settings)
    saved = await client.post(f"{path}/views?group=2&sums=3", form={"name": "By country"})
    assert saved.headers["location"] == f"{path}?group=2&sums=3&view=1"

    await client.post(f"{path}/columns/3/deletion", form={"seen": "Fat"})
    opened = await client.get(f"{path}/views/1")
    assert opened.headers["location"] == f"{path}?group=2&view=1"
    await client.post(f"{path}/columns/2/deletion", form={"seen": "Country"})
    opened = await client.get(f"{path}/views/1")

    assert opened.headers["location"] == f"{path}?view=1"
    assert "This view does not use all it did" in await get(client, opened.headers["location"])
