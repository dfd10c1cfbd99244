"""Links with a password, and links whose table is a part of other sites."""

import re
from typing import Any

import pytest
from quart.testing import QuartClient

from tests.http.admin.conftest import PARTIAL, page, text
from tests.http.tables.test_links import Scene, scene  # noqa: F401  (a fixture)
from webapp.tables.shared import PAGES

PASSWORD = "the rings of Saturn"


async def give(client: QuartClient, address: str, password: str) -> Any:
    return await client.post(f"{address}/password", form={"password": password})


async def test_nothing_is_shown_before_the_password(scene: Scene) -> None:  # noqa: F811
    _, address = await scene.make(password=PASSWORD, may_edit="y")

    for each in PAGES:
        place = re.sub("<[^>]*>", "1", each.path)
        answer = await scene.stranger.open(address + place, method=each.method)
        html = await text(answer)
        assert (answer.status_code, "This link has a password" in html) == (401, True), each
        assert not {"Planets", "Mercury", "Moons"} & set(re.findall(r"\w+", html)), each
        part = await scene.stranger.open(address + place, method=each.method, headers=PARTIAL)
        assert (part.status_code, part.headers["HX-Redirect"], await text(part)) == (401, address, "")


async def test_it_is_asked_for_once_in_each_browser(scene: Scene) -> None:  # noqa: F811
    link_id, address = await scene.make(password=PASSWORD)
    visitor, other = scene.app.test_client(), scene.app.test_client()

    wrong = await give(visitor, address, "the rings of Uranus")
    assert (wrong.status_code, "This is not the password" in await text(wrong)) == (422, True)
    right = await give(visitor, address, PASSWORD)
    assert (right.status_code, right.headers["Location"]) == (303, address)
    (cookie,) = right.headers.getlist("Set-Cookie")
    assert f"Path={address}" in cookie
    assert "HttpOnly" in cookie
    assert "Mercury" in await page(visitor, address)
    assert (await visitor.get(f"{address}/rows/1")).status_code == 200
    assert (await other.get(address)).status_code == 401

    await scene.post(f"/{link_id}", name="Press", may_search="y", password="another of the kind")
    assert (await visitor.get(address)).status_code == 401
    await give(visitor, address, "another of the kind")
    await scene.post(f"/{link_id}", name="Board", may_search="y")
    assert "Mercury" in await page(visitor, address)  # an empty field leaves it as it is
    await scene.post(f"/{link_id}", name="Board", may_search="y", forget_password="y")
    assert "Mercury" in await page(other, address)


async def test_the_proof_of_one_link_opens_no_other(scene: Scene) -> None:  # noqa: F811
    _, first = await scene.make(password=PASSWORD)
    _, second = await scene.make("Board", password=PASSWORD)
    visitor = scene.app.test_client()
    cookie = (await give(visitor, first, PASSWORD)).headers["Set-Cookie"].partition(";")[0]

    answer = await scene.stranger.get(second, headers={"Cookie": cookie})

    assert answer.status_code == 401
    assert (await scene.stranger.get(first, headers={"Cookie": cookie})).status_code == 200


async def test_guessing_the_password_is_throttled_and_the_right_one_does_not_count(scene: Scene) -> None:  # noqa: F811
    _, address = await scene.make(password=PASSWORD)

    for _ in range(12):
        assert (await give(scene.stranger, address, PASSWORD)).status_code == 303
    statuses = [(await give(scene.stranger, address, "guess")).status_code for _ in range(11)]

    assert statuses == [422] * 10 + [429]
    assert (await give(scene.stranger, address, PASSWORD)).status_code == 429


async def test_only_the_sites_that_were_named_may_have_it_in_a_frame(scene: Scene) -> None:  # noqa: F811
    _, framed = await scene.make(origins="https://Example.org/\nhttp://localhost:3000")
    _, plain = await scene.make("Board")

    answer = await scene.stranger.get(f"{framed}?embed")
    assert "frame-ancestors https://example.org http://localhost:3000" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    assert '<body class="bare"' in await text(answer)
    assert '<body class="bare"' in await page(scene.stranger, framed, headers={"Sec-Fetch-Dest": "iframe"})
    assert '<body class="bare"' not in await page(scene.stranger, framed)
    for path in (f"{plain}?embed", "/", "/login"):
        answer = await scene.stranger.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_chart_is_a_part_of_a_site_like_the_table(scene: Scene) -> None:  # noqa: F811
    """Without the ways to other pages: the chart, and what is folded below it."""
    _, framed = await scene.make(origins="https://example.org")
    chart = f"{framed}/chart?kind=bar&x=4"

    answer = await scene.stranger.get(f"{chart}&embed")
    assert "frame-ancestors https://example.org" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    html = await text(answer)
    assert '<body class="bare"' in html
    assert "Number of rows by Rings" in html
    assert 'role="img"' in html
    folded = re.findall(r"<details class=\"(chart-\w+)\"( open)?>", html)
    assert folded == [("chart-choice", ""), ("chart-figures", "")]
    assert re.findall(r"<details class=\"(chart-\w+)\"( open)?>", await page(scene.stranger, chart)) == [
        ("chart-figures", " open")
    ]
    refused = await page(scene.stranger, f"{framed}/chart?kind=line&x=1&embed", 422)
    assert '<details class="chart-choice" open>' in refused


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"password": "short"}, "Use 8 to 1000 characters."),
        ({"origins": "example.org"}, "is no site"),
        ({"origins": "https://example.org/page"}, "is no site"),
        ({"origins": "https://example.org; script-src *"}, "is no site"),
        ({"origins": "https://*.example.org"}, "is no site"),
        ({"origins": "https://example.org:٤٤٣"}, "is no site"),
        ({"origins": "https://example.org", "password": PASSWORD}, "A link with a password cannot be a part"),
    ],
)
async def test_what_cannot_be_is_said(scene: Scene, form: dict[str, str], message: str) -> None:  # noqa: F811
    status, html = await scene.post(name="Press", what="table", **form)

    assert (status, message in html) == (422, True), html


async def test_a_link_with_a_password_cannot_get_sites_later(scene: Scene) -> None:  # noqa: F811
    link_id, _ = await scene.make(password=PASSWORD)

    status, html = await scene.post(f"/{link_id}", name="Press", origins="https://example.org")

    assert (status, "A link with a password cannot be a part" in html) == (422, True)
