"""The whole way to a real provider and back, with a real server."""

import html
import re
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.helpers import PASSWORD
from tests.openid import CLIENT, free_port, openid_provider, sign_in_there
from tests.servers import Server

HERE = {"Sec-Fetch-Site": "same-origin"}
BACK = {"Sec-Fetch-Site": "cross-site"}
OWNER = {"email": "ada@example.org", "password": PASSWORD, "confirmation": PASSWORD}


def sign_in_through(browser: httpx.Client, username: str, path: str = "/login/oidc") -> httpx.Response:
    pressed = browser.post(path, headers=HERE)
    found = re.search(r'content="0;url=([^"]+)"', pressed.text)
    assert found, (pressed.status_code, pressed.headers, pressed.text)
    with httpx.Client() as there:
        back = sign_in_there(there, html.unescape(found[1]), username)
    return browser.get(back, headers=BACK)


def test_people_come_in_with_the_role_of_their_groups(server: Callable[..., Server], tmp_path: Path) -> None:
    port = free_port()
    callback = f"http://127.0.0.1:{port}/login/oidc/callback"
    with openid_provider(tmp_path / "provider", callback) as issuer:
        running = server(
            port=str(port),
            oidc_issuer=issuer,
            oidc_accounts="everybody",
            oidc_roles="leads=administrator,staff=member",
            **CLIENT,
        )
        with httpx.Client(base_url=f"http://127.0.0.1:{running.port}") as ada:
            assert ada.post("/register", data=OWNER, headers=HERE).status_code == 303

        for username, may_run_it in (("eve", 403), ("bob", 200)):
            with httpx.Client(base_url=f"http://127.0.0.1:{running.port}") as browser:
                answer = sign_in_through(browser, username, "/login/oidc?next=/account")

                assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
                assert f"{username}@example.org" in browser.get("/account").text
                assert browser.get("/admin/people").status_code == may_run_it

                # What a stranger's browser does with the same answer, and ours once more.
                assert httpx.get(str(answer.url), headers=BACK).headers["Location"] == "/login"
                assert browser.get(str(answer.url), headers=BACK).headers["Location"] == "/login"


def test_who_confirms_signs_in_there_again(server: Callable[..., Server], tmp_path: Path) -> None:
    port = free_port()
    with openid_provider(tmp_path / "provider", f"http://127.0.0.1:{port}/login/oidc/callback") as issuer:
        running = server(port=str(port), oidc_issuer=issuer, oidc_accounts="everybody", session_fresh="10", **CLIENT)
        with httpx.Client(base_url=f"http://127.0.0.1:{running.port}") as browser:
            browser.post("/register", data=OWNER, headers=HERE)
            browser.post("/logout", headers=HERE)
            sign_in_through(browser, "eve")

            answer = sign_in_through(browser, "eve", "/login/confirm/oidc?next=/account/deletion")
            assert answer.headers["Location"] == "/account/deletion"

            answer = sign_in_through(browser, "bob", "/login/confirm/oidc?next=/account/deletion")
            assert answer.headers["Location"] == "/login/confirm?next=/account/deletion"
