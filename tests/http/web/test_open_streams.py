"""How many downloads and live streams one person may have open at a time."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quart import Response

from settings import Settings
from tests.conftest import make_settings
from tests.helpers import GRACE, sign_up
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp import create_app
from webapp.web.access import public
from webapp.web.application import Application
from webapp.web.open_streams import OpenStreams, TooManyOpen
from webapp.web.streaming import events, streamed


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open", downloads_per_person=2, streams_per_person=1)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Application]:
    """With a download that ends only when its client goes."""

    async def source() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async def endless() -> Response:
        return streamed(source, "text/csv", "endless.csv")

    made = create_app(settings)

    async def live() -> Response:
        return events(source)

    made.add_url_rule("/endless", "endless", public(endless))
    made.add_url_rule("/endless/live", "endless_live", public(live))
    async with made.test_app():
        yield made


async def test_a_person_has_a_limited_number_of_downloads_open(app: Application) -> None:
    ada, grace = app.test_client(), app.test_client()
    await sign_up(ada)
    await sign_up(grace, GRACE)
    first, second, others = ada.request("/endless"), ada.request("/endless"), grace.request("/endless")
    async with first, second, others:
        for connection in (first, second, others):
            await connection.send_complete()
            assert await connection.receive() == b"first"

        refused = await ada.get("/endless")
        for connection in (first, second, others):
            await connection.disconnect()
    async with ada.request("/endless") as third:
        await third.send_complete()
        received = await third.receive()
        await third.disconnect()

    assert refused.status_code == 429
    assert "2 downloads are already open" in await refused.get_data(as_text=True)
    assert received == b"first"


async def test_live_pages_have_a_limit_of_their_own(app: Application) -> None:
    ada = app.test_client()
    await sign_up(ada)
    async with ada.request("/endless/live") as first, ada.request("/endless") as download:
        for connection in (first, download):
            await connection.send_complete()
            assert await connection.receive() == b"first"
        refused = await ada.get("/endless/live")
        await first.disconnect()
        await download.disconnect()

    assert refused.status_code == 429
    assert "1 live page is already open" in await refused.get_data(as_text=True)


async def test_a_head_request_opens_no_download(app: Application, settings: Settings) -> None:
    ada = app.test_client()
    await sign_up(ada)
    url = f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}/export"

    assert [(await ada.head(url)).status_code for _ in range(3)] == [200] * 3
    gc.collect()
    assert (await ada.get(url)).status_code == 200


def test_a_stream_is_counted_until_it_is_released_once() -> None:
    streams = OpenStreams(2, "download")
    first, _second = streams.take(1), streams.take(1)
    with pytest.raises(TooManyOpen):
        streams.take(1)
    streams.take(2)
    first()
    first()
    streams.take(1)
    with pytest.raises(TooManyOpen):
        streams.take(1)


def test_without_a_limit_any_number_is_open() -> None:
    streams = OpenStreams(0, "download")
    for _ in range(1_000):
        streams.take(1)
