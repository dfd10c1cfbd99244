"""Every page has one heading, a title and its landmarks, and nothing in it refers to what is not there."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import html5lib
import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from settings import Settings
from tests.conftest import Client, make_settings
from tests.forms import add_form
from tests.helpers import ADA, sign_out, sign_up
from tests.http.auth.conftest import add_second_factor, code
from tests.import_states import COMPARED, add_import, add_update
from tests.large_changes import add_plan
from tests.links import add_link
from tests.people import settle
from tests.saved_views import add_view
from tests.tables import PLANET_ROWS, PLANETS, add_table
from tests.webhooks import place_webhook
from webapp import create_app
from webapp.extensions import db
from webapp.models import Mail, OneTimeToken, Purpose, User
from webapp.rowstore.entries import Entry
from webapp.tables.bulk_forms import ACTIONS
from webapp.web.application import Application

CORPUS = Path(__file__).parents[1] / "corpus"
STATES = ("inspecting", "ready", "loading", "done", "failed", "cancelled")
FIRST = ["/", "/register"]  # where nobody has an account yet
STRANGER = ["/", "/api/docs", "/login", "/login?next=/dashboard", "/reset", "/register"]
# What leads on by a link of a mail, and what only a server of development has.
LINKED = {"/verifications/": "verify", "/reset/": "reset", "/invitations/": "invite"}
SECOND_FACTOR = ["/account/second-factor", "/account/second-factor/replacement"]  # while it is on
ELSEWHERE = ["/login/code", "/outbox", "/outbox/any", *SECOND_FACTOR, *(f"{place}any" for place in LINKED)]
# Of forms, which strangers see without the way around them.
FORMS = ["/f/any", "/f/any/thanks", "/tables/1/forms/1/preview"]
ACCOUNT = [
    "/account",
    "/account/email",
    "/account/password",
    "/account/second-factor",
    "/account/second-factor/new",
    "/account/second-factor/removal",
    "/account/identities",
    "/account/passkeys",
    "/account/passkeys/new",
    "/account/devices",
    "/account/tokens",
    "/account/tokens/new",
    "/account/export",
    "/account/deletion",
]
ADMINISTRATION = [
    "/admin/people",
    "/admin/people?q=nobody",
    "/admin/people/1",
    "/admin/people/2",
    "/admin/people/2/edit",
    "/admin/people/2/email",
    "/admin/people/2/removal",
    "/admin/people/invitations",
    "/admin/people/invitations/new",
    "/admin/audit",
    "/admin/audit?q=nothing-of-the-kind",
    "/admin/jobs",
    "/admin/mails",
    "/admin/settings",
]
PEOPLE = [
    "/dashboard",
    "/login/confirm?next=/dashboard",
    "/tables/1",
    "/tables/1?q=ur&sort=4,-3&f.2=ge:1&cols=1,2,4",
    "/tables/1?q=pluto",
    "/tables/2",
    "/tables/1/edit",
    "/tables/1/members",
    "/tables/1/links",
    "/tables/1/links?f.2=ge:1&cols=1,2",
    "/tables/1/links/1",
    "/tables/1/webhooks",
    "/tables/1/webhooks/1",
    "/tables/1/members/2/handover",
    "/tables/1/access",
    "/tables/1/access?person=eve@example.org",
    "/tables/1/access?person=nobody",
    "/tables/1/rows/5",
    "/tables/1/rows/5/edit",
    "/tables/1/rows/new",
    "/tables/1/imports",
    "/tables/1/history",
    "/tables/1/history?kind=rows",
    "/tables/1/history/1",
    "/tables/1/rows/5/history",
    "/tables/1/rows/5/history?column=2",
    "/tables/1/cells/5/2/edit",
    "/tables/1/changes/1",
    "/tables/1/changes/2",
    "/tables/running",
    "/tables/1/columns",
    "/tables/1/columns/1",
    "/tables/1/columns/3/profile",
    "/tables/1/columns/3/type",
    "/tables/1/columns/3/edit",
    "/tables/1/columns/new",
    "/dashboard?deleted=3",
    "/tables/1/trash",
    "/tables/1/trash/2",
    "/tables/1/trash/purge?seq=2",
    "/tables/2/trash",
    "/tables/trash",
    "/tables/trash/3/purge",
    "/tables/trash/purge",
    "/tables/1/summary?q=ur",
    "/tables/1/chart?kind=bar&x=4&q=ur",
    "/tables/1/chart?kind=heat&x=1&y=4",
    "/tables/1?group=4&sums=2",
    "/tables/1?colour=4&cols=1,2",
    "/tables/1?colour=2",
    "/tables/1/groups?group=4&sums=2",
    "/tables/1/views",
    "/tables/1/views/new?q=ur&sort=-2",
    "/tables/1/views/1/edit",
    "/tables/1?q=ur&view=1",
    "/tables/1/forms",
    "/tables/2/forms",
    "/tables/1/forms/new",
    "/tables/1/forms/1",
    "/tables/1/bulk?rows=2-4",
    *(f"/tables/1/bulk/{action}?rows=all" for action in ACTIONS),
    *ACCOUNT,
]
# Below a link.
SHARED = [
    "/rows/new",
    "/rows/5/edit",
    "/cells/5/2/edit",
    "",
    "?q=ur&sort=4,-3&f.2=ge:1&cols=1,2,4",
    "?q=pluto",
    "/rows/5",
    "/columns",
    "/columns/1",
    "/columns/3/profile",
    "/summary?q=ur",
    "?group=4&sums=2",
    "?colour=4",
    "/groups?group=4&sums=2",
    "/chart?kind=bar&x=1",
]
# What goes wrong has a page as well.
REFUSALS = {
    "/account/passkeys/99": 404,
    "/account/email/confirmation?token=none": 410,
    "/tables/999": 404,
    "/tables/3": 404,
    "/nowhere": 404,
    "/tables/1?f.2=ge:many": 422,
    "/logout": 405,
    "/tables/1/columns/99": 404,
    "/tables/1/bulk": 422,
    "/tables/1/bulk/everything?rows=all": 404,
    "/tables/1/chart?kind=pie": 422,
}
# Answers to GET that are no pages, and what they are.
OTHERS = {
    "auth.register_email": "a part of a page",
    "account.recovery_codes": "leads back where there is no second factor; in tests/browser/states.py",
    "auth.single_sign_on_callback": "leads on, or back",
    "account.passkeys_edit": "a passkey's, which takes a device to make; in tests/browser/states.py",
    "account.email_confirmation": "takes a link from a mail; in tests/browser/states.py",
    "admin.people_rows": "a part of a page",
    "admin.audit_rows": "a part of a page",
    "admin.audit_export": "a file",
    "api.changes_index": "JSON",
    "api.columns_index": "JSON",
    "api.columns_show": "JSON",
    "api.deliveries_index": "JSON",
    "api.deliveries_show": "JSON",
    "api.exports_show": "a file",
    "api.forms_index": "JSON",
    "api.forms_show": "JSON",
    "api.health": "JSON",
    "api.imports_index": "JSON",
    "api.imports_show": "JSON",
    "api.links_index": "JSON",
    "api.links_show": "JSON",
    "api.me_show": "JSON",
    "api.members_index": "JSON",
    "api.rows_index": "JSON",
    "api.rows_show": "JSON",
    "api.tables_index": "JSON",
    "api.tables_show": "JSON",
    "api.users_index": "JSON",
    "api.users_show": "JSON",
    "api.views_index": "JSON",
    "api.views_show": "JSON",
    "api.webhooks_index": "JSON",
    "api.webhooks_show": "JSON",
    "api.openapi_show": "JSON",
    "main.up": "text for machines",
    "main.ready": "text for machines",
    "main.robots": "text for machines",
    "live.stream": "a stream",
    "static": "files",
    "favicon": "a file",
    "tables.stylesheets_show": "a style sheet",
    "tables.exports_show": "a file",
    "tables.charts_export": "a file",
    "tables.positions_show": "leads to the table",
    "tables.views_show": "leads to the table",
    "tables.groups_rows": "a part of a page",
    "tables.originals_show": "a file",
    "tables.imports_rejected": "a file",
    "tables.updates_export": "a file",
    "tables.filters_create": "leads on to the table",
    "tables.rows_index": "a part of a page",
    "tables.colours_show": "JSON",
    "tables.counts_show": "a part of a page",
    "tables.members_suggest": "a part of a page",
    "tables.cells_show": "a download",
    "shared.exports_show": "a file",
    "shared.groups_rows": "a part of a page",
    "shared.charts_export": "a file",
    "shared.positions_show": "leads to the table",
    "shared.filters_create": "leads on to the table",
    "shared.rows_index": "a part of a page",
    "shared.colours_show": "JSON",
    "shared.counts_show": "a part of a page",
    "shared.cells_show": "a download",
    "shared.stream": "a stream",
}


def test_every_page_is_checked(settings: Settings) -> None:
    app = create_app(settings)
    adapter = app.url_map.bind("localhost")
    pages = [*FIRST, *STRANGER, *PEOPLE, *ADMINISTRATION, *ELSEWHERE, *FORMS, "/tables/imports/any"]
    pages += ["/tables/1/imports/any", "/tables/1/imports/any/changes", *(f"/s/any{place}" for place in SHARED)]
    seen = {adapter.match(address.partition("?")[0])[0] for address in pages}
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert endpoints == seen | OTHERS.keys()


async def test_the_pages_of_strangers_are_valid(client: QuartClient) -> None:
    for address in FIRST:
        check(address, await page(client, address))
    await sign_up(client)
    await sign_out(client)
    for address in STRANGER:
        check(address, await page(client, address, 403 if address == "/register" else 200))


async def test_the_pages_behind_mailed_links_are_valid(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    for place, purpose in LINKED.items():
        data = {"role": "member", "inviter": "ada@example.org"}
        given = {"user_id": 1, "email": "ada@example.org", "data": data}
        token = await db.of(app).write(OneTimeToken.issue, Purpose(purpose), **given)
        check(place, await page(client, place + token))
        if purpose != Purpose.VERIFY:  # asks a stranger to sign in
            check(place, await page(app.test_client(), place + token))
        check(place, await page(client, place + "t" * 43, 410))


async def test_the_pages_of_the_second_factor_are_valid(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    await sign_out(client)
    await add_second_factor(app)
    await client.post("/login", form={"email": ADA.email, "password": ADA.password})
    check("/login/code", await page(client, "/login/code"))
    await client.post("/login/code", form={"code": code()})
    for address in SECOND_FACTOR:
        check(address, await page(client, address))


async def test_the_pages_of_development_are_valid(data_dir: Path) -> None:
    app = create_app(make_settings(data_dir, environment="development"))
    app.test_client_class = Client
    async with app.test_app():
        client = app.test_client()
        await sign_up(client)
        check("/outbox, empty", await page(client, "/outbox"))
        await client.post("/reset", form={"email": ADA.email})
        await db.of(app).wait_for_writes()
        async with db.of(app).reading() as session:
            mail_id = await session.scalar(select(Mail.id))
        check("/outbox", await page(client, "/outbox"))
        check("/outbox/...", await page(client, f"/outbox/{mail_id}"))


async def test_the_pages_of_signed_in_people_are_valid(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await arrive(client, settings)
    assert (await settle(app, "eve@example.org")).id == 2
    await client.post("/tables/1/members", form={"person": "eve@example.org", "role": "editor"})
    await client.post("/tables/1/invitations", form={"email": "kim@example.org", "role": "viewer"})
    await client.post("/tables/1/links", form={"name": "Press", "what": "view", "view": "f.2=ge:1"})
    await db.of(app).write(place_webhook, 1)
    for state in ("ready", "done"):
        add_plan(settings.data_dir, 1, [Entry(1, 1, "", "x")], state=state)
    add_view(settings.data_dir, 1, owner=None)
    await add_form(db.of(app), settings, 1, origins=("https://a.example",))
    for address in PEOPLE:
        check(address, await page(client, address))
        check_way_out(address, await page(client, address))


async def test_the_pages_of_forms_are_valid(app: Application, client: QuartClient, settings: Settings) -> None:
    await arrive(client, settings)
    form = await add_form(db.of(app), settings, 1)
    once = await add_form(db.of(app), settings, 1, one_each=True)
    off = await add_form(db.of(app), settings, 1, is_on=False)
    for address in (form.url, f"{form.url}/thanks", f"{form.page}/preview", once.url):
        check(address, await page(client, address))
    check("refused", html5lib.parse(await refused(client, form.url), namespaceHTMLElements=False))
    check("off", await page(client, off.url, 410))
    check("signed out", await page(app.test_client(), once.url, 401))


async def refused(client: QuartClient, address: str) -> str:
    answer = await client.post(address, form={"cell1": "", "cell2": "many", "homepage": "https://spam.example"})
    text: str = await answer.get_data(as_text=True)
    assert answer.status_code == 422
    return text


async def test_the_pages_below_a_link_are_valid(app: Application, client: QuartClient, settings: Settings) -> None:
    await arrive(client, settings)
    async with db.of(app).reading() as session:
        owner = await session.get_one(User, 1)
    visitor = app.test_client(use_cookies=False)
    for scope in ([], [("f.2", "ge:1")]):
        _, link = await add_link(app, 1, owner, scope=scope, may_edit=True)
        for place in SHARED:
            check(place, await page(visitor, link + place))
        for place, status in {"/rows/99": 404, "?f.2=ge:many": 422}.items():
            check(place, await page(visitor, link + place, status))


async def test_the_pages_of_the_administration_are_valid(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    assert (await settle(app, "eve@example.org")).id == 2
    for state in STATES:
        failure = "It could not be read." if state == "failed" else None
        add_import(settings.data_dir, CORPUS / "ragged.csv", state, failure=failure)
    await client.post("/admin/people/2/reset")
    await client.post("/admin/people/invitations", form={"emails": "kim@example.org", "role": "member"})
    await client.post("/admin/people/2", form={"name": "Eve"})
    for address in ADMINISTRATION:
        check(address, await page(client, address))
        check_way_out(address, await page(client, address))


@pytest.mark.parametrize("state", STATES)
async def test_the_page_of_an_import_is_valid(client: QuartClient, settings: Settings, state: str) -> None:
    await arrive(client, settings)
    failure = "It could not be read." if state == "failed" else None
    address = add_import(settings.data_dir, CORPUS / "ragged.csv", state, failure=failure, table_id=1)

    check(state, await page(client, address))
    check(f"dashboard, {state}", await page(client, "/dashboard"))


@pytest.mark.parametrize("state", [*STATES, "comparing", "updating", "compared"])
async def test_the_page_of_a_further_file_is_valid(client: QuartClient, settings: Settings, state: str) -> None:
    await arrive(client, settings)
    report, real = (COMPARED, "ready") if state == "compared" else (None, state)
    seq = 1 if state == "done" else None
    address = add_update(settings.data_dir, CORPUS / "ragged.csv", 1, real, seq=seq, comparison=report)

    check(state, await page(client, address))
    check(f"files, {state}", await page(client, "/tables/1/imports"))
    if seq:
        check("changes", await page(client, f"{address}/changes"))


async def test_the_error_pages_are_valid(client: QuartClient, settings: Settings) -> None:
    await arrive(client, settings)
    for address, status in REFUSALS.items():
        check(address, await page(client, address, status))


async def test_the_page_for_internal_errors_is_valid(app: Application) -> None:
    @app.route("/failing")
    async def failing() -> str:
        raise RuntimeError("as meant")

    client = app.test_client()
    await sign_up(client)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    html = await (await client.get("/failing")).get_data(as_text=True)

    document = html5lib.parse(html, namespaceHTMLElements=False)
    check_frame("/failing", document)
    assert "as meant" not in html


async def arrive(client: QuartClient, settings: Settings) -> None:
    """Signed in, with a table, in which a cell was changed and rows deleted, an empty one, and one in the trash."""
    await sign_up(client)
    assert add_table(settings.data_dir, PLANETS, PLANET_ROWS) == 1
    assert add_table(settings.data_dir, {"Planet": "text"}, []) == 2
    assert add_table(settings.data_dir, {"Planet": "text"}, [], title="Thrown away") == 3
    assert (await client.post("/tables/3/deletion")).status_code == 303
    edit = {"row": 5, "column": 2, "seen": "95", "text": "96"}
    assert (await client.post("/tables/1/cells", json={"edits": [edit]})).status_code == 200
    assert (await client.post("/tables/1/rows/deletion", json={"ids": [7, 8]})).status_code == 200


async def page(client: QuartClient, address: str, status: int = 200) -> Any:
    answer = await client.get(address)
    html = await answer.get_data(as_text=True)
    assert answer.status_code == status, f"{address}: {html}"
    return html5lib.parse(html, namespaceHTMLElements=False)


def check(name: str, document: Any) -> None:
    check_frame(name, document)
    check_references(name, document)
    check_passwords(name, document)
    first = next(element for element in document.find("body").iter() if element.tag in ("a", "button", "input"))
    assert first.get("href") == "#main", f"{name}: the first stop leads past what all pages have"
    levels = [int(element.tag[1]) for element in document.iter() if element.tag in ("h1", "h2", "h3", "h4")]
    below_main = levels[levels.index(1) :]
    jumps = [pair for pair in pairwise(below_main) if pair[1] > pair[0] + 1]
    assert not jumps, f"{name}: headings skip a level: {levels}"


def check_frame(name: str, document: Any) -> None:
    """Language, title, one heading, one main part and one header; regions of a kind differ in their names."""
    assert document.get("lang") == "en", name
    assert "Rowcast" in text(document.find("head/title")), name
    headings = [text(element) for element in document.iter("h1")]
    assert len(headings) == 1, f"{name}: {headings}"
    assert headings[0], name
    assert [element.get("id") for element in document.iter("main")] == ["main"], name
    assert len(document.findall("body/header")) == 1, name
    for kind in ("nav", "aside", "section"):
        labels = [labelled(document, element) for element in document.iter(kind)]
        assert kind == "section" or len(labels) < 2 or all(labels), f"{name}: a {kind} without a name"
        assert not [label for label, count in Counter(labels).items() if label and count > 1], f"{name}: {labels}"


def check_references(name: str, document: Any) -> None:
    """No id twice, none referred to that is not there, and every field has a label."""
    ids = [element.get("id") for element in document.iter() if element.get("id")]
    assert not [found for found, count in Counter(ids).items() if count > 1], name
    for element in document.iter():
        for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "form"):
            missing = set((element.get(attribute) or "").split()) - set(ids)
            assert not missing, f"{name}: {attribute} of {element.tag} names {missing}"
    labels = {element.get("for") for element in document.iter("label")}
    inside = {field for label in document.iter("label") for field in label.iter()}
    for field in document.iter():
        is_field = field.tag in ("input", "select", "textarea") and field.get("type") != "hidden"
        has_label = field.get("id") in labels or field in inside or field.get("aria-label")
        assert not is_field or has_label, f"{name}: {field.get('name')} has no label"


def check_passwords(name: str, document: Any) -> None:
    """Masked, and known to programs that keep them (OWASP ASVS 5.0, 6.2.6 and 6.2.7)."""
    for field in document.iter("input"):
        if field.get("name") in ("password", "current"):
            assert field.get("type") == "password", f"{name}: {field.get('name')} can be read"
            assert field.get("autocomplete") in ("current-password", "new-password"), name
            assert not {"onpaste", "readonly"} & set(field.keys()), name


def check_way_out(name: str, document: Any) -> None:
    """Signing out is a button of every page (OWASP ASVS 5.0, 7.4.4)."""
    assert "/logout" in [form.get("action") for form in document.iter("form")], name


def labelled(document: Any, element: Any) -> str:
    if label_id := element.get("aria-labelledby"):
        return text(next(found for found in document.iter() if found.get("id") == label_id))
    return str(element.get("aria-label") or "")


def text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
