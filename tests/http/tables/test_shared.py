"""What a visitor gets who comes by a link: the pages of members, as far as the link shows the table, and no others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.http.admin.conftest import PARTIAL, page, text, words_in
from tests.links import add_link, revoke
from tests.people import EVE, settle_everybody, window
from tests.tables import add_table
from webapp.extensions import db
from webapp.models import Role, User, utc_now
from webapp.models.accounts.user import actor_from
from webapp.models.tables.deletion import delete_table
from webapp.tables.shared import PAGES
from webapp.web.application import Application
from webapp.web.visits import MISSES

COLUMNS = {"name": "text", "salary": "integer", "team": "text"}
ROWS = [("Ada", "71111", "red"), ("Bob", "72222", "blue"), ("Cy", "73333", "red")]
RED = [("f.3", "eq:red")]
CHANGING = ("x-request-id", "server-timing", "ratelimit-remaining", "ratelimit-reset")
FIELDS = {"position": "to=1", "filter": "operator=contains&value=r"}  # that forms add
REQUEST = re.compile(r'(?:href|action|hx-get|src|data-[a-z]+)="(/[^"]*)"')


@dataclass
class Scene:
    """Eve's table, and a browser of nobody."""

    app: Application
    eve: User
    table_id: int
    client: QuartClient

    async def link(self, **options: Any) -> str:
        return (await add_link(self.app, self.table_id, self.eve, **options))[1]


@pytest.fixture
async def scene(app: Application, settings: Settings) -> Scene:
    eve = (await settle_everybody(app))[Role.MEMBER]
    table_id = add_table(settings.data_dir, COLUMNS, ROWS, title="Staff", owner=eve.id)
    return Scene(app, eve, table_id, app.test_client(use_cookies=False))


def addresses(html: str) -> Iterator[str]:
    """Where a page leads to, without what it is made of."""
    for path in REQUEST.findall(html):
        if not path.startswith(("/static/", "/tables/grid/")):
            name = path.partition("?")[0].rpartition("/")[2]
            yield unescape(path) + ("&" if "?" in path else "?") + FIELDS[name] if name in FIELDS else unescape(path)


async def read(answer: Any) -> str:
    """All that it says, also in a workbook."""
    data = await answer.get_data(as_text=False)
    if not data.startswith(b"PK"):
        return str(data.decode())
    with ZipFile(BytesIO(data)) as workbook:
        return "".join(workbook.read(name).decode() for name in workbook.namelist())


async def told(answer: Any, path: str, number: int) -> tuple[int, str]:
    """What an answer says, whatever the number of the column is."""
    return answer.status_code, re.sub(rf"\b{number}\b", "N", (await text(answer)).replace(path, ""))


async def test_a_visitor_sees_the_grid_without_an_account(scene: Scene) -> None:
    html = await page(scene.client, await scene.link())

    assert re.findall(r"<td>([^<]*)", html)[:3] == ["Ada", "71111", "red"]
    assert "3 rows" in words_in(html)
    assert "Read-only for you" in html
    for words in (
        "Sign in",
        "History",
        "Members",
        "show-links",
        "Undo",
        "The original file",
        "Account menu",
        "type=checkbox",
    ):
        assert words not in html


async def test_all_that_is_within_reach_is_below_the_link_and_shows_what_it_does(scene: Scene) -> None:
    """Whatever a visitor clicks: the pages that any page leads to, and what these lead to."""
    path = await scene.link(scope=RED, shown=[1, 3])
    waiting, seen, kinds = [path], {path}, set[str]()
    while waiting:
        at = waiting.pop()
        answer = await scene.client.get(at)
        assert answer.status_code in (200, 303), (at, await read(answer))
        kinds.add(re.sub(r"/\d+", "", at.removeprefix(path)).partition("?")[0])
        html = await read(answer) + f'href="{answer.headers.get("Location", "")}"'
        assert not {"Bob", "salary", "71111", "72222", "73333"} & set(
            re.findall(r"\w+", re.sub(r"<meta[^>]*>", "", html))
        ), at
        for found in {found.partition("#")[0] for found in addresses(html)} - seen:
            seen.add(found)
            if found != "/" and "/live" not in found and len(seen) < 400:
                assert found.startswith(path), (at, found)
                waiting.append(found)
    assert kinds >= {"", "/rows", "/columns", "/columns/filter", "/columns/profile", "/export", "/position"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.endpoint)
async def test_a_link_that_does_not_work_is_the_same_whatever_the_reason_is(scene: Scene, page: Any) -> None:
    revoked_id, revoked = await add_link(scene.app, scene.table_id, scene.eve)
    await revoke(scene.app, scene.table_id, scene.eve, revoked_id)
    expired = await scene.link(expires_at=utc_now() - timedelta(seconds=1))
    deleted = await scene.link()
    async with scene.app.app_context():
        await db().write(delete_table, actor_from(scene.eve), scene.table_id)
    eve = await window(scene.app, EVE)

    answers = set[tuple[int, str, str]]()
    for path in ("/s/x", f"/s/{'x' * 43}", revoked, expired, deleted):
        for client in (scene.client, eve):
            answer = await client.open(path + re.sub("<[^>]*>", "1", page.path), method=page.method)
            kept = sorted(f"{name}: {value}" for name, value in answer.headers if name.lower() not in CHANGING)
            answers.add((answer.status_code, await text(answer), "\n".join(kept)))

    assert [status for status, *_ in answers] == [404], answers


async def test_no_search_engine_lists_the_pages_and_no_other_site_is_told_their_address(scene: Scene) -> None:
    for path, status in ((await scene.link(), 200), ("/s/x", 404), (f"{await scene.link()}/rows/99", 404)):
        answer = await scene.client.get(path)

        assert answer.status_code == status
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
    assert "Disallow: /s/" in await page(scene.client, "/robots.txt")


async def test_guessing_is_throttled(scene: Scene) -> None:
    path = await scene.link()

    for _ in range(MISSES):
        assert (await scene.client.get("/s/guess")).status_code == 404

    refused = await scene.client.get("/s/guess")
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    assert (await scene.client.get(path)).status_code == 200


async def test_somebody_who_is_signed_in_is_a_visitor_too(scene: Scene) -> None:
    """Even the owner, who sees what others see."""
    eve = await window(scene.app, EVE)

    html = await page(eve, await scene.link(scope=RED))

    assert ("Bob" in html, "eve@example.org" in html, "Account menu" in html) == (False, False, False)


@pytest.mark.parametrize("query", ["f.{0}=eq:1", "sort={0}", "sort=-{0}", "cols={0}", "cols=1,{0}", "f.{0}=empty"])
async def test_a_hidden_column_is_like_one_that_never_was(scene: Scene, query: str) -> None:
    path = await scene.link(shown=[1, 3])
    for each in ("", "/rows", "/count", "/export", "/columns", "/columns/1", "/columns/1/profile", "/rows/1"):
        answers = []
        for number in (2, 9):
            answer = await scene.client.get(f"{path}{each}?{query.format(number)}", headers=PARTIAL)
            answers.append(await told(answer, path, number))
        assert answers[0] == answers[1], each
        assert answers[0][0] == 422, each


@pytest.mark.parametrize(
    "place", ["columns/{0}", "columns/{0}/profile", "columns/{0}/filter?operator=eq&value=1", "rows/1/cells/{0}"]
)
async def test_nor_has_it_a_page(scene: Scene, place: str) -> None:
    path = await scene.link(shown=[1, 3])

    answers = [await scene.client.get(f"{path}/{place.format(number)}") for number in (2, 9)]

    first, second = [await told(answer, path, number) for answer, number in zip(answers, (2, 9), strict=True)]
    assert first == second
    assert first[0] in (404, 422)


async def test_how_many_rows_there_are_is_counted_among_those_that_the_link_shows(scene: Scene) -> None:
    path = await scene.link(scope=RED)

    assert "2 rows" in words_in(await page(scene.client, path))
    assert "1 row matching “cy”" in words_in(await page(scene.client, f"{path}?q=cy"))
    assert "2 rows" in await page(scene.client, f"{path}/count")
    assert "3 rows" not in await page(scene.client, f"{path}?sort=1")
    assert (await scene.client.get(f"{path}/rows/2")).status_code == 404
    for number in ("2", "4"):
        refused = await page(scene.client, f"{path}/position?to={number}", 422)
        assert f"There is no row {number}." in refused


async def test_an_export_has_what_is_seen(scene: Scene) -> None:
    path = await scene.link(scope=RED, shown=[1, 3])

    assert await page(scene.client, f"{path}/export?format=csv") == "name,team\r\nAda,red\r\nCy,red\r\n"
    assert await page(scene.client, f"{path}/export?format=csv&rows=all&q=ada") == "name,team\r\nAda,red\r\n"
    assert await page(scene.client, f"{path}/export?format=csv&rows=1-2") == "name,team\r\nAda,red\r\n"


async def test_export_and_search_can_be_turned_off(scene: Scene) -> None:
    path = await scene.link(may_search=False, may_export=False)

    html = await page(scene.client, path)
    assert ('id="q"' in html, "filter-by" in html, "Export" in html) == (False, False, False)
    assert "Sort" in html or "sort-1" in html
    column = await page(scene.client, f"{path}/columns/3")
    assert ("filter-form" in column, "profile" in column) == (False, False)
    assert (await scene.client.get(f"{path}?sort=1")).status_code == 200
    for refused in ("?q=ada", "?f.1=eq:Ada", "/rows?q=ada", "/count?q=ada", "/columns/1?f.1=eq:Ada"):
        assert "without search, filters and groups" in await page(scene.client, path + refused, 422)
    for gone in ("/export", "/columns/1/profile", "/columns/1/filter?operator=eq&value=Ada"):
        assert (await scene.client.get(path + gone)).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_sent_there(scene: Scene, method: str) -> None:
    path = await scene.link()

    for each in PAGES:
        answer = await scene.client.open(path + re.sub("<[^>]*>", "1", each.path), method=method)
        assert answer.status_code in (303, 404), each  # to the sign-in, like every address that does not exist


async def test_a_visitor_has_no_other_page_of_this_server(scene: Scene) -> None:
    path = await scene.link()

    for other in (f"/tables/{scene.table_id}", "/dashboard", "/account", f"/live?table={scene.table_id}"):
        answer = await scene.client.get(other, headers={"Referer": f"http://localhost{path}"})
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login")
    for other in ("/history", "/members", "/trash", "/original", "/edit", "/bulk?rows=all", "/rows/1/history"):
        assert (await scene.client.get(path + other)).status_code == 303  # as every address that does not exist
