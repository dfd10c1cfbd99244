"""The devices one is signed in on, and signing them out."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from quart.testing import QuartClient

from tests.events import events
from tests.helpers import ADA, PASSWORD, is_signed_in, sign_in
from tests.http.account.conftest import make_session_stale, page
from webapp.web import pending_request
from webapp.web.application import Application

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile/15E148 Safari/604.1"


async def test_devices_are_listed_by_readable_name_with_the_current_one_first(
    app: Application, ada: QuartClient
) -> None:
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


async def test_signing_out_one_device_leaves_the_others_signed_in(app: Application, ada: QuartClient) -> None:
    first, second = app.test_client(), app.test_client()
    await sign_in(first)
    await sign_in(second)

    assert (await ada.post("/account/devices/2/end")).status_code == 303

    assert [await is_signed_in(one) for one in (ada, first, second)] == [True, False, True]
    assert (await events(app, "session.ended"))[-1].details == {"device": "Quart"}
    assert (await ada.post("/account/devices/2/end")).status_code == 404


async def test_all_other_devices_are_signed_out(app: Application, ada: QuartClient) -> None:
    others = [app.test_client(), app.test_client()]
    for one in others:
        await sign_in(one)

    answer = await ada.post("/account/devices/others/end")

    assert answer.headers["Location"] == "/account/devices"
    assert "2 other devices are signed out" in await page(ada, "/account/devices")
    assert await is_signed_in(ada)
    assert not any([await is_signed_in(one) for one in others])


async def test_the_devices_of_other_people_are_not_found(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    assert "device-2" not in await page(ada, "/account/devices")

    for number in (2, 99, 2**64):
        assert (await ada.post(f"/account/devices/{number}/end")).status_code == 404
    await ada.post("/account/devices/others/end")

    assert await is_signed_in(eve)


async def test_a_user_agent_is_shown_as_text(app: Application, ada: QuartClient) -> None:
    await app.test_client().post(
        "/login",
        form={"email": ADA.email, "password": PASSWORD},
        headers={"User-Agent": '"><script>alert(1)</script>'},
    )

    assert "<script>alert" not in await page(ada, "/account/devices")


async def make_stale_and_sign_in_elsewhere(app: Application) -> QuartClient:
    """Another window of Ada's; both were opened long ago."""
    other = app.test_client()
    await sign_in(other)
    await make_session_stale(app)
    return other


FROM_THE_PAGE = {"Referer": "http://localhost/account/devices"}


@pytest.mark.parametrize("path", ["/account/devices/2/end", "/account/devices/others/end"], ids=["one", "all"])
async def test_signing_out_a_device_from_a_stale_session_asks_for_one_confirmation(
    app: Application, ada: QuartClient, path: str
) -> None:
    other = await make_stale_and_sign_in_elsewhere(app)

    asked = await ada.post(path, headers=FROM_THE_PAGE)
    confirm = asked.headers["Location"]
    assert (asked.status_code, urlsplit(confirm).path) == (303, "/login/confirm")
    assert await is_signed_in(other)
    wrong = await ada.post(confirm, form={"password": "something else"})
    assert (wrong.status_code, await is_signed_in(other)) == (422, True)
    assert "What you asked for is done right after it." in await page(ada, confirm)

    proved = await ada.post(confirm, form={"password": PASSWORD})
    assert (proved.status_code, proved.headers["Location"]) == (307, path)  # browsers send the POST again by themselves
    done = await ada.post(proved.headers["Location"], form={"password": PASSWORD})

    assert (done.status_code, done.headers["Location"]) == (303, "/account/devices")
    assert not await is_signed_in(other)
    assert await is_signed_in(ada)


async def test_htmx_redirects_the_whole_window_to_the_confirmation_page_with_the_way_back(
    app: Application, ada: QuartClient
) -> None:
    await make_stale_and_sign_in_elsewhere(app)
    headers = {"HX-Request": "true", "HX-Request-Type": "full", "HX-Current-URL": "http://localhost/account/devices"}

    asked = await ada.post("/account/devices/2/end", headers=headers)

    assert asked.status_code == 401
    confirm = urlsplit(asked.headers["HX-Redirect"])
    assert confirm.path == "/login/confirm"
    assert parse_qs(confirm.query)["next"] == ["/account/devices"]


@pytest.mark.parametrize("whose", ["nobody's", "somebody else's", "an old one"], ids=["forged", "other", "old"])
async def test_a_forged_foreign_or_old_resume_link_triggers_nothing(
    app: Application, ada: QuartClient, eve: QuartClient, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stale_and_sign_in_elsewhere(app)
    asker = eve if whose == "somebody else's" else ada
    asked: Any = await asker.post("/account/devices/others/end", headers=FROM_THE_PAGE)
    confirm = asked.headers["Location"] + ("x" if whose == "nobody's" else "")
    if whose == "an old one":
        monkeypatch.setattr(pending_request.SIGNER, "max_age", -1)

    proved = await ada.post(confirm, form={"password": PASSWORD})

    assert (proved.status_code, proved.headers["Location"]) == (303, "/account/devices")


async def test_signing_out_everywhere_requires_no_confirmation(app: Application, ada: QuartClient) -> None:
    """Somebody who has lost the phone with the codes must not need it here; an intruder gains nothing."""
    other = await make_stale_and_sign_in_elsewhere(app)
    assert 'action="/logout/everywhere"' in await page(ada, "/account/devices")

    await ada.post("/logout/everywhere")

    assert not any([await is_signed_in(one) for one in (ada, other)])
