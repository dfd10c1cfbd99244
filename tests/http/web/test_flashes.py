"""Messages that survive a redirect."""

import secrets
from collections.abc import Callable

from quart import Response, redirect
from quart.testing import QuartClient
from quart.typing import ResponseReturnValue

from webapp.web.flashes import COOKIE, flash, take_flashes

Serve = Callable[..., QuartClient]


async def shows() -> str:
    return "|".join(f"{kind}:{text}" for kind, text, _ in take_flashes())


async def text(response: Response) -> str:
    return await response.get_data(as_text=True)


async def test_a_message_is_shown_once_after_a_redirect(serve: Serve) -> None:
    client = _three(serve)

    assert (await client.post("/leaves")).status_code == 303
    assert await text(await client.get("/silent")) == "nothing"
    assert await text(await client.get("/shows")) == "done:Saved “ü”|alert:Look"
    assert await text(await client.get("/shows")) == ""


async def test_a_message_can_be_shown_in_the_same_response(serve: Serve) -> None:
    async def both() -> str:
        flash("Now")
        return await shows()

    response = await serve(both).get("/try")

    assert await text(response) == "done:Now"
    assert "Set-Cookie" not in response.headers


async def test_messages_of_several_requests_are_all_kept(serve: Serve) -> None:
    client = _three(serve)

    await client.post("/leaves")
    await client.post("/leaves")

    assert (await text(await client.get("/shows"))).count("Saved") == 2


async def test_a_forged_flash_cookie_is_ignored(serve: Serve) -> None:
    client = _three(serve)
    client.set_cookie("localhost", COOKIE.name, "W1siZG9uZSIsICJFdmlsIl1d.x.y")

    assert await text(await client.get("/shows")) == ""


async def test_the_flash_cookie_is_http_only_and_same_site(serve: Serve) -> None:
    cookie = (await _three(serve).post("/leaves")).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_the_oldest_messages_are_dropped_if_the_cookie_is_too_long(serve: Serve) -> None:
    """Of random text, because the cookie is compressed."""

    async def many() -> str:
        for number in range(100):
            flash(f"{number} ü {secrets.token_hex(50)}")
        return ""

    serve(many, "/many")
    client = serve(shows, "/shows")
    cookie = (await client.get("/many")).headers["Set-Cookie"]
    shown = (await text(await client.get("/shows"))).split("|")

    assert 3500 < len(cookie.partition(";")[0]) <= 4096
    assert [message.split()[0] for message in shown] == [f"done:{number}" for number in range(100 - len(shown), 100)]


def _three(serve: Serve) -> QuartClient:
    async def leaves() -> ResponseReturnValue:
        flash("Saved “ü”")
        flash("Look", "alert")
        return redirect("/shows", 303)

    async def silent() -> str:
        return "nothing"

    serve(silent, "/silent")
    serve(leaves, "/leaves")
    return serve(shows, "/shows")
