"""Confirm it's you: a sensitive action requires the password again, and a code if there is a second factor."""

from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from tests.events import events
from tests.helpers import ADA, PASSWORD
from tests.http.auth.conftest import add_second_factor, code
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.web.access import fresh
from webapp.web.application import Application


@pytest.fixture
async def stale(app: Application, ada: QuartClient) -> QuartClient:
    """Ada, whose sign-in is an hour old, and a page that requires a recent one."""

    @app.route("/dangerous", methods=["GET", "POST"])
    @fresh
    async def dangerous() -> str:
        return "done"

    await age(app)
    return ada


async def age(app: Application) -> None:
    async def write(work: UnitOfWork) -> None:
        await work.session.execute(text("UPDATE sessions SET authenticated_at = '2026-01-01 00:00:00.000000'"))

    await db.of(app).write(write)


async def confirm(client: QuartClient, path: str = "/login/confirm", **form: str) -> Any:
    return await client.post(path, form=form)


async def test_the_page_opens_after_the_identity_is_confirmed(stale: QuartClient, app: Application) -> None:
    sent = await stale.get("/dangerous?a=1")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/login/confirm?next=/dangerous?a%3D1")

    page = await (await stale.get(sent.headers["Location"])).get_data(as_text=True)
    answer = await confirm(stale, sent.headers["Location"], password=PASSWORD)

    assert "Confirm it" in page
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dangerous?a=1")
    assert (await stale.get("/dangerous")).status_code == 200
    (event,) = await events(app, "session.confirmed")
    assert (event.actor, event.details) == (ADA.email, {"method": "password"})


async def test_an_htmx_request_redirects_the_whole_window_to_the_confirmation(stale: QuartClient) -> None:
    headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": "http://localhost/tables/1"}

    sent = await stale.get("/dangerous", headers=headers)

    assert (sent.status_code, sent.headers["HX-Redirect"]) == (401, "/login/confirm?next=/tables/1")
    assert await sent.get_data(as_text=True) == ""


async def test_confirming_replaces_the_cookie_so_that_a_copy_gains_nothing(
    stale: QuartClient, app: Application
) -> None:
    stolen = app.test_client()
    for cookie in stale.cookie_jar or ():
        stolen.set_cookie("localhost", cookie.name, str(cookie.value))
    assert (await stolen.get("/dashboard")).status_code == 200

    await confirm(stale, password=PASSWORD)

    assert (await stale.get("/dangerous")).status_code == 200
    assert (await stolen.get("/dangerous")).headers["Location"].startswith("/login?")


async def test_a_wrong_password_is_refused_and_counted(stale: QuartClient, app: Application) -> None:
    answers = [await confirm(stale, password=f"guess {n}") for n in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert "Wrong password" in await answers[0].get_data(as_text=True)
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert (await stale.get("/dangerous")).status_code == 303
    assert [one.details["step"] for one in await events(app, "session.refused")] == ["confirmation"] * 10


async def test_with_a_second_factor_a_code_is_required_as_well(stale: QuartClient, app: Application) -> None:
    await add_second_factor(app)
    assert 'name="code"' in await (await stale.get("/login/confirm")).get_data(as_text=True)

    shown = code()
    without = await confirm(stale, password=PASSWORD)
    wrong = await confirm(stale, password=PASSWORD, code="000000" if shown != "000000" else "111111")
    other = await confirm(stale, password="something else", code=shown)  # does not use the code up
    right = await confirm(stale, password=PASSWORD, code=shown)

    assert [answer.status_code for answer in (without, wrong, other, right)] == [422, 422, 422, 303]
    assert (await stale.get("/dangerous")).status_code == 200


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
async def test_the_confirmation_redirects_to_no_other_site(stale: QuartClient, target: str) -> None:
    answer = await stale.post("/login/confirm", query_string={"next": target}, form={"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


async def test_a_stranger_is_sent_to_the_sign_in_page(app: Application, ada: QuartClient) -> None:
    answer = await app.test_client().get("/login/confirm")

    assert (answer.status_code, answer.headers["Location"][:12]) == (303, "/login?next=")
