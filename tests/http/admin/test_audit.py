"""The audit log: every event has a wording, filters work, and exports are complete and safe."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart.testing import QuartClient

from tests.http.admin.conftest import PARTIAL, page, text, words_in
from tests.people import EVE, window
from webapp.admin import audit, audit_query
from webapp.admin.audit_wording import EVENTS, GROUPS, describe_details, describe_event
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, Event
from webapp.web.application import Application


async def write(app: Application, *events: dict[str, Any]) -> None:
    base = {"actor": "eve@example.org", "subject": "", "address": "203.0.113.7", "agent": "curl/8", "details": {}}

    async def add(work: UnitOfWork) -> None:
        for event in events:
            work.session.add(AuditEvent(**base | event))
            await work.session.flush()

    async with app.app_context():
        await db().write(add)


def wordings_in(html: str) -> list[str]:
    """What happened, in the order of the page."""
    cells = re.findall(r'<th scope="row" class="what">(.*?)</th>', html, re.DOTALL)
    return [words_in(cell) for cell in cells]


def test_every_event_has_a_wording_and_a_group() -> None:
    assert EVENTS.keys() == set(Event)
    assert len(set(EVENTS.values())) == len(EVENTS)
    assert {event.partition(".")[0] for event in Event} == GROUPS.keys()
    assert describe_event("table.exploded") == "table.exploded"


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({}, ""),
        ({"before": "member", "role": "administrator"}, "member → administrator"),
        ({"before": "Eve", "name": "Eva"}, "Eve → Eva"),
        ({"before": "old@example.org"}, "before: old@example.org"),
        ({"sessions": 2, "again": True, "why": None}, "sessions: 2, again: yes"),
        ({"used_for": ["a", "b"]}, "used for: a, b"),
    ],
)
def test_details_are_described_in_words(details: dict[str, Any], words: str) -> None:
    assert describe_details(details) == words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("event=password.changed", ["Changed the password"]),
        ("event=password", ["Reset the password", "Changed the password"]),
        ("event=nonsense&person=zed", ["Changed a role member → guest"]),
        ("person=ZED@example.org", ["Changed a role member → guest"]),
        ("address=198.51", ["Reset the password"]),
        ("address=8.51", []),
        ("q=member+guest&event=person.role_changed", ["Changed a role member → guest"]),
        ("q=changed+a+role", ["Changed a role member → guest"]),
        ("q=firefox", ["Reset the password"]),
        ("q=%25", []),
        ("since=2026-03-01&until=2026-03-01", ["Changed the password"]),
        ("since=nonsense&until=9999-12-31&q=role+changed", ["Changed a role member → guest"]),
        ("until=2026-02-27", []),
    ],
)
async def test_each_filter_finds_the_matching_events(
    app: Application, owner: QuartClient, query: str, found: list[str]
) -> None:
    await write(
        app,
        {"event": Event.PASSWORD_CHANGED, "at": datetime(2026, 3, 1, 23, 59, tzinfo=UTC)},
        {"event": Event.PASSWORD_RESET, "address": "198.51.100.1", "agent": "Mozilla/5.0 Firefox/140"},
        {"event": Event.ROLE_CHANGED, "subject": "zed@example.org", "details": {"before": "member", "role": "guest"}},
    )
    html = await text(await owner.get(f"/admin/audit?{query}", headers=PARTIAL))

    assert wordings_in(html) == found
    assert "<html" not in html
    if not found:
        assert "No matching events" in html


async def test_days_are_in_the_readers_time_zone(app: Application, owner: QuartClient) -> None:
    async with app.app_context():
        await db().write(_live_in, "Asia/Tokyo")
    await write(app, {"event": Event.PASSWORD_CHANGED, "at": datetime(2026, 3, 1, 23, 59, tzinfo=UTC)})

    assert wordings_in(await page(owner, "/admin/audit?since=2026-03-01&until=2026-03-01")) == []
    html = await page(owner, "/admin/audit?since=2026-03-02&until=2026-03-02")
    assert "2026-03-02 08:59 JST" in html


async def _live_in(work: UnitOfWork, zone: str) -> None:
    from webapp.models import User

    for user in [await work.session.get_one(User, 1)]:
        user.time_zone = zone


async def test_the_next_page_starts_where_the_page_ended(
    app: Application, owner: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_query, "PAGE_SIZE", 3)
    await write(app, *({"event": Event.CHANGED, "details": {"n": number}} for number in range(7)))
    seen: list[str] = []
    address = "/admin/audit?event=person.changed"
    while address:
        html = await page(owner, address)
        seen += wordings_in(html)
        rows = re.search(r'hx-get="(/admin/audit/rows[^"]+)"', html)
        further = re.search(r'class="further" href="([^"]+)"', html)
        address = further[1].replace("&amp;", "&") if further else ""
        if rows:
            part = await page(owner, rows[1].replace("&amp;", "&"), headers=PARTIAL)
            assert wordings_in(part) == wordings_in(await page(owner, address))

    assert seen == [f"Changed a person n: {number}" for number in reversed(range(7))]


@pytest.mark.parametrize("before", [10**40, -1, -(10**40)])
async def test_any_number_as_a_cursor_is_answered(owner: QuartClient, before: int) -> None:
    assert (await owner.get(f"/admin/audit?before={before}")).status_code == 200


HOSTILE = '=HYPERLINK("http://evil.example")'


async def test_a_csv_export_is_safe_for_spreadsheets_and_filtered(
    app: Application, owner: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BLOCK_SIZE", 3)
    await write(app, *({"event": Event.CHANGED, "agent": HOSTILE, "subject": "+1"} for _ in range(7)))
    answer = await owner.get("/admin/audit/export?format=csv&event=person.changed")
    rows = list(csv.DictReader(io.StringIO(await text(answer))))

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-log.csv"'
    assert len(rows) == 7
    assert {(row["browser"], row["whom"], row["what"]) for row in rows} == {(f"'{HOSTILE}", "'+1", "Changed a person")}
    assert sorted(rows, key=lambda row: -int(row["number"])) == rows


async def test_an_ndjson_export_has_the_recorded_values_and_is_audited(app: Application, owner: QuartClient) -> None:
    await write(app, {"event": Event.ROLE_CHANGED, "agent": HOSTILE, "details": {"before": "a", "role": "b"}})
    answer = await owner.get("/admin/audit/export?format=ndjson")
    objects = [json.loads(line) for line in (await text(answer)).splitlines()]
    # The export itself may be among them already: it is written down while it begins.
    (changed,) = [one for one in objects if one["details"] == {"before": "a", "role": "b"}]

    assert changed["browser"] == HOSTILE
    assert datetime.fromisoformat(changed["at"]) > datetime.now(UTC) - timedelta(minutes=1)
    async with app.app_context():
        await db().wait_for_writes()
    assert wordings_in(await page(owner, "/admin/audit?event=audit"))[0] == "Exported the audit log format: ndjson"
    assert (await owner.get("/admin/audit/export?format=xml")).status_code == 422


async def test_a_refused_request_is_audited(app: Application, owner: QuartClient, administrator: QuartClient) -> None:
    eve = await window(app, EVE)
    await eve.get("/admin/audit?q=secret")
    await administrator.post("/admin/people/1/deactivation")
    await app.test_client().get("/admin/audit")  # a stranger is asked to sign in
    async with app.app_context():
        await db().wait_for_writes()
    html = await page(owner, "/admin/audit?event=access")

    assert wordings_in(html) == [
        "Was denied access method: POST, path: /admin/people/1/deactivation",
        "Was denied access method: GET, path: /admin/audit",
    ]
    assert "eve@example.org" in html


async def test_names_and_details_are_escaped_exactly_once(app: Application, owner: QuartClient) -> None:
    await write(app, {"event": Event.CHANGED, "actor": "<script>", "subject": "a & b", "agent": "<b>/1"})
    html = await page(owner, "/admin/audit")

    assert "<script>" not in html.partition('<table class="log"')[2]
    assert "a &amp; b" in html
