"""The public page of a form: strangers answer it, and learn nothing of the table."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client, make_settings
from tests.forms import FIELDS, OWNER, add_form
from tests.helpers import sign_in, sign_up
from tests.http.forms.conftest import Make, exported, send, show
from tests.models.tables.test_forms import require
from tests.people import EVE, settle, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp import create_app
from webapp.extensions import db
from webapp.models import utc_now
from webapp.models.tables import columns
from webapp.models.tables.table_form import Ask, FormField
from webapp.web.application import Application
from webapp.web.rate_limit.requests import WRITES

SEEN = re.compile(r'name="seen" value="(\w+)"')
KEY = re.compile(r'name="idempotency_key" value="([\w-]+)"')


async def fill(client: QuartClient, url: str, **texts: str) -> dict[str, str]:
    """The form of the page with these texts, by number of the column."""
    page = await show(client, url)
    seen, key = SEEN.search(page), KEY.search(page)
    assert seen
    assert key
    return {"seen": seen[1], "idempotency_key": key[1]} | {f"cell{number[1:]}": text for number, text in texts.items()}


async def test_a_stranger_answers_a_form(client: QuartClient, stranger: QuartClient, make: Make, table_id: int) -> None:
    form = await make(name="Planets <wanted>", intro="Tell us\nof one.")
    page = await show(stranger, form.url)
    assert "Planets &lt;wanted&gt;" in page
    assert "Tell us\nof one." in page
    assert "Mercury" not in page

    sent = await send(stranger, form.url, form=await fill(stranger, form.url, c1="Pluto", c2="5", c4="no"))

    assert sent.headers["Location"] == f"{form.url}/thanks"
    assert "Thank you. Your answer is saved." in await show(stranger, f"{form.url}/thanks")
    assert await exported(client, table_id) == ["Pluto,5,,no,"]
    history = await show(client, f"/tables/{table_id}/history")
    assert "Somebody added 1 row" in " ".join(re.sub(r"<[^>]+>", "", history).split())
    assert "via form Planets &lt;wanted&gt;" in history


async def test_a_page_of_a_form_is_for_its_readers_alone(stranger: QuartClient, make: Make) -> None:
    form = await make()

    for path in (form.url, f"{form.url}/thanks"):
        headers = (await stranger.get(path)).headers
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers.getlist("X-Frame-Options") == ["DENY"]
        (policy,) = headers.getlist("Content-Security-Policy")
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert "Set-Cookie" not in headers
    assert "<script" not in await show(stranger, form.url)


async def test_what_tells_one_page_of_a_form_from_another_cannot_be_guessed(stranger: QuartClient, make: Make) -> None:
    """Or somebody could try out which fixed text makes it."""
    alike = [await make(*FIELDS, FormField(3, "Radius", Ask.FIXED, default="5.0")) for _ in range(2)]

    first, second = [SEEN.findall(await show(stranger, form.url)) for form in alike]

    assert first != second


async def test_only_the_sites_of_the_form_may_embed_it(stranger: QuartClient, make: Make) -> None:
    form = await make(origins=("https://www.example.org", "http://localhost:8080"), next_url="https://a.example:8443/b")

    answers = [await stranger.get(form.url), await stranger.get(f"{form.url}/thanks"), await stranger.post(form.url)]

    for answer in answers:
        (policy,) = answer.headers.getlist("Content-Security-Policy")
        assert "frame-ancestors https://www.example.org http://localhost:8080" in policy
        assert "form-action 'self' https://a.example:8443" in policy
        assert "default-src 'self'" in policy
        assert "X-Frame-Options" not in answer.headers
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]


async def test_a_form_leads_to_the_page_that_its_editor_chose(stranger: QuartClient, make: Make) -> None:
    form = await make(next_url="https://example.org/thanks?a=b")

    sent = await send(stranger, form.url, form=await fill(stranger, form.url, c1="Pluto"))

    assert sent.headers["Location"] == "https://example.org/thanks?a=b"


async def test_what_is_refused_is_said_beside_its_field_and_what_was_typed_stays(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make(*FIELDS, FormField(3, "Radius", label="How wide?"), FormField(5, "Seen"))
    typed = await fill(stranger, form.url, c1="", c2="many moons", c3="12.5", c4="yes", c5="2026-11-28")

    page = (await send(stranger, form.url, 422, form=typed)).text

    assert 'id="cell1-error"' in page
    assert "This needs an answer." in page
    assert 'id="cell2-error"' in page
    assert 'value="many moons"' in page
    assert 'value="12.5"' in page
    assert '<option selected value="yes">' in page
    assert re.search(r'type="date"[^>]*value="2026-11-28"|value="2026-11-28"[^>]*type="date"', page)
    assert await exported(client, table_id) == []


async def test_fields_have_the_inputs_of_their_types(
    app: Application, settings: Settings, client: QuartClient, stranger: QuartClient, table_id: int
) -> None:
    kinds = {
        "When": "date",
        "Month": "date",
        "Clock": "time",
        "Both": "datetime",
        "Count": "integer",
        "Share": "decimal",
        "Took": "duration",
        "Said": "text",
    }
    cells = ("28/11/2026", "2026-11", "14:30", "2026-11-28 14:30", "1,000", "2.5", "1:30:00", "x")
    other = add_table(settings.data_dir, kinds, [cells, ("27/11/2026", "2026-10", *cells[2:])])
    fields = [FormField(number, name) for number, name in enumerate(kinds, 1)]
    form = await add_form(db.of(app), settings, other, *fields, FormField(8, "Said", is_long=True))
    page = await show(stranger, f"{form.url}?When=03/02/2026&Month=2026-01&Clock=9:05")

    def input_of(number: int) -> str:
        found = re.search(rf'<(?:input|textarea|select)[^>]*id="cell{number}"[^>]*>', page)
        assert found
        return found[0]

    assert 'type="date"' in input_of(1)
    assert 'value="2026-02-03"' in input_of(1)
    assert 'type="text"' in input_of(2)
    assert 'value="2026-01"' in input_of(2)
    assert 'type="time"' in input_of(3)
    assert 'type="datetime-local"' in input_of(4)
    assert 'inputmode="numeric"' in input_of(5)
    assert 'inputmode="decimal"' in input_of(6)
    assert 'type="text"' in input_of(7)
    assert input_of(8).startswith("<textarea")

    typed = {"c1": "2026-02-03", "c2": "2026-01", "c3": "09:05", "c4": "2026-02-03T10:15", "c5": "2000", "c6": "-1"}
    await send(stranger, form.url, form=await fill(stranger, form.url, **typed, c7="90 min", c8="a\r\nb"))

    row = (await (await client.get(f"/tables/{other}/export?format=ndjson")).get_data(as_text=True)).splitlines()[-1]
    assert '"03/02/2026"' in row
    assert '"2026-01"' in row
    assert '"09:05"' in row or '"9:05"' in row
    assert '"2026-02-03 10:15"' in row
    assert "2,000" in row or "2000" in row
    assert '"a\\nb"' in row


async def test_the_address_fills_fields_in_by_their_names(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    hidden, fixed = FormField(3, "Radius", Ask.ADDRESS), FormField(4, "Rings", Ask.FIXED, default="no")
    form = await make(FormField(1, "Planet", default="Pluto"), FormField(2, "Moons"), hidden, fixed)
    page = await show(stranger, f"{form.url}?planet=Eris%22%3E&Moons=1&Radius=1163&Rings=yes&Seen=x")

    assert 'value="Eris&#34;&gt;"' in page
    assert re.search(r'<input[^>]*name="cell3"[^>]*type="hidden"[^>]*value="1163"', page)
    assert "cell4" not in page
    assert "Rings" not in page
    typed = await fill(stranger, form.url, c1="Eris", c2="1", c3="1163", c4="yes", c5="2005-01-05")
    await send(stranger, form.url, form=typed)
    assert await exported(client, table_id) == ["Eris,1,1163.0,no,"]


async def test_a_hidden_text_that_does_not_fit_is_said_above_the_form(stranger: QuartClient, make: Make) -> None:
    form = await make(FormField(1, "Planet"), FormField(3, "Radius", Ask.ADDRESS, label="Width"))

    page = (await send(stranger, form.url, 422, form=await fill(stranger, form.url, c1="Eris", c3="wide"))).text

    assert 'role="alert"' in page
    assert "Width: " in page


async def test_sending_twice_makes_one_row(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    typed = await fill(stranger, form.url, c1="Pluto")

    sent = await asyncio.gather(*(send(stranger, form.url, form=typed) for _ in range(4)))

    assert {each.headers["Location"] for each in sent} == {f"{form.url}/thanks"}
    assert await exported(client, table_id) == ["Pluto,,,,"]
    await send(stranger, form.url, form=typed | {"cell1": "Eris"})
    await send(stranger, form.url, form=await fill(stranger, form.url, c1="Pluto"))
    assert await exported(client, table_id) == ["Pluto,,,,", "Eris,,,,", "Pluto,,,,"]


async def test_the_same_key_at_another_form_is_another_answer(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    one, other = await make(), await make()
    headers = {"Idempotency-Key": "a1"}

    for form in (one, other, one):
        await send(stranger, form.url, 201, json={"Planet": "Pluto"}, headers=headers)

    assert len(await exported(client, table_id)) == 2
    await send(stranger, one.url, 422, json={"Planet": "Eris"}, headers=headers)


async def test_a_program_sends_json_and_gets_errors_that_it_can_read(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make(thanks="Thanks!", next_url="https://example.org/")

    sent = await stranger.post(form.url, json={"planet": "Pluto", "Moons": 5, "Rings": False})
    assert sent.status_code == 201
    assert await sent.get_json() == {"message": "Thanks!", "next": "https://example.org/"}
    assert await exported(client, table_id) == ["Pluto,5,,no,"]

    refused = await stranger.post(form.url, json={"Planet": None, "Moons": "many"})
    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")
    errors = {error["field"]: error["message"] for error in (await refused.get_json())["errors"]}
    assert errors["Planet"] == "This needs an answer."
    assert "many" in errors["Moons"]
    empty = await stranger.post(form.url, json={})
    assert empty.status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Planet": "Pluto", "Radius": "1"}, 422),
        ({"Planet": "Pluto", "Sun": "1"}, 422),
        ({"Planet": ["Pluto"]}, 400),
        (["Pluto"], 400),
        ({"Planet": "x" * 10_001}, 422),
        ({"Planet": "a\0b"}, 201),
        ({"Planet": "\ud800"}, 422),
        ({"Planet": "Pluto", "\ud800": "x"}, 422),
    ],
)
async def test_what_a_program_must_not_set_is_refused_by_name(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int, body: Any, status: int
) -> None:
    form = await make()

    answer = await stranger.post(form.url, json=body)

    assert answer.status_code == status, await answer.get_data(as_text=True)
    assert answer.content_type.startswith("application/")
    assert len(await exported(client, table_id)) == (status == 201)


@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, '"x"', "null", "\xff"])
async def test_a_body_that_is_no_json_object_is_a_mistake_of_the_program(
    stranger: QuartClient, make: Make, body: str
) -> None:
    form = await make()

    answer = await stranger.post(form.url, data=body.encode("latin1"), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


async def test_who_sends_the_last_answer_twice_is_thanked_twice(
    app: Application, client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    last = await make(max_answers=1)
    typed = await fill(stranger, last.url, c1="Pluto")
    for _ in range(2):
        assert (await send(stranger, last.url, form=typed)).headers["Location"] == f"{last.url}/thanks"
    await send(stranger, last.url, 410, form=typed | {"cell1": "Eris"})

    once = await make(one_each=True)
    await settle(app, EVE.email)
    eve = await window(app, EVE)
    typed = await fill(eve, once.url, c1="Eris")
    for _ in range(2):
        assert (await send(eve, once.url, form=typed)).headers["Location"] == f"{once.url}/thanks"
    assert await exported(client, table_id) == ["Pluto,,,,", "Eris,,,,"]


async def test_a_page_with_a_nul_in_it_is_refused(stranger: QuartClient, make: Make) -> None:
    form = await make()

    page = (await send(stranger, form.url, 422, form=await fill(stranger, form.url, c1="a\0b"))).text

    assert "a character that cannot be kept" in page


async def test_a_body_that_is_too_large_is_refused(stranger: QuartClient, make: Make) -> None:
    form = await make()

    assert (await stranger.post(form.url, form={"cell1": "x" * 2_000_000})).status_code == 413
    answer = await stranger.post(form.url, json={"Planet": "x" * 2_000_000})
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


async def test_a_field_that_people_do_not_see_has_to_stay_empty(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    typed = await fill(stranger, form.url, c1="Buy now")

    page = (await send(stranger, form.url, 422, form=typed | {"homepage": "https://spam.example"})).text

    assert "tells people from programs" in page
    assert 'value="Buy now"' in page
    assert await exported(client, table_id) == []
    await send(stranger, form.url, form=typed | {"homepage": ""})


async def test_a_client_that_sends_too_much_has_to_wait(
    stranger: QuartClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await make()
    monkeypatch.setattr("webapp.web.local_limit.monotonic", lambda: 1_000_000.0)  # no time passes between them

    answers = [await stranger.post(form.url, json={"Planet": str(number)}) for number in range(WRITES + 1)]

    assert {answer.status_code for answer in answers[:WRITES]} == {201}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].content_type == "application/problem+json"
    await show(stranger, form.url)


async def test_another_site_cannot_answer_in_somebodys_name(client: QuartClient, make: Make, table_id: int) -> None:
    form = await make()
    typed = await fill(client, form.url, c1="Pluto")

    await send(client, form.url, 403, form=typed, headers={"Sec-Fetch-Site": "cross-site"})
    await send(
        client, form.url, 403, json={"Planet": "x"}, headers={"Sec-Fetch-Site": "", "Origin": "https://a.example"}
    )

    assert await exported(client, table_id) == []


async def test_an_address_that_is_none_and_a_deleted_form_look_the_same(
    client: QuartClient, stranger: QuartClient, make: Make
) -> None:
    form = await make()
    await send(client, f"{form.page}/deletion")
    gone, unknown = await show(stranger, form.url, 404), await show(stranger, "/f/" + "t" * 43, 404)

    assert _without_numbers(gone) == _without_numbers(unknown)
    await send(stranger, form.url, 404, form={"cell1": "x"})
    await show(stranger, f"{form.url}/thanks", 404)
    await send(client, f"{form.page}/restoration")
    await show(stranger, form.url)


def _without_numbers(page: str) -> str:
    return re.sub(r"[0-9a-f]{16}", "", page)


async def test_a_form_of_a_deleted_table_is_not_there(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    await client.post(f"/tables/{table_id}/deletion")

    await show(stranger, form.url, 404)


@pytest.mark.parametrize(
    ("more", "status", "code", "words"),
    [
        ({"is_on": False}, 410, "closed", "This form is closed"),
        ({"closes_at": utc_now() - timedelta(hours=1)}, 410, "closed", "This form is closed"),
        ({"opens_at": utc_now() + timedelta(hours=1)}, 409, "early", "not open yet"),
    ],
)
async def test_a_form_that_takes_no_answers_says_so(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int, more: Any, status: int, code: str, words: str
) -> None:
    form = await make(**more)

    assert words in await show(stranger, form.url, status)
    assert words in (await send(stranger, form.url, status, form={"cell1": "Pluto"})).text
    answer = await stranger.post(form.url, json={"Planet": "Pluto"})
    assert (answer.status_code, (await answer.get_json())["errors"]) == (status, [{"code": code}])
    assert await exported(client, table_id) == []


async def test_the_last_place_is_given_once(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make(max_answers=1)
    typed = [await fill(stranger, form.url, c1=f"P{number}") for number in range(4)]

    answers = await asyncio.gather(*(stranger.post(form.url, form=each) for each in typed))

    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410]
    assert "has all the answers that it takes" in await show(stranger, form.url, 410)
    assert len(await exported(client, table_id)) == 1


async def test_one_answer_a_person_takes_signing_in(
    app: Application, client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make(one_each=True)
    await settle(app, EVE.email, name="Eve")
    page = await show(stranger, form.url, 401)
    assert f'href="/login?next={form.url}"' in page
    assert (await (await stranger.post(form.url, json={"Planet": "x"})).get_json())["errors"] == [{"code": "sign_in"}]

    eve = await window(app, EVE)
    assert "You answer as Eve" in await show(eve, form.url)
    await send(eve, form.url, form=await fill(eve, form.url, c1="Pluto"))

    assert "You have answered this form already" in await show(eve, form.url, 409)
    assert "Send another" not in await show(eve, f"{form.url}/thanks")
    assert await exported(client, table_id) == ["Pluto,,,,"]
    history = await show(client, f"/tables/{table_id}/history")
    assert "Eve added 1 row" in " ".join(re.sub(r"<[^>]+>", "", history).split())


async def test_whoever_is_signed_in_stays_unnamed_where_the_form_does_not_ask(
    app: Application, client: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()

    await send(client, form.url, form=await fill(client, form.url, c1="Pluto"))

    history = " ".join(re.sub(r"<[^>]+>", "", await show(client, f"/tables/{table_id}/history")).split())
    assert "Somebody added 1 row" in history
    async with db.of(app).reading() as session:
        from sqlalchemy import select

        from webapp.models import IdempotencyKey

        assert set(await session.scalars(select(IdempotencyKey.owner_id))) == {None}


async def test_a_form_whose_columns_change_meanwhile_comes_again_with_what_was_typed(
    app: Application, client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    typed = await fill(stranger, form.url, c1="Pluto", c2="5")
    await db.of(app).write(columns.delete_column, OWNER, table_id, 2)

    page = (await send(stranger, form.url, 409, form=typed)).text

    assert "was changed while you filled it in" in page
    assert 'value="Pluto"' in page
    assert "cell2" not in page
    await send(stranger, form.url, form=await fill(stranger, form.url, c1="Pluto", c2="5"))
    assert await exported(client, table_id) == ["Pluto,,,"]


async def test_a_form_that_its_table_makes_impossible_says_so_to_everybody(
    app: Application, client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()
    await require(db.of(app), table_id, 3)

    assert "cannot save answers at the moment" in await show(stranger, form.url, 409)
    assert "Radius" not in await show(stranger, form.url, 409)
    assert "The table needs a text in Radius" in await show(client, form.page)


async def test_an_answer_that_somebody_has_given_is_refused_without_saying_where(
    app: Application, stranger: QuartClient, make: Make, table_id: int
) -> None:
    await require(db.of(app), table_id, 1, unique=True)
    form = await make()

    page = (await send(stranger, form.url, 422, form=await fill(stranger, form.url, c1="Mars"))).text

    assert "Somebody has given this answer already" in page
    assert "row" not in re.sub(r"<[^>]+>", "", page).lower().split()


async def test_the_choices_of_the_column_beyond_those_of_the_form_are_not_named(
    app: Application, stranger: QuartClient, make: Make, table_id: int
) -> None:
    before = {"title": "Planet", "rules": {}, "behind": 0}
    only = before | {"rules": {"choices": ["Pluto", "Eris", "Secret"]}}
    await db.of(app).write(columns.change_column, OWNER, table_id, 1, before, only)
    form = await make(FormField(1, "Planet", choices=("Pluto", "Eris")))
    assert "Secret" not in await show(stranger, form.url)

    for text in ("Secret", "Mars"):
        page = (await send(stranger, form.url, 422, form=await fill(stranger, form.url, c1=text))).text
        assert "Choose one of these." in page
        assert text == "Secret" or "Secret" not in page


async def test_a_form_works_without_a_key_and_a_page_that_was_never_seen_comes_again(
    client: QuartClient, stranger: QuartClient, make: Make, table_id: int
) -> None:
    form = await make()

    await send(stranger, form.url, 409, form={"cell1": "Pluto"})

    assert await exported(client, table_id) == []


async def test_the_path_of_a_form_is_masked_in_the_log(
    stranger: QuartClient, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    from webapp.web.observability import redact

    form = await make()

    assert redact(None, "", {"path": form.url})["path"] == "/f/[redacted]"


async def test_behind_a_public_origin_a_form_is_sent_from_its_own_page_only(settings: Settings) -> None:
    app = create_app(make_settings(settings.data_dir, public_origin="https://rows.example.org"))
    app.test_client_class = Client
    async with app.test_app():
        client = app.test_client()
        headers = {"Host": "rows.example.org", "Sec-Fetch-Site": "", "Origin": "https://other.example"}
        assert (await client.post("/f/" + "t" * 43, form={}, headers=headers)).status_code == 403


async def test_signing_in_leads_back_to_the_form(app: Application, stranger: QuartClient, make: Make) -> None:
    form = await make(one_each=True)
    await settle(app, EVE.email)
    await sign_in(stranger, EVE)

    await show(stranger, form.url)


async def test_a_password_alone_answers_for_nobody_where_the_server_demands_a_second_factor(
    settings: Settings,
) -> None:
    settings = make_settings(settings.data_dir, second_factor="everybody")
    app = create_app(settings)
    app.test_client_class = Client
    async with app.test_app():
        client = app.test_client()
        await sign_up(client)
        table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS)
        form = await add_form(db.of(app), settings, table_id, one_each=True)

        page = await show(client, form.url, 401)
        sent = await send(client, form.url, 401, json={"Planet": "Pluto"})

        assert 'href="/account/second-factor"' in page
        assert "You answer as" not in page
        assert "sign_in" in sent.text
