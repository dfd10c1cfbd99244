"""Where one is signed in, and ending it there."""

from quart.testing import QuartClient

from tests.events import events
from tests.helpers import ADA, PASSWORD, is_signed_in, sign_in
from tests.http.account.conftest import page
from webapp.web.application import Application

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile/15E148 Safari/604.1"


async def test_each_device_is_told_in_words_and_this_one_first(app: Application, ada: QuartClient) -> None:
    await app.test_client().post(
        "/login",
        form={"email": ADA.email, "password": PASSWORD, "remember": "y"},
        headers={"User-Agent": PHONE},
        scope_base={"client": ("192.0.2.7", 4711)},
    )

    html = await page(ada, "/account/devices")

    assert "Safari on an iPhone" in html
    assert "192.0.2.7" in html
    assert "stays signed in" in html
    assert html.index("This one") < html.index("Safari on an iPhone")
    assert html.count("This one") == 1
    assert 'action="/account/devices/1/end"' not in html  # that is signing out


async def test_one_is_ended_and_the_rest_stay(app: Application, ada: QuartClient) -> None:
    first, second = app.test_client(), app.test_client()
    await sign_in(first)
    await sign_in(second)

    assert (await ada.post("/account/devices/2/end")).status_code == 303

    assert [await is_signed_in(one) for one in (ada, first, second)] == [True, False, True]
    assert (await events(app, "session.ended"))[-1].details == {"device": "Quart"}
    assert (await ada.post("/account/devices/2/end")).status_code == 404


async def test_all_others_are_ended(app: Application, ada: QuartClient) -> None:
    others = [app.test_client(), app.test_client()]
    for one in others:
        await sign_in(one)

    answer = await ada.post("/account/devices/others/end")

    assert answer.headers["Location"] == "/account/devices"
    assert "2 other devices are signed out" in await page(ada, "/account/devices")
    assert await is_signed_in(ada)
    assert not any([await is_signed_in(one) for one in others])


async def test_other_peoples_devices_are_not_there(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    assert "device-2" not in await page(ada, "/account/devices")

    for number in (2, 99, 2**64):
        assert (await ada.post(f"/account/devices/{number}/end")).status_code == 404
    await ada.post("/account/devices/others/end")

    assert await is_signed_in(eve)


async def test_what_a_browser_says_of_itself_is_shown_as_text(app: Application, ada: QuartClient) -> None:
    await app.test_client().post(
        "/login",
        form={"email": ADA.email, "password": PASSWORD},
        headers={"User-Agent": '"><script>alert(1)</script>'},
    )

    assert "<script>alert" not in await page(ada, "/account/devices")
