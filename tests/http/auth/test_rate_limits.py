"""Rate limits on guessing: the form says how long to wait, and nobody can lock somebody else out."""

from typing import Any

from quart.testing import QuartClient

from tests.events import events
from tests.helpers import ADA, PASSWORD, sign_in, sign_out
from webapp.web.application import Application


async def guess(client: QuartClient, n: int, address: str = "192.0.2.1", email: str = ADA.email) -> Any:
    form = {"email": email, "password": f"guess {n}"}
    return await client.post("/login", form=form, scope_base={"client": (address, 1)})


async def flood(app: Application) -> None:
    """Eleven machines use up the account's allowance for strangers."""
    for machine in range(11):
        for n in range(10):
            await guess(app.test_client(), n, f"198.51.100.{machine}")


async def test_the_form_says_how_long_to_wait(app: Application, ada: QuartClient) -> None:
    client = app.test_client()
    answers = [await guess(client, n) for n in range(11)]

    page = await answers[-1].get_data(as_text=True)
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 600
    assert "Please wait 10 minutes and try again." in page
    assert f'value="{ADA.email}"' in page
    assert "guess 10" not in page


async def test_distributed_guessing_does_not_lock_out_a_known_device(app: Application, ada: QuartClient) -> None:
    await sign_out(ada)

    await flood(app)

    stranger = await guess(app.test_client(), 1, "203.0.113.5")
    page = await stranger.get_data(as_text=True)
    assert stranger.status_code == 429
    assert "on a device that has signed in before" in page
    await sign_in(ada)  # the browser of before


async def test_guesses_from_a_known_device_are_limited_too(app: Application, ada: QuartClient) -> None:
    await sign_out(ada)

    answers = [await guess(ada, n, f"198.51.100.{n}") for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]


async def test_the_device_cookie_is_signed_and_grants_no_access(app: Application, ada: QuartClient) -> None:
    names = {cookie.name: cookie.value for cookie in ada.cookie_jar or ()}
    await flood(app)
    only_device, forged = app.test_client(), app.test_client()
    only_device.set_cookie("localhost", "rowcast-device", names["rowcast-device"])
    forged.set_cookie("localhost", "rowcast-device", names["rowcast-device"][:-2] + "xx")

    assert (await only_device.get("/dashboard")).status_code == 303
    assert (await guess(forged, 1, "203.0.113.5")).status_code == 429
    assert (await guess(only_device, 1, "203.0.113.5")).status_code == 422


async def test_an_address_without_an_account_is_limited_the_same_way(app: Application, ada: QuartClient) -> None:
    answers = [await guess(app.test_client(), n, email="nobody@example.org") for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]


async def test_refusals_are_audited_only_now_and_then(app: Application, ada: QuartClient) -> None:
    for n in range(20):
        await guess(app.test_client(), n)

    refused = await events(app, "session.refused")
    limited = await events(app, "session.throttled")
    assert [(one.subject, one.address, one.actor) for one in refused] == [(ADA.email, "192.0.2.1", "")] * 10
    assert [one.subject for one in limited] == [ADA.email]
    assert PASSWORD not in str([one.details for one in refused + limited])
    assert "guess" not in str([one.details for one in refused + limited])
