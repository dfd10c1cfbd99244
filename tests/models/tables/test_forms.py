"""Forms of a table: who makes them, what they may be, and that nobody overwrites what they have not seen."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from settings import Settings
from tests.forms import FIELDS, OWNER, SOURCE, add_form, made
from tests.helpers import delete_what_is_old, sign_up
from tests.people import settle
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.database import Database
from webapp.db.keys import sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor, AuditEvent, Member, TableForm, TableRole, utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.retention import RECORD_RETENTION
from webapp.models.tables import columns, forms
from webapp.models.tables.form_checks import FormRefused, FormSettings, is_origin, is_web_address
from webapp.models.tables.table_form import Ask, FormField, FormState, find_public_form
from webapp.web.application import Application

EVE = Actor(2, "eve@example.org", "Eve", "member")
WANTED = FormSettings("New planets", FIELDS)


@pytest.fixture
async def table_id(app: Application, settings: Settings) -> int:
    """Ada's; Eve is there too."""
    await sign_up(app.test_client())
    await settle(app, EVE.email)
    return add_table(settings.data_dir, PLANETS, PLANET_ROWS)


@pytest.fixture
def database(app: Application) -> Database:
    return db.of(app)


async def share(work: UnitOfWork, table_id: int, role: str) -> None:
    work.session.add(Member(table_id=table_id, user_id=EVE.id, role=role))


@pytest.mark.parametrize(
    ("role", "refusal"), [(None, NotFound), (TableRole.VIEWER, NotAllowed), (TableRole.EDITOR, None)]
)
async def test_editors_make_forms(
    database: Database, settings: Settings, table_id: int, role: str | None, refusal: type[Exception] | None
) -> None:
    if role:
        await database.write(share, table_id, role)

    with pytest.raises(refusal) if refusal else nullcontext():
        form = await add_form(database, settings, table_id, actor=EVE)
        async with database.reading() as session:
            assert [found.id for found in await forms.list_forms(session, table_id)] == [form.id]


async def test_the_database_has_no_address_that_works(database: Database, settings: Settings, table_id: int) -> None:
    form = await add_form(database, settings, table_id)

    async with database.reading() as session:
        stored = await session.get_one(TableForm, form.id)
    assert len(form.token) == 43
    assert form.token not in (stored.token_hash, stored.sealed)
    assert await database.read(lambda connection: find_public_form(connection, form.token).form.id) == form.id
    with pytest.raises(NotFound):
        await database.read(lambda connection: find_public_form(connection, stored.token_hash))


async def test_a_new_address_ends_the_old_one(database: Database, settings: Settings, table_id: int) -> None:
    old = await add_form(database, settings, table_id)
    renewed = await database.write(forms.renew_address, OWNER, SOURCE, sealer(settings), table_id, old.id)

    assert made(settings, renewed).token != old.token
    await database.read(lambda connection: find_public_form(connection, made(settings, renewed).token))
    with pytest.raises(NotFound):
        await database.read(lambda connection: find_public_form(connection, old.token))


async def test_what_somebody_else_changed_is_not_overwritten(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id)
    theirs, mine = replace(WANTED, intro="Theirs"), replace(WANTED, intro="Mine")
    await database.write(forms.change_form, OWNER, table_id, form.id, form.version, theirs)

    with pytest.raises(forms.FormChanged):
        await database.write(forms.change_form, OWNER, table_id, form.id, form.version, mine)

    again = await database.write(forms.change_form, OWNER, table_id, form.id, form.version, theirs)
    assert (again.intro, again.version) == ("Theirs", 2)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("name", {"name": ""}),
    ("name", {"name": "n" * 121}),
    ("fields", {"fields": ()}),
    ("fields", {"fields": (FormField(99, "Gone"),)}),
    ("next_url", {"next_url": "javascript:alert(1)"}),
    ("origins", {"origins": ("https://a.example; script-src *",)}),
    ("closes_at", {"opens_at": utc_now(), "closes_at": utc_now() - timedelta(days=1)}),
    ("max_answers", {"max_answers": 0}),
    ("default-2", {"fields": (FormField(2, "Moons", default="many"),)}),
    ("choices-2", {"fields": (FormField(2, "Moons", choices=("1", "some")),)}),
    ("label-2", {"fields": (FormField(2, "Moons", label="x" * 301),)}),
]


@pytest.mark.parametrize(("place", "wanted"), REFUSED)
async def test_what_cannot_be_kept_is_refused_with_its_place(
    database: Database, settings: Settings, table_id: int, place: str, wanted: dict[str, Any]
) -> None:
    given = replace(WANTED, **wanted)

    with pytest.raises(FormRefused) as refused:
        await database.write(forms.create_form, OWNER, SOURCE, sealer(settings), table_id, given)

    assert refused.value.place == place


async def test_a_form_without_a_column_that_every_row_needs_is_refused(
    database: Database, settings: Settings, table_id: int
) -> None:
    await require(database, table_id, 3)

    with pytest.raises(FormRefused, match="Radius"):
        await add_form(database, settings, table_id)
    await add_form(database, settings, table_id, *FIELDS, FormField(3, "Radius", Ask.FIXED, default="1.0"))


async def require(database: Database, table_id: int, number: int, **rules: bool) -> None:
    table = await database.read(lambda connection: columns_of(connection, table_id))
    seen = {"title": table[number], "rules": {}, "behind": number - 1}
    wanted = seen | {"rules": rules or {"required": True}}
    await database.write(columns.change_column, OWNER, table_id, number, seen, wanted)


def columns_of(connection: Any, table_id: int) -> dict[int, str]:
    from webapp.models.tables.change_feed import read_columns

    return {field.number: field.title for field in read_columns(connection, table_id).fields}


async def test_a_column_whose_texts_all_differ_gets_no_fixed_text(
    database: Database, settings: Settings, table_id: int
) -> None:
    await require(database, table_id, 1, unique=True)

    with pytest.raises(FormRefused, match="ask for it instead"):
        await add_form(database, settings, table_id, FormField(1, "Planet", Ask.FIXED, default="Pluto"))


async def test_a_name_stands_for_one_field(database: Database, settings: Settings, table_id: int) -> None:
    form = await add_form(database, settings, table_id, FormField(1, "Name"), FormField(2, "name"))

    public = await database.read(lambda connection: find_public_form(connection, form.token))
    assert [field.name for field, _ in public.fields] == ["Name", "name 2"]


async def test_a_deleted_form_comes_back_with_its_address_until_it_is_forgotten(
    app: Application, database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id)
    for _ in range(2):
        await database.write(forms.delete_form, OWNER, SOURCE, table_id, form.id)
    with pytest.raises(NotFound):
        await database.read(lambda connection: find_public_form(connection, form.token))
    for _ in range(2):
        await database.write(forms.restore_form, OWNER, SOURCE, table_id, form.id)
    await database.read(lambda connection: find_public_form(connection, form.token))

    await database.write(forms.delete_form, OWNER, SOURCE, table_id, form.id)
    await delete_what_is_old(app)
    await database.write(forms.restore_form, OWNER, SOURCE, table_id, form.id)
    await database.write(age, form.id)
    await delete_what_is_old(app)

    with pytest.raises(NotFound):
        await database.write(forms.restore_form, OWNER, SOURCE, table_id, form.id)
    async with database.reading() as session:
        logged = select(AuditEvent.event).where(AuditEvent.event.like("table.form%")).order_by(AuditEvent.id)
        events = (await session.scalars(logged)).all()
    names = ["made", "switched", "deleted", "restored", "deleted", "restored"]
    assert list(events) == [f"table.form_{name}" for name in names]


async def age(work: UnitOfWork, form_id: int) -> None:
    form = await work.session.get_one(TableForm, form_id)
    form.deleted_at = utc_now() - RECORD_RETENTION - timedelta(days=1)


async def test_a_form_of_another_table_is_not_there(database: Database, settings: Settings, table_id: int) -> None:
    form = await add_form(database, settings, table_id)
    other = add_table(settings.data_dir, PLANETS, [])

    for verb in (forms.delete_form, forms.restore_form):
        with pytest.raises(NotFound):
            await database.write(verb, OWNER, SOURCE, other, form.id)


async def test_a_table_has_a_hundred_forms(
    database: Database, settings: Settings, table_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MAX_FORMS", 1)
    await add_form(database, settings, table_id)

    with pytest.raises(forms.TooManyForms):
        await add_form(database, settings, table_id)


def test_a_form_is_open_between_its_times_while_there_is_room() -> None:
    now, hour = utc_now(), timedelta(hours=1)

    def state(**given: Any) -> FormState:
        values = {"is_on": True, "answers": 3, "opens_at": None, "closes_at": None, "max_answers": None}
        return TableForm(**(values | given)).state(now)

    assert state() is FormState.OPEN
    assert state(opens_at=now, closes_at=now + hour, max_answers=4) is FormState.OPEN
    assert state(opens_at=now + hour) is FormState.EARLY
    assert state(closes_at=now) is FormState.CLOSED
    assert state(is_on=False, opens_at=now + hour) is FormState.CLOSED
    assert state(max_answers=3) is FormState.FULL


@pytest.mark.parametrize("text", ["https://a.example", "http://localhost:8000", "https://xn--bcher-kva.example"])
def test_sites_are_origins(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://*",
        "https://a.example/",
        "a.example",
        "https://a.example 'self'",
        "https://a.example;x",
        "https://Ä",
        "https://a.example,b",
        "data:",
        "https://a.example\n",
        "HTTPS://A.EXAMPLE",
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert not is_origin(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://example.org/thanks?a=b", True),
        ("http://10.0.0.1:8000", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://", False),
        ("https://example.org/a b", False),
        ("https://example.org/\r\nSet-Cookie: a=b", False),
        ("https://[", False),
        ("https://a.example:99999", False),
        ("https://Example.org?a=b;c,d", True),
        ("https://a.example;sandbox/", False),
        ("https://a.example,default-src/", False),
        ("https://a.example@b.example/", False),
        ("https://a.example\\@b.example/", False),
    ],
)
def test_whoever_has_answered_is_led_to_web_addresses_only(text: str, is_one: bool) -> None:
    assert is_web_address(text) is is_one
