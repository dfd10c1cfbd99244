"""In development mails are shown on a page and their links in the log; elsewhere the page is not found."""

import logging
from pathlib import Path

import pytest
from quart.testing import QuartClient

from tests.conftest import Client, make_settings
from tests.helpers import ADA, GRACE, sign_up
from tests.mails import letters, newest_link
from webapp import create_app
from webapp.web.application import Application


async def test_in_development_a_mail_can_be_read_and_its_link_followed(
    data_dir: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    app = create_app(make_settings(data_dir, environment="development", registration="open"))
    app.test_client_class = Client
    async with app.test_app():
        await sign_up(app.test_client(), ADA)
        await sign_up(app.test_client(), GRACE)
        (letter,) = await letters(app)
        stranger = app.test_client()

        index = await (await stranger.get("/outbox")).get_data(as_text=True)
        address = index.partition('<a href="/outbox/')[2].partition('"')[0]
        shown = await (await stranger.get(f"/outbox/{address}")).get_data(as_text=True)

        assert letter.subject in index
        assert GRACE.email in index
        assert letter.link in shown
        assert letter.link in caplog.text + "".join(capsys.readouterr())
        assert (await stranger.get("/outbox/" + "0" * 32)).status_code == 404


async def test_elsewhere_the_outbox_is_not_found(open_app: Application) -> None:
    ada: QuartClient = open_app.test_client()
    await sign_up(ada, GRACE)

    for path in ("/outbox", "/outbox/" + "0" * 32):
        assert (await ada.get(path)).status_code == 404
        assert (await open_app.test_client().get(path)).status_code == 404


async def test_elsewhere_the_log_contains_no_link(
    open_app: Application, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    await sign_up(open_app.test_client(), GRACE)

    token = (await newest_link(open_app)).rpartition("/")[2]

    assert token not in caplog.text + "".join(capsys.readouterr())
