"""Links to a table: who comes by one sees what it shows, is nobody else, and finds out nothing more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from settings import Settings
from tests.tables import add_table
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import broker, db, sealer
from webapp.models import Action, Actor, AuditEvent, AuditSource, Column, Link, Table, User, is_allowed, utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import TableRole
from webapp.models.tables import linking
from webapp.models.tables.access import TableAccess, find_access
from webapp.models.tables.change_log import ACCESS_CHANGED, topic_of
from webapp.models.tables.columns import add_column, delete_column
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.editing import CellEdit, add_rows, change_cells, delete_rows
from webapp.models.tables.linking import LinkTerms
from webapp.models.tables.members import add_member
from webapp.models.tables.undo import undo_latest
from webapp.rowstore import row_reader
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.web.application import Application

GRACE = Actor(2, "grace@example.org", "Grace", "member")  # owns the table
EVE = Actor(3, "eve@example.org", "Eve", "member")
COLUMNS = {"name": "text", "salary": "integer", "team": "text"}
ROWS = [("Ada", "100", "red"), ("Bob", "200", "blue"), ("Cy", "300", "red")]
RED = (("f.3", "eq:red"),)
BOARD = LinkTerms("Board")


@pytest.fixture
async def table_id(app: Application, settings: Settings) -> AsyncIterator[int]:
    async def keep(work: UnitOfWork) -> None:
        for who in (Actor(1, "ada@example.org", "Ada", "owner"), GRACE, EVE):
            work.session.add(User(id=who.id, email=who.email, name=who.name, password_hash="x", role=who.role))

    async with app.app_context():
        await db().write(keep)
        yield add_table(settings.data_dir, COLUMNS, ROWS, owner=GRACE.id)


async def act(verb: Any, actor: Actor, *args: Any, **options: Any) -> Any:
    return await db().write(verb, actor, AuditSource(actor.id, actor.email), *args, **options)


async def make_link(
    table_id: int, actor: Actor = GRACE, *, scope: Any = (), shown: Any = None, **terms: Any
) -> tuple[Link, str]:
    terms = {"name": "Press", **terms}
    made: tuple[Link, str] = await act(linking.create_link, actor, sealer(), table_id, LinkTerms(**terms), scope, shown)
    return made


async def visit(table_id: int, **options: Any) -> Actor:
    _, token = await make_link(table_id, **options)
    return (await linking.find_visit(db(), token)).actor


def titles(access: TableAccess) -> list[str]:
    return [column.title for column in access.table.columns]


async def names(actor: Actor, table_id: int, *args: tuple[str, str]) -> list[str]:
    """The first cells of the rows that this actor sees."""

    def read(connection: Any) -> list[str]:
        ref = TableAccess.require(connection, actor, table_id, Action.READ_TABLE).table.ref
        page = row_reader(connection).page(ref, TableQuery.from_args(list(args), ref.fields))
        return [cells[0] for _, cells in page.rows]

    return await db().read(read)


async def test_a_link_opens_the_table_for_somebody_without_an_account(table_id: int) -> None:
    link, token = await make_link(table_id)

    visit = await linking.find_visit(db(), token)

    actor = visit.actor
    assert (visit.table_id, actor.link_id, actor.session_id) == (table_id, link.id, None)
    access = await find_access(db(), actor, table_id)
    assert (access.table.title, access.table_role) == ("Planets", TableRole.VIEWER)
    assert titles(access) == ["name", "salary", "team"]
    assert await names(actor, table_id) == ["Ada", "Bob", "Cy"]


async def test_it_shows_the_columns_and_rows_that_were_chosen_and_no_others(table_id: int) -> None:
    actor = await visit(table_id, scope=RED, shown=[1])

    access = await find_access(db(), actor, table_id)

    assert titles(access) == ["name"]
    assert (access.table.row_count, access.table.next_row_id) == (0, 1)
    assert await names(actor, table_id) == ["Ada", "Cy"]
    assert await names(actor, table_id, ("q", "300")) == []
    for args in ([("f.2", "eq:100")], [("sort", "3")], [("cols", "2")]):
        with pytest.raises(QueryError, match=r"no column number [23]"):
            await names(actor, table_id, *args)
    whole = await find_access(db(), GRACE, table_id)
    assert (titles(whole), whole.table.row_count) == (["name", "salary", "team"], 3)


async def test_columns_to_come_are_shown_only_by_a_link_to_all(table_id: int) -> None:
    everything, chosen = await visit(table_id), await visit(table_id, shown=[1])

    async def add_column(work: UnitOfWork) -> None:
        work.session.add(Column(table_id=table_id, number=4, position=4, title="new", type="text"))

    await db().write(add_column)

    assert "new" in titles(await find_access(db(), everything, table_id))
    assert titles(await find_access(db(), chosen, table_id)) == ["name"]


async def test_a_link_whose_condition_cannot_be_met_any_more_shows_nothing(table_id: int) -> None:
    """Leaving the condition out would show more than was meant."""
    by_team, by_name = await visit(table_id, scope=RED, shown=[1]), await visit(table_id, shown=[3])

    async def delete_team(work: UnitOfWork) -> None:
        column = await work.session.scalar(select(Column).where(Column.title == "team"))
        assert column is not None
        column.deleted_at = utc_now()

    await db().write(delete_team)

    for actor in (by_team, by_name):
        with pytest.raises(NotFound):
            await find_access(db(), actor, table_id)


async def test_who_comes_by_a_link_only_looks_and_only_at_its_table(table_id: int, settings: Settings) -> None:
    actor = await visit(table_id)
    other = add_table(settings.data_dir, COLUMNS, ROWS, owner=GRACE.id)

    assert [action for action in Action if is_allowed(actor, action)] == [Action.READ_TABLE, Action.EDIT_ROWS]
    with pytest.raises(NotFound):
        await find_access(db(), actor, other)
    for verb, argument in (
        (change_cells, [CellEdit(1, 1, "Ada", "Eve")]),
        (add_rows, [{1: "Eve"}]),
        (delete_rows, [1]),
    ):
        with pytest.raises(NotAllowed):
            await db().write(verb, actor, table_id, argument)
    with pytest.raises(NotAllowed):
        await act(linking.create_link, actor, sealer(), table_id, LinkTerms("More"))
    assert await names(GRACE, table_id) == ["Ada", "Bob", "Cy"]


async def test_who_comes_by_a_link_that_allows_it_edits_rows_and_nothing_else(table_id: int) -> None:
    actor = await visit(table_id, may_edit=True)
    everything = await find_access(db(), actor, table_id, Action.EDIT_ROWS)

    assert [action for action in Action if is_allowed(actor, action, everything)] == [
        Action.READ_TABLE,
        Action.EDIT_ROWS,
    ]
    await db().write(change_cells, actor, table_id, [CellEdit(1, 1, "Ada", "Eva")])
    for verb, arguments in ((undo_latest, ()), (add_column, ("more", "text", 0)), (delete_column, (2,))):
        with pytest.raises(NotAllowed):
            await db().write(verb, actor, table_id, *arguments)
    assert await names(GRACE, table_id) == ["Eva", "Bob", "Cy"]


async def test_a_person_is_never_taken_for_a_link_nor_a_link_for_a_person(table_id: int) -> None:
    link, _ = await make_link(table_id)
    stranger, forged = replace(EVE, id=link.id), replace(EVE, id=-link.id)

    for actor in (stranger, forged, EVE):
        with pytest.raises(NotFound):
            await find_access(db(), actor, table_id)


async def test_an_unknown_a_revoked_and_a_deleted_tables_link_are_one_and_the_same(table_id: int) -> None:
    link, revoked = await make_link(table_id)
    _, of_deleted = await make_link(table_id)
    actor = (await linking.find_visit(db(), revoked)).actor
    async with broker().subscribe([topic_of(table_id)]) as events:
        assert await act(linking.revoke_link, GRACE, table_id, link.id) == "Press"
        assert await events.get() == ACCESS_CHANGED  # open pages look again
    await db().write(delete_table, GRACE, table_id)

    refusals = set[str]()
    for token in ("", "x" * 43, revoked, of_deleted):
        with pytest.raises(NotFound) as caught:
            await linking.find_visit(db(), token)
        refusals.add(str(caught.value))

    assert len(refusals) == 1
    with pytest.raises(NotFound):
        await find_access(db(), actor, table_id)


async def test_open_pages_of_a_link_are_read_for_until_it_is_revoked(table_id: int) -> None:
    link, token = await make_link(table_id)
    actor = (await linking.find_visit(db(), token)).actor

    async def readers() -> dict[int, TableRole]:
        return await db().read(lambda connection: TableAccess.of_readers(connection, [GRACE, EVE, actor], table_id))

    assert await readers() == {GRACE.id: TableRole.OWNER, actor.id: TableRole.VIEWER}
    await act(linking.revoke_link, GRACE, table_id, link.id)
    assert await readers() == {GRACE.id: TableRole.OWNER}


async def test_only_the_owner_has_to_do_with_links(table_id: int) -> None:
    link, _ = await make_link(table_id)
    attempts = (
        (linking.create_link, (sealer(), table_id, LinkTerms("Mine"))),
        (linking.change_link, (table_id, link.id, LinkTerms("Mine"))),
        (linking.revoke_link, (table_id, link.id)),
    )
    for refusal in (NotFound, NotAllowed):
        for verb, args in attempts:
            with pytest.raises(refusal):
                await act(verb, EVE, *args)
        if refusal is NotFound:
            await act(add_member, GRACE, table_id, EVE.id, TableRole.EDITOR)


async def test_a_link_is_found_by_its_hash_and_its_address_can_be_copied_again(table_id: int) -> None:
    link, token = await make_link(table_id)

    async with db().reading() as session:
        (stored,) = await linking.links_of(session, table_id)

    assert (stored.id, len(token)) == (link.id, 43)
    assert token not in str(vars(stored))
    assert linking.token_of(stored, sealer()) == token


async def test_what_it_allows_and_its_name_can_be_changed_and_all_is_on_record(table_id: int) -> None:
    link, token = await make_link(table_id, name="  Press \n kit ")

    for terms in (BOARD, BOARD, replace(BOARD, may_export=False)):
        await act(linking.change_link, GRACE, table_id, link.id, terms)
    visit = await linking.find_visit(db(), token)
    assert (visit.actor.name, visit.may_search, visit.may_export) == ("Board", True, False)
    for name in ("Board", None):
        assert await act(linking.revoke_link, GRACE, table_id, link.id) == name

    async with db().reading() as session:
        events = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
    made, changed = "table.link_made", "table.link_changed"
    assert [(event.event, event.subject) for event in events] == [
        (made, "Press kit"),
        (changed, "Board"),
        (changed, "Board"),
        ("table.link_revoked", "Board"),
    ]
    assert token not in str([vars(event) for event in events])


async def test_it_opens_nothing_from_the_moment_on_at_which_it_expires(table_id: int) -> None:
    link, token = await make_link(table_id, expires_at=utc_now() + timedelta(hours=1))
    actor = (await linking.find_visit(db(), token)).actor
    assert await names(actor, table_id) == ["Ada", "Bob", "Cy"]

    await act(linking.change_link, GRACE, table_id, link.id, replace(BOARD, expires_at=utc_now()))

    with pytest.raises(NotFound, match="does not work"):
        await linking.find_visit(db(), token)
    with pytest.raises(NotFound):
        await find_access(db(), actor, table_id)
    readers = await db().read(lambda connection: TableAccess.of_readers(connection, [actor], table_id))
    assert readers == {}


async def test_what_was_found_out_about_all_rows_is_not_told_to_visitors(table_id: int) -> None:
    """Why a column has its type quotes cells, also those that nobody sees any more. Widths are of all rows."""
    red, everything = await visit(table_id, scope=RED), await visit(table_id)

    for actor, expected in ((red, {"width": 16}), (everything, {"width": 9})):
        access = await find_access(db(), actor, table_id)
        assert [column.facts for column in access.table.columns] == [expected] * 3


@pytest.mark.parametrize(
    "options",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"shown": []},
        {"shown": [9]},
        {"scope": [["f.9", "eq:x"]]},
        {"scope": [["f.2", "eq:many"]]},
        {"scope": [["sort", "1"]]},
        {"scope": [["cols", "1"]]},
    ],
)
async def test_a_link_that_could_show_nothing_is_not_made(table_id: int, options: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        await make_link(table_id, **options)


async def test_a_table_has_so_many_links(table_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "MAX_LINKS", 2)
    await make_link(table_id)
    await make_link(table_id)

    with pytest.raises(linking.TooManyLinks):
        await make_link(table_id)


async def test_its_last_use_is_noted_once_an_hour(table_id: int) -> None:
    link, token = await make_link(table_id)

    async def last_use() -> Any:
        await linking.find_visit(db(), token)
        await db().wait_for_writes()
        async with db().reading() as session:
            return await session.scalar(select(Link.used_at).where(Link.id == link.id))

    async def set_back(work: UnitOfWork) -> None:
        await work.session.execute(update(Link).values(used_at=utc_now() - timedelta(hours=2)))

    first = await last_use()
    assert await last_use() == first is not None
    await db().write(set_back)
    assert await last_use() > first


async def test_links_go_with_their_table(table_id: int) -> None:
    await make_link(table_id)

    async def purge(work: UnitOfWork) -> None:
        await work.session.delete(await work.session.get_one(Table, table_id))

    await db().write(purge)

    async with db().reading() as session:
        assert await linking.links_of(session, table_id) == []
