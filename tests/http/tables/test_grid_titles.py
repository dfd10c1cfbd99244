"""The titles of the grid: kept, and nothing that they are made of is forgotten."""

from collections.abc import AsyncIterator
from dataclasses import fields, replace

import pytest
from markupsafe import Markup

from settings import Settings
from tests.conftest import make_settings
from webapp import create_app
from webapp.tables import grid_titles
from webapp.tables.grid_titles import Titles, titles
from webapp.tables.grid_view import ColumnHeader
from webapp.web.templating import templates

HEAD = ColumnHeader(3, "City", "text", None, 120, None, None, "/tables/7?sort=3", "", "/tables/7/columns/3")
# Another value of each, one that shows.
OTHERS = {
    "number": 4,
    "title": '<b>&"Town',
    "type": "integer",
    "direction": "descending",
    "place": 2,
    "sort_url": "/tables/7?sort=-3",
    "add_url": "/tables/7?sort=1,3",
    "panel_url": "/tables/7/columns/3?q=x",
}
ELSEWHERE = {"mark", "width", "automatic"}  # in the `<col>`


@pytest.fixture(autouse=True)
async def in_app(settings: Settings) -> AsyncIterator[None]:
    async with create_app(settings).app_context():
        yield


def made_anew(heads: list[ColumnHeader]) -> Markup:
    return Titles(templates(), is_changing=True).render(heads)


@pytest.mark.parametrize("name", [field.name for field in fields(ColumnHeader)])
async def test_whatever_differs_makes_another_title(name: str) -> None:
    sorted_head = replace(HEAD, direction="ascending", place=1)
    for heads in ([HEAD], [sorted_head], [sorted_head, replace(sorted_head, number=9, place=2)]):
        changed = [replace(heads[0], **{name: OTHERS.get(name, 5)}), *heads[1:]]
        for _ in range(2):
            assert titles().render(heads) == made_anew(heads)
            assert titles().render(changed) == made_anew(changed)
    assert (made_anew(changed) != made_anew(heads)) is (name not in ELSEWHERE)


async def test_titles_are_escaped() -> None:
    html = titles().render([replace(HEAD, title='"><script>')])

    assert "<script>" not in html
    assert html.count("&#34;&gt;&lt;script&gt;") == 3


async def test_few_titles_are_kept_and_no_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_titles, "MAX_KEPT", 3)
    made = Titles(templates(), is_changing=False)

    for number in range(10):
        made.render([replace(HEAD, number=number)])
    made.render([replace(HEAD, panel_url="/" + "x" * 3000)])

    assert 1 <= len(made._kept) <= 3
    assert all(len(html) <= grid_titles.MAX_LENGTH for html in made._kept.values())


async def test_nothing_is_kept_while_templates_change(settings: Settings) -> None:
    app = create_app(make_settings(settings.data_dir, environment="development"))
    async with app.app_context():
        titles().render([HEAD])
        assert not titles()._kept
