"""3. Test client and redirects: what a client that follows redirects shows, and what it hides."""

import ast
import asyncio
from pathlib import Path

import pytest
from quart import Quart, redirect, request, session
from quart.testing import QuartClient
from quart.typing import ResponseReturnValue
from quart_auth import QuartAuth, authenticated_client, current_user, logout_user

from tests.helpers import ADA, is_signed_in, sign_in, sign_out, sign_up

TESTS = Path(__file__).parents[1]


@pytest.fixture
def plain() -> Quart:
    app = Quart("plain")
    app.secret_key = "k" * 32
    QuartAuth(app, cookie_secure=False)

    @app.post("/login")
    async def login() -> ResponseReturnValue:
        session["user"] = "ada"
        return redirect(request.args.get("next", "/home"), 303)

    @app.get("/home")
    async def home() -> ResponseReturnValue:
        return {"user": session.get("user"), "form": await request.form, "signed in as": current_user.auth_id}

    @app.get("/loop")
    async def loop() -> ResponseReturnValue:
        return redirect("/loop")

    @app.post("/logout")
    async def logout() -> ResponseReturnValue:
        logout_user()
        return ""

    return app


async def test_plain_quart_keeps_the_session_over_a_redirect(plain: Quart) -> None:
    """What Flask's test client got wrong (stale session data after a redirect) is correct here."""
    async with plain.test_client() as client:
        answer = await client.post("/login", form={}, follow_redirects=True)

        assert (await answer.get_json())["user"] == "ada"
        assert session["user"] == "ada"


async def test_plain_quart_follows_a_redirect_to_another_host_into_the_same_app(plain: Quart) -> None:
    """Fails if the client stops at other hosts. Until then a test that follows takes an open redirect for success."""
    answer = await plain.test_client().post(
        "/login", query_string={"next": "https://evil.example/home"}, form={}, follow_redirects=True
    )

    assert answer.status_code == 200
    assert (await answer.get_json())["user"] == "ada"


async def test_plain_quart_sends_the_form_again_with_the_get(plain: Quart) -> None:
    """Fails if the client drops the body where browsers do, after a 303."""
    answer = await plain.test_client().post("/login", form={"password": "secret"}, follow_redirects=True)

    assert (await answer.get_json())["form"] == {"password": "secret"}


async def test_plain_quart_follows_a_redirect_loop_forever(plain: Quart) -> None:
    """Fails if the client gives up after some number of hops."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await plain.test_client().get("/loop", follow_redirects=True)


async def test_plain_quart_auth_does_not_sign_its_test_client_out(plain: Quart) -> None:
    """Fails if `authenticated_client` keeps its cookie where the application can delete it."""
    client = plain.test_client()
    async with authenticated_client(client, "7"):
        await client.post("/logout")

        assert (await (await client.get("/home")).get_json())["signed in as"] == "7"


async def test_our_client_is_in_the_right_state_after_each_redirect(client: QuartClient) -> None:
    """Through the real forms, one hop at a time, asserting each `Location`."""
    await sign_up(client)
    await sign_out(client)

    redirected = await client.get("/tables/1/edit")
    assert (redirected.status_code, redirected.headers["Location"]) == (303, "/login?next=/tables/1/edit")
    assert not await is_signed_in(client)

    form = {"email": ADA.email, "password": ADA.password}
    answer = await client.post(redirected.headers["Location"], form=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tables/1/edit")
    assert await is_signed_in(client)

    await sign_out(client)
    assert (await client.get("/tables/1/edit")).headers["Location"] == "/login?next=/tables/1/edit"
    assert (await sign_in(client)).headers["Location"] == "/dashboard"


async def test_our_redirects_never_lead_to_another_host(client: QuartClient) -> None:
    await sign_up(client)
    await sign_out(client)

    form = {"email": ADA.email, "password": ADA.password}
    answer = await client.post("/login", query_string={"next": "https://evil.example/home"}, form=form)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


def test_our_tests_follow_no_redirects() -> None:
    """Tests assert `Location`; only a real browser may follow redirects."""
    following = [
        f"{path.relative_to(TESTS)}:{call.lineno}"
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "follow_redirects" and ast.unparse(keyword.value) != "False"
    ]

    assert following == []
