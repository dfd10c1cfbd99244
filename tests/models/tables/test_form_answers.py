"""Answering a form: one row, one change set, judged like an edit, and never one answer too many."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from settings import Settings
from tests.forms import FIELDS, OWNER, SOURCE, MadeForm, add_form
from tests.helpers import sign_up
from tests.models.tables.test_forms import require
from tests.people import settle
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.database import Database
from webapp.extensions import db
from webapp.models import Actor, ChangeSet, FormAnswer, Table, TableForm, utc_now
from webapp.models.errors import NotFound
from webapp.models.tables import columns, editing, form_answers, forms
from webapp.models.tables.change_set import Entry, cells_from_json, entries_of
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.form_answers import (
    Answer,
    AnsweredAlready,
    AnswerRefused,
    FormIncomplete,
    FormUnavailable,
    QuestionsChanged,
    SignInNeeded,
)
from webapp.models.tables.history_query import SetInfo, find_set
from webapp.models.tables.table_form import Ask, FormField, FormState, find_public_form
from webapp.web.application import Application

EVE = Actor(2, "eve@example.org", "Eve", "member")
KIM = Actor(3, "kim@example.org", "Kim", "guest")


@pytest.fixture
async def table_id(app: Application, settings: Settings) -> int:
    await sign_up(app.test_client())
    for actor in (EVE, KIM):
        await settle(app, actor.email, name=actor.name)
    return add_table(settings.data_dir, PLANETS, PLANET_ROWS)


@pytest.fixture
def database(app: Application) -> Database:
    return db.of(app)


async def answer(
    database: Database, form: MadeForm, given: dict[int, str], actor: Actor | None = None, seen: str | None = None
) -> Answer:
    if seen is None:
        seen = await database.read(lambda connection: find_public_form(connection, form.token).seen)
    return await database.write(form_answers.answer_form, form.token, seen, given, actor)


async def read_set(database: Database, found: Answer) -> tuple[SetInfo, list[Entry]]:
    return await database.read(
        lambda connection: (
            find_set(connection, found.table_id, found.seq),
            entries_of(connection, found.table_id, found.seq),
        )
    )


async def cells_of(database: Database, found: Answer) -> dict[int, str]:
    _, entries = await read_set(database, found)
    return cells_from_json(entries[0].after or "{}")


async def rows(database: Database, table_id: int) -> int:
    async with database.reading() as session:
        return (await session.get_one(Table, table_id)).row_count


async def test_an_answer_is_a_row_and_a_change_of_nobody_via_the_form(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id)

    found = await answer(database, form, {1: "Pluto", 2: "5", 4: "No"}, EVE)

    one, entries = await read_set(database, found)
    assert (one.actor_id, one.via, one.form, one.kind) == (None, "form", "New planets", "rows.add")
    assert cells_from_json(entries[0].after or "") == {1: "Pluto", 2: "5", 3: "", 4: "no", 5: ""}
    assert (found.row_id, await rows(database, table_id)) == (9, 9)


async def test_what_the_form_does_not_ask_for_is_not_set(database: Database, settings: Settings, table_id: int) -> None:
    fixed = FormField(4, "Rings", Ask.FIXED, default="yes")
    form = await add_form(database, settings, table_id, FormField(1, "Planet"), fixed)

    found = await answer(database, form, {1: "Pluto", 2: "77", 4: "no", 99: "x"})

    assert await cells_of(database, found) == {1: "Pluto", 2: "", 3: "", 4: "yes", 5: ""}


async def test_all_that_is_wrong_is_said_at_once_and_nothing_is_saved(
    database: Database, settings: Settings, table_id: int
) -> None:
    color = FormField(3, "Radius", choices=("1.0", "2.0"))
    form = await add_form(database, settings, table_id, *FIELDS, color)

    with pytest.raises(AnswerRefused) as refused:
        await answer(database, form, {2: "many", 3: "3.0"})

    assert refused.value.reasons[1] == "This needs an answer."
    assert refused.value.reasons[3] == "Choose one of these."
    assert "many" in refused.value.reasons[2]
    with pytest.raises(AnswerRefused, match="Use at most"):
        await answer(database, form, {1: "x" * 10_001})
    assert await rows(database, table_id) == 8


@pytest.mark.parametrize("given", [{}, {1: ""}, {1: "  "}])
async def test_an_empty_answer_is_none(
    database: Database, settings: Settings, table_id: int, given: dict[int, str]
) -> None:
    form = await add_form(database, settings, table_id, FormField(1, "Planet"), FormField(4, "Rings", Ask.ADDRESS))

    with pytest.raises(AnswerRefused, match="at least one"):
        await answer(database, form, given | {4: "yes"})


async def test_an_answer_that_may_be_given_once_does_not_say_where_it_is(
    database: Database, settings: Settings, table_id: int
) -> None:
    await require(database, table_id, 1, unique=True)
    form = await add_form(database, settings, table_id)

    with pytest.raises(AnswerRefused) as refused:
        await answer(database, form, {1: "Mars"})

    assert refused.value.reasons == {1: "Somebody has given this answer already, and no two may be the same."}


async def test_of_two_at_once_for_the_last_place_one_gets_it(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id, max_answers=3)
    seen = await database.read(lambda connection: find_public_form(connection, form.token).seen)

    tries = (answer(database, form, {1: f"Planet {number}"}, seen=seen) for number in range(10))
    ended = await asyncio.gather(*tries, return_exceptions=True)

    refused = [error for error in ended if isinstance(error, FormUnavailable)]
    assert (len(refused), {error.state for error in refused}) == (7, {FormState.FULL})
    assert await rows(database, table_id) == 11


async def test_each_person_answers_once_and_is_named(database: Database, settings: Settings, table_id: int) -> None:
    form = await add_form(database, settings, table_id, one_each=True)

    tries = (answer(database, form, {1: "Pluto"}, actor) for actor in (EVE, EVE, KIM, EVE))
    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(error, AnsweredAlready) for error in ended) == 2
    with pytest.raises(SignInNeeded):
        await answer(database, form, {1: "Pluto"})
    async with database.reading() as session:
        assert set(await session.scalars(select(FormAnswer.user_id))) == {EVE.id, KIM.id}
        assert set(await session.scalars(select(ChangeSet.actor_id))) == {EVE.id, KIM.id}


async def test_somebody_whose_account_has_just_gone_has_to_sign_in(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id, one_each=True)

    with pytest.raises(SignInNeeded):
        await answer(database, form, {1: "Pluto"}, Actor(99, "gone@example.org", "Gone", "member"))


async def test_an_answer_that_is_refused_is_no_answer_of_the_person(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id, one_each=True, max_answers=1)
    with pytest.raises(AnswerRefused):
        await answer(database, form, {1: "Pluto", 2: "many"}, EVE)

    await answer(database, form, {1: "Pluto", 2: "5"}, EVE)

    async with database.reading() as session:
        assert (await session.get_one(TableForm, form.id)).answers == 1


async def test_closing_time_is_that_of_the_change(database: Database, settings: Settings, table_id: int) -> None:
    now, hour = utc_now(), timedelta(hours=1)
    early = await add_form(database, settings, table_id, opens_at=now + hour)
    late = await add_form(database, settings, table_id, closes_at=now - hour)
    off = await add_form(database, settings, table_id, is_on=False)

    for form, state in ((early, FormState.EARLY), (late, FormState.CLOSED), (off, FormState.CLOSED)):
        with pytest.raises(FormUnavailable) as refused:
            await answer(database, form, {1: "Pluto"})
        assert refused.value.state is state


async def test_a_form_that_changes_while_it_is_filled_in_is_looked_through_once_more(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id)
    seen = await database.read(lambda connection: find_public_form(connection, form.token).seen)
    await database.write(columns.delete_column, OWNER, table_id, 2)

    with pytest.raises(QuestionsChanged):
        await answer(database, form, {1: "Pluto", 2: "5"}, seen=seen)

    found = await answer(database, form, {1: "Pluto", 2: "5"})
    assert await cells_of(database, found) == {1: "Pluto", 3: "", 4: "", 5: ""}


async def test_a_renamed_or_moved_column_changes_nothing(database: Database, settings: Settings, table_id: int) -> None:
    form = await add_form(database, settings, table_id)
    seen = await database.read(lambda connection: find_public_form(connection, form.token).seen)
    before = {"title": "Planet", "rules": {}, "behind": 0}
    await database.write(columns.change_column, OWNER, table_id, 1, before, before | {"title": "World", "behind": 3})

    found = await answer(database, form, {1: "Pluto"}, seen=seen)

    assert (await cells_of(database, found))[1] == "Pluto"


async def test_a_form_whose_table_demands_more_by_now_takes_no_answers(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id)
    await require(database, table_id, 3)

    with pytest.raises(FormIncomplete):
        await answer(database, form, {1: "Pluto"})


async def test_a_fixed_text_that_does_not_fit_any_more_is_no_fault_of_who_answers(
    database: Database, settings: Settings, table_id: int
) -> None:
    hidden = FormField(5, "Seen", Ask.FIXED, default="1930-02-18")
    form = await add_form(database, settings, table_id, FormField(1, "Planet"), hidden)
    before = {"title": "Seen", "rules": {}, "behind": 4}
    only = before | {"rules": {"choices": ["1610-09-01"]}}
    await database.write(columns.change_column, OWNER, table_id, 5, before, only)

    with pytest.raises(FormIncomplete):
        await answer(database, form, {1: "Pluto"})


@pytest.mark.parametrize("what", ["form", "table"])
async def test_a_deleted_form_and_the_form_of_a_deleted_table_are_not_there(
    database: Database, settings: Settings, table_id: int, what: str
) -> None:
    form = await add_form(database, settings, table_id)
    seen = await database.read(lambda connection: find_public_form(connection, form.token).seen)
    if what == "form":
        await database.write(forms.delete_form, OWNER, SOURCE, table_id, form.id)
    else:
        await database.write(delete_table, OWNER, table_id)

    with pytest.raises(NotFound):
        await answer(database, form, {1: "Pluto"}, seen=seen)


async def test_an_answer_is_undone_like_any_change_and_stays_counted(
    database: Database, settings: Settings, table_id: int
) -> None:
    from webapp.models.tables.undo import revert

    form = await add_form(database, settings, table_id, max_answers=1)
    found = await answer(database, form, {1: "Pluto"})

    await database.write(revert, OWNER, table_id, found.seq)

    assert await rows(database, table_id) == 8
    with pytest.raises(FormUnavailable):
        await answer(database, form, {1: "Eris"})


async def test_thousands_of_answers_are_rows_and_sets_of_their_own(
    database: Database, settings: Settings, table_id: int
) -> None:
    form = await add_form(database, settings, table_id)
    seen = await database.read(lambda connection: find_public_form(connection, form.token).seen)

    for first in range(0, 2_000, 50):
        await asyncio.gather(*(answer(database, form, {1: f"P{first + n}"}, seen=seen) for n in range(50)))

    async with database.reading() as session:
        assert (await session.get_one(TableForm, form.id)).answers == 2_000
        sets: Any = await session.scalar(select(func.count()).where(ChangeSet.form_id == form.id))
    assert (sets, await rows(database, table_id)) == (2_000, 2_008)


async def test_who_changes_the_cell_of_an_answer_hears_where_it_came_from(
    database: Database, settings: Settings, table_id: int
) -> None:
    from webapp.models.tables.latest_changes import latest_changes

    form = await add_form(database, settings, table_id)
    found = await answer(database, form, {1: "Pluto"})

    edit = editing.CellEdit(found.row_id, 1, "Something else", "Eris")
    result = await database.write(editing.change_cells, OWNER, table_id, [edit])

    assert result.conflicts
    latest = await database.read(lambda connection: latest_changes(connection, table_id, [(found.row_id, 1)]))
    assert latest[found.row_id, 1].name == "the form New planets"
