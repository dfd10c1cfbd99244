"""Tables and imports are found only through the actor. Other people's do not exist."""

from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest
from sqlalchemy import event, select

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db
from webapp.models import Action, Actor, Column, Import, Member, Table, TableRole, User, is_allowed
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables.access import TableAccess, find_access, find_table
from webapp.models.tables.import_model import find_import
from webapp.models.tables.renaming import rename_table
from webapp.web.application import Application

ADA = Actor(1, "ada@example.org", "ada", "owner")
GRACE = Actor(2, "grace@example.org", "grace", "member")
IMPORT = "a" * 32


@pytest.fixture
async def kept(app: Application) -> AsyncIterator[None]:
    """Ada, who owns the server; Grace, who has table 1 and an import; an app context."""

    async def keep(work: UnitOfWork) -> None:
        for who in (ADA, GRACE):
            work.session.add(User(id=who.id, email=who.email, name=who.name, password_hash="x", role=who.role))
        await work.session.flush()
        table = Table(id=1, owner_id=GRACE.id, title="Hers")
        table.columns = [Column(number=1, position=1, title="A", type="text")]
        work.session.add_all([table, Import(id=IMPORT, user_id=GRACE.id, filename="a.csv", size=1, sha256="x")])

    async with app.app_context():
        await db().write(keep)
        yield


@pytest.mark.usefixtures("kept")
async def test_the_owner_finds_a_table_with_its_columns() -> None:
    access = await find_access(db(), GRACE, 1)

    assert (access.table.title, [column.title for column in access.table.columns]) == ("Hers", ["A"])
    assert access.table_role is TableRole.OWNER
    assert is_allowed(GRACE, Action.CHANGE_TABLE, access)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("actor", "table_id"), [(ADA, 1), (GRACE, 2), (GRACE, 0), (GRACE, 2**63 - 1)])
async def test_another_persons_table_and_a_missing_table_are_both_not_found(actor: Actor, table_id: int) -> None:
    with pytest.raises(NotFound, match="no such table"):
        await find_table(db(), actor, table_id)


@pytest.mark.usefixtures("kept")
async def test_a_table_is_found_only_by_its_owner_and_with_the_right_to_act(monkeypatch: pytest.MonkeyPatch) -> None:
    """The query selects only the actor's own; `is_allowed` has the last word."""
    assert await db().read(lambda connection: TableAccess.find(connection, ADA.id, 1)) is None
    async with db().reading() as session:
        assert list(await session.scalars(Import.visible_to(ADA.id))) == []

    monkeypatch.setattr(
        "webapp.models.tables.access.is_allowed", lambda actor, action, table: action == Action.READ_TABLE
    )

    await find_table(db(), GRACE, 1)
    with pytest.raises(NotAllowed):
        await find_table(db(), GRACE, 1, Action.CHANGE_TABLE)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("role", "action", "refused"),
    [
        ("viewer", Action.READ_TABLE, None),
        ("viewer", Action.EDIT_TABLE, "not change it"),
        ("editor", Action.EDIT_TABLE, None),
        ("editor", Action.CHANGE_TABLE, "Only the owner"),
    ],
)
async def test_members_find_a_table_and_are_told_what_they_may_not_do(
    role: str, action: Action, refused: str | None
) -> None:
    async def share(work: UnitOfWork) -> None:
        work.session.add(Member(table_id=1, user_id=ADA.id, role=role))

    await db().write(share)

    with pytest.raises(NotAllowed, match=refused) if refused else nullcontext():
        assert (await find_access(db(), ADA, 1, action)).table_role == role


@pytest.mark.usefixtures("kept")
async def test_a_table_changed_by_another_process_is_found_with_the_change(app: Application) -> None:
    """Its columns are kept for the next request, and a change by another process is seen all the same."""
    other = Database(config())
    await other.open()

    async def change(work: UnitOfWork, title: str, position: int) -> None:
        column = (await work.session.scalars(select(Column).where(Column.table_id == 1))).one()
        column.title, column.position = title, position

    first = await find_table(db(), GRACE, 1)
    for title in ("B", "C"):
        await other.write(change, title, 7)
        await other.write(rename_table, GRACE, 1, f"Her {title}")
        found = [await find_table(db(), GRACE, 1) for _ in range(8)]  # by more than one connection
        assert {table.title for table in found} == {f"Her {title}"}
        assert {table.columns[0].title for table in found} == {title}
    await other.close()

    assert first.columns[0].title == "A"


@pytest.mark.usefixtures("kept")
async def test_finding_a_cached_table_takes_one_statement(app: Application) -> None:
    asked: list[str] = []
    for _ in range(20):  # every connection whose turn it may be has seen its columns
        await find_table(db(), GRACE, 1)
    for engine in db().engines:
        event.listen(engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))

    await find_table(db(), GRACE, 1)

    # Housekeeping may read at the same time, and asks for other things.
    assert len([statement for statement in asked if "owner_id" in statement]) == 1
    assert not [statement for statement in asked if "FROM columns" in statement]


@pytest.mark.usefixtures("kept")
async def test_an_import_is_found_only_by_its_owner() -> None:
    assert (await find_import(db(), GRACE, IMPORT)).filename == "a.csv"
    for actor, import_id in ((ADA, IMPORT), (GRACE, "b" * 32), (GRACE, "nul\0")):
        with pytest.raises(NotFound, match="no such import"):
            await find_import(db(), actor, import_id)
