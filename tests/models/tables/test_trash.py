"""The trash of tables: deleting one moves it there, its owner gets it back, and purging removes everything."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.models.tables.conftest import ADA, IMPORT, Followed, load
from tests.models.tables.test_importing import sql_tables
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.report import ImportOverrides
from webapp.models import Change, ChangeSet, Import, Member, Table, TypeChange, User, utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import Action, Actor, Role
from webapp.models.tables import importing, trash
from webapp.models.tables.access import TableAccess, TableInTrash, find_access
from webapp.models.tables.deletion import ImportRunning, delete_table, delete_tables_of
from webapp.models.tables.editing import CellEdit, change_cells, delete_rows
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.type_change import TypeChangeState
from webapp.models.tables.type_changing import change_type
from webapp.models.tables.undo import undo_latest
from webapp.rowstore import create_store

EVE, GUS = Actor(2, "eve@example.org", "eve", "administrator"), Actor(3, "gus@example.org", "gus", "guest")


@pytest.fixture
async def planets(database: Database, followed: Followed, data_dir: Path) -> int:
    """Ada's, which Eve edits and Gus looks at; it has a history."""

    async def add(work: UnitOfWork) -> None:
        for actor in (EVE, GUS):
            work.session.add(User(id=actor.id, email=actor.email, name=actor.name, password_hash="", role=actor.role))

    async def share(work: UnitOfWork, table_id: int) -> None:
        work.session.add(Member(table_id=table_id, user_id=EVE.id, role="editor"))
        work.session.add(Member(table_id=table_id, user_id=GUS.id, role="viewer"))

    await database.write(add)
    table_id = add_table(data_dir, PLANETS, PLANET_ROWS)
    await database.write(share, table_id)
    await database.write(change_cells, ADA, table_id, [CellEdit(3, 2, "1", "2")])
    await database.write(delete_rows, EVE, table_id, [5, 6])
    followed.tasks.clear()
    return table_id


async def purge(database: Database, table_id: int) -> None:
    """As the job does, without the files."""
    while await database.write(trash.purge_batch, table_id):
        pass
    await database.write(trash.finish_purge, table_id)


async def listed(database: Database, actor: Actor) -> list[trash.TrashedTable]:
    async with database.reading() as session:
        return await trash.list_trash(session, actor.id)


async def count(database: Database, model: Any) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def texts(database: Database, table_id: int) -> dict[int, tuple[str, ...]]:
    table = (await find_access(database, ADA, table_id)).table
    return await create_store(database).read(
        lambda rows: rows.cells(table.ref, range(1, 9), table.ref.fields), seconds=5
    )


async def test_a_deleted_table_is_found_by_its_owner_alone_and_only_in_the_trash(
    database: Database, planets: int
) -> None:
    await database.write(delete_table, ADA, planets)

    (found,) = await listed(database, ADA)
    assert (found.id, found.title, found.rows, found.columns, found.members) == (planets, "Planets", 6, 5, 2)
    assert await listed(database, EVE) == await listed(database, GUS) == []
    with pytest.raises(TableInTrash, match="“Planets” is in the trash"):
        await find_access(database, ADA, planets)
    for actor in (EVE, GUS):
        with pytest.raises(NotFound, match="There is no such table") as refused:
            await find_access(database, actor, planets)
        assert type(refused.value) is NotFound
    readers = await database.read(lambda connection: TableAccess.of_readers(connection, [ADA, EVE, GUS], planets))
    assert readers == {}


async def test_a_table_comes_back_as_it_was_with_members_rows_and_history(database: Database, planets: int) -> None:
    before = await texts(database, planets)
    await database.write(delete_table, ADA, planets)

    assert await database.write(trash.restore_table, ADA, planets) == "Planets"

    assert await listed(database, ADA) == []
    assert await texts(database, planets) == before
    for actor in (ADA, EVE, GUS):
        await find_access(database, actor, planets)
    await database.write(undo_latest, EVE, planets)
    assert (await texts(database, planets))[5] == PLANET_ROWS[4]


async def test_restoring_twice_has_one_effect(database: Database, planets: int) -> None:
    await database.write(delete_table, ADA, planets)

    for _ in range(2):
        assert await database.write(trash.restore_table, ADA, planets) == "Planets"


@pytest.mark.parametrize("verb", [trash.restore_table, trash.purge_table])
async def test_nobody_else_takes_a_table_out_of_the_trash(
    database: Database, planets: int, verb: Callable[..., Awaitable[Any]]
) -> None:
    await database.write(delete_table, ADA, planets)

    for actor in (EVE, GUS):
        with pytest.raises(NotFound):
            await database.write(verb, actor, planets)
    with pytest.raises(NotFound):
        await database.write(verb, ADA, planets + 1)
    assert len(await listed(database, ADA)) == 1


@pytest.mark.parametrize("verb", [trash.restore_table, trash.purge_table])
async def test_an_owner_who_has_become_a_guest_neither_restores_nor_purges(
    database: Database, planets: int, verb: Callable[..., Awaitable[Any]]
) -> None:
    """The page was opened before: what counts is the role at the moment of the change."""
    await database.write(delete_table, ADA, planets)

    async def demote(work: UnitOfWork) -> None:
        (await work.session.get_one(User, ADA.id)).role = Role.GUEST

    await database.write(demote)
    with pytest.raises(NotAllowed):
        await database.write(verb, ADA, planets)
    with pytest.raises(NotAllowed):
        await database.write(trash.purge_tables, ADA, [planets])
    assert len(await listed(database, ADA)) == 1


async def test_nothing_is_changed_in_a_table_in_the_trash(database: Database, planets: int) -> None:
    await database.write(delete_table, ADA, planets)

    for verb, arguments in (
        (change_cells, ([CellEdit(3, 2, "2", "3")],)),
        (delete_rows, ([3],)),
        (undo_latest, ()),
        (delete_table, ()),
    ):
        with pytest.raises(TableInTrash):
            await database.write(verb, ADA, planets, *arguments)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            await database.write(verb, EVE, planets, *arguments)  # type: ignore[arg-type]


async def test_changes_of_types_stop_when_the_table_is_deleted(
    database: Database, planets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.models.tables.type_changing.AT_ONCE", 1)
    await database.write(change_type, ADA, planets, 2, "text", {})

    await database.write(delete_table, ADA, planets)

    async with database.reading() as session:
        assert await session.scalar(select(TypeChange.state)) == TypeChangeState.CANCELLED
    await database.write(trash.restore_table, ADA, planets)
    assert (await texts(database, planets))[3][1] == "2"
    assert await database.write(change_type, ADA, planets, 2, "text", {}) is not None


async def test_a_search_index_that_was_being_built_is_built_once_the_table_is_back(
    database: Database, planets: int, followed: Followed
) -> None:
    async def begin(work: UnitOfWork) -> None:
        (await work.session.get_one(Table, planets)).search_index = SearchIndex.BUILDING

    await database.write(begin)
    await database.write(delete_table, ADA, planets)
    assert followed.tasks == []
    await database.write(trash.restore_table, ADA, planets)
    assert followed.tasks == [("index_table", str(planets))]


async def test_a_table_whose_rows_come_in_is_not_deleted(database: Database, previewed: Followed) -> None:
    await database.write(importing.begin_loading, IMPORT, ImportOverrides())

    with pytest.raises(ImportRunning, match="Cancel the import instead"):
        await database.write(delete_table, ADA, 1)


async def test_the_import_stays_with_a_table_in_the_trash(database: Database, previewed: Followed) -> None:
    table_id = await load(database)
    await database.write(delete_table, ADA, table_id)

    assert (await count(database, Import), await sql_tables(database)) == (1, {"t1"})
    assert ("discard_import", IMPORT) not in previewed.tasks


async def test_a_purged_table_leaves_nothing(database: Database, previewed: Followed) -> None:
    table_id = await load(database)
    await database.write(delete_table, ADA, table_id)
    await database.write(trash.purge_table, ADA, table_id)
    assert previewed.tasks[-1] == ("purge_table", str(table_id))

    await purge(database, table_id)

    assert [await count(database, model) for model in (Table, Import, ChangeSet, Change)] == [0, 0, 0, 0]
    assert await sql_tables(database) == set()
    assert previewed.tasks[-1] == ("discard_import", IMPORT)


async def test_from_the_beginning_of_a_purge_nobody_gets_the_table_back(database: Database, planets: int) -> None:
    await database.write(delete_table, ADA, planets)
    assert await database.write(trash.purge_table, ADA, planets) == "Planets"

    assert await listed(database, ADA) == []
    for verb in (trash.restore_table, trash.purge_table):
        with pytest.raises(NotFound):
            await database.write(verb, ADA, planets)
    with pytest.raises(NotFound, match="There is no such table"):
        await find_access(database, ADA, planets)


async def test_a_purge_goes_in_batches_and_each_of_them_can_be_the_last_before_a_crash(
    database: Database, planets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "HOLD_SECONDS", 0.0)  # one step each
    monkeypatch.setattr(trash, "BATCH_ROWS", 2)
    await database.write(delete_table, ADA, planets)
    await database.write(trash.purge_table, ADA, planets)

    async def rest(work: UnitOfWork) -> int:
        return await work.run(lambda connection: len(connection.exec_driver_sql(f"SELECT 1 FROM t{planets}").all()))

    left = [await database.write(rest)]
    while await database.write(trash.purge_batch, planets):
        left.append(await database.write(rest))

    assert left[0] == 6
    assert left[-1] == 0
    assert all(0 <= before - after <= 2 for before, after in pairwise(left))
    assert not await database.write(trash.purge_batch, planets)
    await database.write(trash.finish_purge, planets)
    await database.write(trash.finish_purge, planets)
    assert await count(database, Table) == 0


async def test_what_is_not_to_be_purged_is_not(database: Database, planets: int) -> None:
    """A job that comes late, or a second time, after the table was restored."""
    for step in (trash.purge_batch, trash.finish_purge):
        await database.write(step, planets)
    await database.write(delete_table, ADA, planets)
    for step in (trash.purge_batch, trash.finish_purge):
        await database.write(step, planets)

    await database.write(trash.restore_table, ADA, planets)
    assert len(await texts(database, planets)) == 6


async def test_only_what_is_chosen_and_in_the_trash_is_purged(
    database: Database, planets: int, data_dir: Path, followed: Followed
) -> None:
    others = [
        add_table(data_dir, {"A": "text"}, [["x"]], title=title, owner=owner) for title, owner in (("B", 1), ("C", 2))
    ]
    for actor, table_id in ((ADA, planets), (EVE, others[1])):
        await database.write(delete_table, actor, table_id)

    assert await database.write(trash.purge_tables, ADA, [planets, *others, 99]) == 1
    assert await database.write(trash.purge_tables, ADA, [planets]) == 0
    assert followed.tasks == [("purge_table", str(planets))]
    assert [table.title for table in await listed(database, EVE)] == ["C"]


async def test_what_has_been_in_the_trash_for_long_is_purged_by_the_schedule(
    database: Database, planets: int, followed: Followed
) -> None:
    await database.write(delete_table, ADA, planets)
    deleted_at = (await listed(database, ADA))[0].deleted_at
    async with database.reading() as session:
        assert not await trash.has_expired(session, deleted_at)
        assert await trash.has_expired(session, deleted_at + timedelta(seconds=1))

    await database.write(trash.purge_expired, deleted_at)
    assert followed.tasks == []
    await database.write(trash.purge_expired, utc_now() + timedelta(days=1))

    assert followed.tasks == [("purge_table", str(planets))]
    await purge(database, planets)
    assert await count(database, Table) == 0


@pytest.mark.parametrize("is_purging", [False, True])
async def test_with_a_person_all_tables_in_their_trash_go(database: Database, planets: int, is_purging: bool) -> None:
    await database.write(delete_table, ADA, planets)
    if is_purging:
        await database.write(trash.purge_table, ADA, planets)

    async def remove(work: UnitOfWork) -> None:
        await delete_tables_of(work, ADA.id)
        await work.session.delete(await work.session.get_one(User, ADA.id))

    await database.write(remove)

    assert await sql_tables(database) == set()
    assert not await database.write(trash.purge_batch, planets)
    await database.write(trash.finish_purge, planets)


async def test_a_table_comes_back_beside_another_one_of_its_title(
    database: Database, planets: int, data_dir: Path
) -> None:
    """Titles need not differ: the other one stays where it is."""
    await database.write(delete_table, ADA, planets)
    other = add_table(data_dir, {"A": "text"}, [["x"]], title="Planets")

    await database.write(trash.restore_table, ADA, planets)

    for table_id in (planets, other):
        assert (await find_access(database, ADA, table_id, Action.CHANGE_TABLE)).table.title == "Planets"
