"""Every address is guarded unless it is in the table below; nobody gets past the guard, and `next` stays at home."""

from collections.abc import Iterator
from typing import Any

import pytest
from quart.testing import QuartClient
from werkzeug.routing import Rule

from settings import Settings
from tests.helpers import sign_up
from tests.http.account.conftest import make_session_stale
from webapp import create_app
from webapp.web.application import Application
from webapp.web.safe_urls import safe_next

# Who has not signed in may use these, and why.
PUBLIC = {
    "main.home": "the front door",
    "main.robots": "asked by search engines",
    "main.up": "asked by what watches the server",
    "main.ready": "asked by what watches the server",
    "api.health": "asked by programs",
    "api.docs_show": "what the API can do, and nothing of who uses it",
    "api.openapi_show": "the same for programs",
    "auth.register": "how to get in",
    "auth.login": "how to get in",
    "auth.login_code": "how to get in: the second step",
    "auth.register_email": "how to get in: is the address well formed",
    "auth.invitation": "how to get in, by a link",
    "auth.reset": "how to get back in",
    "auth.reset_edit": "how to get back in, by a link",
    "auth.outbox_index": "not there but in development",
    "auth.outbox_show": "not there but in development",
    "auth.logout": "nothing happens to a stranger",
    "forms.show": "a form that somebody gave them the address of",
    "forms.answer": "the same, filled in",
    "forms.thanks": "the same, afterwards",
    "auth.passkey_options": "how to get in",
    "auth.passkey_login": "how to get in",
    "auth.single_sign_on": "how to get in",
    "auth.single_sign_on_callback": "how to get in",
    "tables.stylesheets_show": "how columns of some kinds look, of no table",
    "static": "what pages are made of",
    "favicon": "browsers ask for it unbidden",
}
# These need a fresh sign-in (OWASP ASVS 5.0, 7.5). Those marked `True` take nothing but their address and go on by
# themselves after the proof.
FRESH = {
    "account.deletion": False,
    "account.devices_end": True,
    "account.devices_end_others": True,
    "account.email": False,
    "account.export_create": False,
    "account.identities_link": False,
    "account.identities_remove": True,
    "account.passkeys_new": False,
    "account.passkeys_options": False,
    "account.passkeys_remove": True,
    "account.password": False,
    "account.recovery_codes": False,
    "account.second_factor_new": False,
    "account.second_factor_removal": False,
    "account.second_factor_replacement": False,
    "account.tokens_new": False,
    "admin.invitations_create": False,
    "admin.invitations_link": True,
    "admin.invitations_new": False,
    "admin.mails_link": True,
    "admin.person_email": False,
    "admin.person_remove": False,
    "admin.person_reset": True,
    "admin.person_role": False,
    "tables.invitations_link": True,
}
BY_LINK = "/s/<token>"  # who comes there is nobody's guest: tests/http/tables/test_shared.py
SAMPLES = {
    "session_id": 1,
    "passkey_id": 1,
    "identity_id": 1,
    "token_id": 1,
    "link_id": 1,
    "table_id": 1,
    "user_id": 1,
    "row_id": 1,
    "number": 1,
    "seq": 1,
    "change_id": 1,
    "view_id": 1,
    "form_id": 1,
    "webhook_id": 1,
    "delivery_id": 1,
    "import_id": "0" * 32,
    "path": "app.css",
    "token": "t" * 43,
    "mail_id": "0" * 32,
    "edition": 1,
    "kinds": "tn",
    "action": "set",
}
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://localhost/tables/1?q=oslo"}


def guarded(app: Application) -> Iterator[tuple[str, str]]:
    """Each method and address that is not public."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in PUBLIC and not rule.rule.startswith(BY_LINK):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, adapter.build(rule.endpoint, _samples(rule), method)


def _samples(rule: Rule) -> dict[str, Any]:
    missing = rule.arguments - SAMPLES.keys()
    assert not missing, f"Add a sample for {missing} of {rule.rule}"
    return {name: SAMPLES[name] for name in rule.arguments}


def test_public_views_are_marked_and_listed(settings: Settings) -> None:
    app = create_app(settings)

    public = {name for name, view in app.view_functions.items() if getattr(view, "is_public", False)}

    assert public == PUBLIC.keys()


async def test_every_other_url_gives_a_stranger_no_fragment(app: Application, client: QuartClient) -> None:
    """`test_roles.py` asks for the pages themselves."""
    routes = list(guarded(app))
    assert ("GET", "/dashboard") in routes

    for method, path in routes:
        fragment = await client.open(path, method=method, headers=HTMX)
        assert fragment.status_code == 401, f"{method} {path}"
        assert await fragment.get_data(as_text=True) == ""


async def test_sensitive_views_require_a_recent_proof_of_identity(app: Application, client: QuartClient) -> None:
    marked = {name: view for name, view in app.view_functions.items() if getattr(view, "needs_fresh", False)}
    assert {name: getattr(view, "is_resumable", False) for name, view in marked.items()} == FRESH
    await sign_up(client)
    await make_session_stale(app)
    adapter = app.url_map.bind("localhost")

    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"} if rule.endpoint in FRESH else set()):
            path = adapter.build(rule.endpoint, _samples(rule), method)
            answer = await client.open(path, method=method)
            assert answer.headers.get("Location", "").startswith("/login/confirm"), f"{method} {path}"
            assert ("then=" in answer.headers["Location"]) == FRESH[rule.endpoint], path


async def test_an_unmarked_view_requires_a_sign_in(settings: Settings) -> None:
    app = create_app(settings)

    @app.route("/forgotten", methods=["GET", "POST", "DELETE"])
    async def forgotten() -> str:
        raise AssertionError("a stranger came in")

    async with app.test_app():
        for method in ("GET", "POST", "DELETE"):
            answer = await app.test_client().open(
                "/forgotten", method=method, headers={"Sec-Fetch-Site": "same-origin"}
            )
            assert (answer.status_code, answer.headers["Location"][:6]) == (303, "/login")


async def test_strangers_cannot_tell_what_exists(client: QuartClient) -> None:
    answers = [await client.get(path) for path in ("/dashboard", "/no-such-page", "/dashboard/more")]
    deep = await client.post("/no-such-page")

    assert [answer.status_code for answer in [*answers, deep]] == [303] * 4
    assert (await client.get("/api/no-such-thing")).status_code == 401


async def test_signed_in_people_get_a_404_for_an_unknown_page(client: QuartClient) -> None:
    await sign_up(client)

    assert (await client.get("/no-such-page")).status_code == 404


async def test_the_sign_in_page_returns_to_the_requested_page(client: QuartClient) -> None:
    answer = await client.get("/tables/1/rows?q=a%26b&f.3=eq:%C3%98rsted%20")

    assert answer.headers["Location"] == "/login?next=/tables/1/rows?q%3Da%2526b%26f.3%3Deq:%25C3%2598rsted%2520"


async def test_a_fragment_request_returns_to_the_page_it_is_part_of(client: QuartClient) -> None:
    answer = await client.get("/tables/1/rows?after=x", headers=HTMX)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/tables/1?q%3Doslo")


async def test_a_full_page_requested_by_htmx_is_returned_to(client: QuartClient) -> None:
    boosted = await client.get("/tables/1", headers=HTMX | {"HX-Request-Type": "full"})
    restored = await client.get("/tables/1", headers={"HX-History-Restore-Request": "true", "HX-Request-Type": "full"})

    for answer in (boosted, restored):
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/tables/1")


@pytest.mark.parametrize(
    "current", ["https://evil.example/tables/1", "//evil.example", "javascript:alert(1)", "http://[", "", "\\\\evil"]
)
async def test_a_fragment_request_never_returns_to_another_site(client: QuartClient, current: str) -> None:
    answer = await client.get("/tables/1/rows", headers={"HX-Request": "true", "HX-Current-URL": current})

    assert answer.headers["HX-Redirect"] == "/login"


async def test_a_submitted_form_returns_to_its_page(client: QuartClient) -> None:
    here = await client.post("/tables", headers={"Referer": "http://localhost/dashboard"})
    elsewhere = await client.post("/tables", headers={"Referer": "https://evil.example/dashboard"})

    assert here.headers["Location"] == "/login?next=/dashboard"
    assert elsewhere.headers["Location"] == "/login"


@pytest.mark.parametrize(
    "target", ["/", "/dashboard", "/tables/17?q=a%20b&sort=-3", "/a?next=http://b//c", "/a:b@c;d,e"]
)
def test_paths_of_this_server_are_safe_to_return_to(target: str) -> None:
    assert safe_next(target, "/else") == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "dashboard",
        "https://evil.example",
        "http:evil.example",
        "http:/evil.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/a\\..\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/a//evil.example",
        "/..//evil.example",
        "/a\r\nSet-Cookie: b=c",
        "/a\0b",
        "/a\x7fb",
        "/\u2044evil.example",  # fraction slash
        "/\uff0fevil.example",  # full-width slash
        "/\u3002evil",  # ideographic full stop
        "/\u202egro.live",  # right-to-left override
        "/\u00a0/evil.example",
        "\ufeff//evil.example",
        "?next=//evil.example",
        "#//evil.example",
        "@evil.example",
        ".evil.example",
        "/" + "a" * 3000,
    ],
)
def test_urls_a_browser_could_read_as_another_host_are_not_safe(target: str | None) -> None:
    assert safe_next(target, "/else") == "/else"
