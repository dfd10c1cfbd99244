"""6. CSRF on cached pages: a token expires while its page is open, and caches are told nothing, or too much."""

import asyncio
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest
from quart import Quart, session
from quart.testing import QuartClient
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField
from wtforms.csrf.session import SessionCSRF

from tests.conftest import Client, make_settings
from tests.helpers import ADA, sign_out, sign_up
from tests.known_issues.plain import IS_023
from webapp import create_app
from webapp.web.application import Application
from webapp.web.csrf import SAFE_METHODS

DAY = 86400


class PlainForm(Form):
    class Meta:
        csrf = True
        csrf_class = SessionCSRF
        csrf_secret = b"k" * 32

    name = StringField()


def test_plain_wtforms_refuses_a_form_loaded_yesterday(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if its tokens no longer expire after half an hour."""
    session_data: dict[str, str] = {}
    page = PlainForm(meta={"csrf_context": session_data})
    submitted = MultiDict({"name": "Ada", "csrf_token": page.csrf_token.current_token})
    assert PlainForm(submitted, meta={"csrf_context": session_data}).validate()

    monkeypatch.setattr(SessionCSRF, "now", lambda self: datetime.now() + timedelta(days=1))
    late = PlainForm(submitted, meta={"csrf_context": session_data})

    assert not late.validate()
    assert late.errors == {"csrf_token": ["CSRF token expired."]}


@pytest.mark.parametrize(("change", "message"), [("session", "CSRF failed."), ("key", "CSRF failed.")])
def test_plain_wtforms_refuses_a_form_whose_session_or_key_is_gone(change: str, message: str) -> None:
    """Fails if a token outlives its session, or if several keys can verify one."""
    session_data: dict[str, str] = {}
    page = PlainForm(meta={"csrf_context": session_data})
    submitted = MultiDict({"name": "Ada", "csrf_token": page.csrf_token.current_token})

    meta: dict[str, Any] = {"csrf_context": {"csrf": "another"} if change == "session" else session_data}
    late = PlainForm(submitted, meta=meta | ({"csrf_secret": b"n" * 32} if change == "key" else {}))

    assert not late.validate()
    assert late.errors == {"csrf_token": [message]}


async def test_plain_quart_sends_no_cache_headers_or_wrong_ones(tmp_path: Path) -> None:
    """Fails if, on both versions, a page that shows the session sends `Vary: Cookie` and a static file does not."""
    (tmp_path / "style.css").write_text("a {}")
    app = Quart("plain", static_folder=str(tmp_path))
    app.secret_key = "k" * 32

    @app.get("/")
    async def page() -> ResponseReturnValue:
        return f"Signed in as {session.get('user')}"

    client = app.test_client()
    shown, style = await client.get("/"), await client.get("/static/style.css")
    await style.get_data()

    assert "Cache-Control" not in shown.headers
    assert shown.headers.get("Vary") == ("Cookie" if IS_023 else None)  # 0.22: a proxy serves Ada's page to everybody
    assert style.headers.get("Vary") == ("Cookie" if IS_023 else None)  # 0.23: a proxy caches no style sheet at all


async def test_our_forms_loaded_yesterday_can_be_submitted(
    client: QuartClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later, on a restarted server with another key: the page alone is enough to submit the form."""
    await sign_up(client)
    await sign_out(client)
    page = html5lib.parse(await (await client.get("/login")).get_data(as_text=True), namespaceHTMLElements=False)
    form = next(form for form in page.iter("form") if (form.get("action") or "").startswith("/login"))
    hidden = {field.get("name"): field.get("value") for field in form.iter("input") if field.get("type") == "hidden"}

    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + DAY)
    later = create_app(make_settings(data_dir, secret_key="another key, of a length that will do as well"))
    later.test_client_class = Client
    async with later.test_app():
        tomorrow = later.test_client()
        filled_in = hidden | {"email": ADA.email, "password": ADA.password}
        answer = await tomorrow.post(form.get("action"), form=filled_in)

    assert not [name for name in hidden if "csrf" in name or "token" in name]
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


@pytest.mark.parametrize("is_signed_in", [False, True])
async def test_our_responses_all_have_cache_headers(app: Application, client: QuartClient, is_signed_in: bool) -> None:
    """Every route with each of its methods, unsafe ones last: uncacheable, or the same for everybody."""
    await sign_up(client)
    if not is_signed_in:
        await sign_out(client)
    adapter = app.url_map.bind("localhost")
    routes = [
        (method, adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, 1), method=method))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    ]
    assert len(routes) > 50
    for method, path in sorted(routes, key=lambda route: (route[0] not in SAFE_METHODS, "out" in route[1])):
        async with asyncio.timeout(10):
            check(f"{method} {path}", await client.open(path, method=method))


def check(name: str, answer: Any) -> None:
    assert answer.status_code < 500, name
    control, vary = answer.headers["Cache-Control"], set(answer.vary)
    if "public" in control:
        assert "Cookie" not in vary, name
        assert "Set-Cookie" not in answer.headers, name
    else:
        assert "no-store" in control or "private" in control, f"{name}: {control}"
        assert vary >= {"Cookie", "HX-Request-Type"}, f"{name}: {vary}"
