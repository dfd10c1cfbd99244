"""Errors as pages, fragments and problem+json."""

import asyncio
import errno
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from quart import Response
from quart.testing import QuartClient
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, TooManyRequests, abort

from tests.events import events
from tests.helpers import sign_up
from tests.people import EVE, settle, window
from webapp.db.errors import DatabaseBusy, StorageFull, StorageReadOnly, UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import User
from webapp.models.errors import NotFound
from webapp.web import errors, templating
from webapp.web.access import public
from webapp.web.application import Application

Serve = Callable[..., QuartClient]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


class Unsuitable(UserError):
    """An error a feature might raise: not in the table itself, but a subclass of one that is."""


def raising(error: BaseException) -> Callable[[], Any]:
    async def view() -> None:
        raise error

    return view


def no_space() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", "/var/secret")


def locked() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Unsuitable("Row 3 has no price."), 422, "Row 3 has no price."),
        (NotFound("table"), 404, "There is no such table"),
        (DatabaseBusy(), 503, "The database is busy"),
        (StorageFull(), 503, "The disk is full"),
        (StorageReadOnly(), 503, "read-only now"),
        (no_space(), 503, "The disk is full"),
        (locked(), 503, "The database is busy"),
        (PoolTimeout("QueuePool limit"), 503, "The server is busy"),
        (TimeoutError(), 503, "took too long"),
        (ExceptionGroup("several", [DatabaseBusy()]), 503, "The database is busy"),
        (TooManyRequests("Wait 5 seconds.", retry_after=5), 429, "Wait 5 seconds."),
    ],
)
@pytest.mark.parametrize("form", ["page", "fragment", "json"])
async def test_a_known_error_is_answered_with_a_page_a_fragment_or_a_problem(
    serve: Serve, error: Exception, status: int, message: str, form: str
) -> None:
    headers = {"page": {}, "fragment": PARTIAL, "json": {"Accept": "application/json"}}[form]

    response = await serve(raising(error)).get("/try", headers=headers)

    text = await response.get_data(as_text=True)
    assert response.status_code == status
    assert message in text
    assert "secret" not in text
    assert response.headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in response.headers) is (status in (429, 503))
    if form == "page":
        assert "<h1>" in text
        assert '<main id="main"' in text
    elif form == "fragment":
        assert text.startswith('<hx-partial hx-target="#toasts"')
        assert response.headers["HX-Reswap"] == "none"
    else:
        assert response.mimetype == "application/problem+json"
        assert (await response.get_json(force=True))["status"] == status


async def test_the_time_out_of_a_change_says_that_it_may_have_been_saved(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit ends the handler even if the database hangs; the unit of work that it waits for goes on."""
    responded = asyncio.Event()

    async def rename(work: UnitOfWork) -> None:
        (await work.session.get_one(User, 1)).name = "Ada the Second"
        await responded.wait()

    @app.post("/slow")
    @public
    async def slow() -> str:
        await db().write(rename)
        return "saved"

    await sign_up(app.test_client())
    monkeypatch.setitem(app.config, "HANDLER_TIMEOUT", 1)
    monkeypatch.setitem(app.config, "WRITE_TIMEOUT", 1)
    response = await app.test_client().post("/slow")
    responded.set()
    await db.of(app).wait_for_writes()

    async with db.of(app).reading() as session:
        assert (await session.get_one(User, 1)).name == "Ada the Second"
    text = await response.get_data(as_text=True)
    assert response.status_code == 503
    assert "It may have been saved all the same: check before you try again." in text
    assert "stopped" not in text
    assert "Retry-After" not in response.headers, "a program that repeats it by itself may do it twice"


async def test_a_change_that_is_stopped_before_it_writes_says_that_nothing_was_saved(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.post("/slow")
    @public
    async def slow() -> str:
        await asyncio.Event().wait()
        return "saved"

    monkeypatch.setitem(app.config, "HANDLER_TIMEOUT", 1)
    response = await app.test_client().post("/slow")

    assert response.status_code == 503
    assert "stopped before anything was saved" in await response.get_data(as_text=True)


async def test_a_change_that_fails_after_its_first_write_does_not_say_that_nothing_was_changed(
    app: Application,
) -> None:
    async def nothing(work: UnitOfWork) -> None:
        pass

    @app.post("/two")
    @public
    async def two() -> str:
        await db().write(nothing)
        raise DatabaseBusy

    response = await app.test_client().post("/two")

    text = await response.get_data(as_text=True)
    assert response.status_code == 503
    assert "may have been saved, in part or whole: check before you try again" in text
    assert "Nothing was changed" not in text
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ("/account/tokens/new", "/account/tokens"),
        ("/tables/17/deletion", "/tables/17"),
        ("/admin/people/5/role", "/admin/people/5"),
        ("/tables", "/"),
        ("/register", "/register"),
    ],
)
async def test_the_answer_to_a_change_that_may_have_been_saved_leads_to_what_shows_it(
    app: Application, changed: str, shown: str
) -> None:
    async with app.test_request_context(changed, method="POST"):
        assert errors.page_to_look_at() == shown


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_time_out_of_a_page_says_that_it_was_stopped(serve: Serve, method: str) -> None:
    response = await serve(raising(TimeoutError())).open("/try", method=method)

    assert response.status_code == 503
    assert method == "HEAD" or "it was stopped. Please try again" in await response.get_data(as_text=True)


@pytest.mark.parametrize("status", sorted(set(errors.TITLES) - {401, 500}))
async def test_each_status_has_a_text_of_ours(serve: Serve, status: int) -> None:
    async def view() -> None:
        abort(status)

    response = await serve(view).get("/try")

    text = await response.get_data(as_text=True)
    assert response.status_code == status
    assert errors.TITLES[status] in text
    assert "The browser (or proxy) sent" not in text


async def test_an_unknown_address_of_the_api_is_answered_with_a_problem(bare: Application) -> None:
    response = await bare.test_client().get("/api/none")

    assert response.mimetype == "application/problem+json"


async def test_a_405_names_the_methods_that_are_allowed(bare: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.web.access.load_current_user", lambda: asyncio.sleep(0, "somebody"))

    response = await bare.test_client().post("/up")

    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("headers", [{}, PARTIAL, {"Accept": "application/json"}])
async def test_an_internal_error_shows_its_request_number_and_no_detail(
    bare: Application, serve: Serve, headers: dict[str, str]
) -> None:
    bare.testing = False
    client = serve(raising(RuntimeError("secret of the house")))

    response = await client.get("/try", headers=headers)

    text = await response.get_data(as_text=True)
    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in text
    assert "secret" not in text
    assert "Traceback" not in text
    assert "HX-Reswap" in response.headers or not headers.get("HX-Request")


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("GET", "What you had saved before is safe. Try again in a moment."),
        ("POST", "what you just sent may not have been saved. Check before you send it again."),
    ],
)
async def test_the_page_for_internal_errors_says_what_may_have_been_saved(
    bare: Application, serve: Serve, method: str, text: str
) -> None:
    """A view may fail after its commit as well as before."""
    bare.testing = False

    page = await (await serve(raising(RuntimeError())).open("/try", method=method)).get_data(as_text=True)

    assert text in page
    assert "{{" not in page


async def test_the_page_for_internal_errors_uses_no_template(
    bare: Application, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("templates are broken")

    monkeypatch.setattr(templating, "render", broken)
    bare.testing = False
    client = serve(raising(RuntimeError()))

    response = await client.get("/try")
    assert response.headers["X-Request-Id"] in await response.get_data(as_text=True)
    assert (await client.get("/up/nowhere")).status_code in (303, 404)


async def test_a_broken_error_page_falls_back_to_the_plain_one(
    bare: Application, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("templates are broken")

    monkeypatch.setattr(templating, "render", broken)

    response = await serve(raising(NotFound())).get("/try")

    assert response.status_code == 404
    assert "<h1>" in await response.get_data(as_text=True)


async def test_an_unknown_error_is_shown_in_full_in_tests(serve: Serve) -> None:
    response = await serve(raising(RuntimeError("nobody knows this"))).get("/try")

    assert "nobody knows this" in await response.get_data(as_text=True)


async def test_the_response_of_an_exception_is_sent_as_it_is(serve: Serve) -> None:
    class Ready(HTTPException):
        code = 409

    response = await serve(raising(Ready(response=Response("mine", 409)))).get("/try")  # type: ignore[arg-type]

    assert (response.status_code, await response.get_data()) == (409, b"mine")


async def test_the_other_errors_of_a_group_with_a_cancellation_are_handled() -> None:
    group = BaseExceptionGroup("group", [asyncio.CancelledError(), StorageFull()])

    assert errors.status_and_text(group) == (503, str(StorageFull()))


async def test_repeated_refusals_are_recorded_ten_times_in_ten_minutes(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    await settle(app, EVE.email)
    eve = await window(app, EVE)

    for number in range(20):
        assert (await eve.get(f"/admin/people?q={number}")).status_code == 403
    long = await eve.get("/admin/people/1" + "0" * 400)

    assert long.status_code == 403
    event, *more = await events(app, "access.refused")
    assert len(more) == 9
    assert (event.actor, event.details["path"]) == (EVE.email, "/admin/people")
