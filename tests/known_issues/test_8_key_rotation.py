"""8. Rotating the secret key: a list works; what is easily mistaken for one lets anybody sign."""

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha512
from pathlib import Path

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer
from quart import Quart, session
from quart.typing import ResponseReturnValue
from quart_auth import AuthUser, QuartAuth, current_user, login_user

from tests.helpers import ADA
from tests.servers import ROOT, Server

OLDEST, OLD, NEW = "oldest-" * 6, "old-" * 10, "new-" * 10


def plain(key: str, fallbacks: object) -> Quart:
    app = Quart("plain")
    app.secret_key = key
    app.config["SECRET_KEY_FALLBACKS"] = fallbacks
    QuartAuth(app, cookie_secure=False)

    @app.get("/login")
    async def login() -> ResponseReturnValue:
        session["user"] = "ada"
        login_user(AuthUser("7"))
        return ""

    @app.get("/who")
    async def who() -> ResponseReturnValue:
        return {"session": session.get("user"), "auth": current_user.auth_id}

    return app


async def who(app: Quart, cookies: str) -> object:
    client = app.test_client(use_cookies=False)
    return await (await client.get("/who", headers={"Cookie": cookies})).get_json()


async def test_plain_quart_rotates_keys_given_as_a_list() -> None:
    """The order of the keys, wrong in Flask 3.1.0 and in Quart before 0.21, is correct."""
    answer = await plain(OLDEST, []).test_client().get("/login")
    cookies = "; ".join(header.partition(";")[0] for header in answer.headers.getlist("Set-Cookie"))

    assert await who(plain(NEW, [OLD, OLDEST]), cookies) == {"session": "ada", "auth": "7"}
    assert await who(plain(NEW, [OLD]), cookies) == {"session": None, "auth": None}


@pytest.mark.parametrize(
    ("fallbacks", "forged_with"),
    [("an-old-key", "k"), ([""], ""), (["retired-key-of-last-year", ""], "")],  # "".split(",") is [""]
)
async def test_plain_quart_accepts_forged_cookies_with_malformed_fallbacks(fallbacks: object, forged_with: str) -> None:
    """Fails if Quart refuses them. A string is read as one-letter keys, an empty entry as the empty key."""
    forger = URLSafeTimedSerializer(forged_with, "quart auth salt", signer_kwargs={"digest_method": sha512})

    found = await who(plain(NEW, fallbacks), f"QUART_AUTH={forger.dumps('1')}")

    assert found == {"session": None, "auth": "1"}


def test_our_key_rotation_signs_nobody_out(server: Callable[..., Server]) -> None:
    """Several servers in turn on the same data, with different keys: the sign-in and the flash message survive."""
    with httpx.Client(headers={"Sec-Fetch-Site": "same-origin"}) as browser:
        first = server(secret_key=OLD)
        form = {"email": ADA.email, "password": ADA.password, "confirmation": ADA.password}
        assert browser.post(f"http://127.0.0.1:{first.port}/register", data=form).status_code == 303
        first.stop()

        pages = [
            dashboard(browser, server(secret_key=NEW, secret_key_fallbacks=fallbacks))
            for fallbacks in (f"{OLD},{OLDEST}", f"{OLDEST}, {OLD}", OLDEST)
        ]

    assert [page.status_code for page in pages] == [200, 200, 303]  # a key that is no fallback opens nothing
    assert "Welcome. You are the owner of this server." in pages[0].text
    assert pages[2].headers["location"] == "/login?next=/dashboard"


def dashboard(browser: httpx.Client, running: Server) -> httpx.Response:
    answer = browser.get(f"http://127.0.0.1:{running.port}/dashboard")
    running.stop()
    return answer


@pytest.mark.parametrize(
    ("fallbacks", "message"),
    [
        (f"{OLD},", "has an empty entry; anybody could sign with it"),
        (",", "has an empty entry; anybody could sign with it"),
        ("an-old-key", "need at least 32 characters"),
    ],
)
def test_our_settings_refuse_malformed_fallbacks(tmp_path: Path, fallbacks: str, message: str) -> None:
    """One line names the problem and contains no key."""
    given = {"ROWCAST_SECRET_KEY": NEW, "ROWCAST_SECRET_KEY_FALLBACKS": fallbacks, "ROWCAST_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "webapp", "serve", "--port", "0"],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "ROWCAST_SECRET_KEY" in ended.stderr
    assert message in ended.stderr
    assert not [key for key in (NEW, OLD, "an-old-key") if key in ended.stderr + ended.stdout]
    assert list(tmp_path.iterdir()) == []
