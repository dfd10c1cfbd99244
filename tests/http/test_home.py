"""What search engines are told."""

from urllib.robotparser import RobotFileParser

import pytest
from quart.testing import QuartClient

SECRET = ["/reset/token", "/verifications/token", "/invitations/token", "/account/email/confirmation?token=token"]


async def test_search_engines_may_list_what_strangers_can_read(client: QuartClient) -> None:
    answer = await client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    rules = RobotFileParser()
    rules.parse((await answer.get_data(as_text=True)).splitlines())
    assert [rules.can_fetch("any", path) for path in ("/", "/api/docs", "/login")] == [True] * 3
    assert [rules.can_fetch("any", path) for path in SECRET] == [False] * len(SECRET)


@pytest.mark.parametrize("path", ["/", "/register", "/api/docs"])
async def test_every_page_has_a_description(client: QuartClient, path: str) -> None:
    page = await (await client.get(path)).get_data(as_text=True)
    assert page.count('<meta name="description" content="Rowcast ') == 1
