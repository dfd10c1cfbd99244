"""An import's verbs: from one state to the next, and what follows each."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select, text

from tests.database import relations, search_index_sql, search_indexes
from tests.models.tables.conftest import ADA, IMPORT, Followed, get, load
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides
from webapp.models import ChangeSet, Table
from webapp.models.tables import importing, search_indexing
from webapp.models.tables.access import find_table
from webapp.models.tables.change_log import topic_of
from webapp.models.tables.import_model import StateConflict

OTHERWISE = ImportOverrides(delimiter=";")


async def sql_tables(database: Database) -> set[str]:
    names = relations(database.settings.data_dir / "rowcast.db")
    return {name for name in names if re.match(r"[ts]\d", name)}


async def test_creating_an_import_starts_its_inspection_and_notifies_watchers(
    database: Database, followed: Followed
) -> None:
    await database.write(importing.create, IMPORT, user_id=1, filename="a.csv", size=1, sha256="")

    assert followed.tasks == [("inspect_import", IMPORT)]
    assert followed.topics == [f"import:{IMPORT}"]


async def test_beginning_to_load_creates_the_table_and_enqueues_the_loading(
    database: Database, previewed: Followed
) -> None:
    assert await database.write(importing.begin_loading, IMPORT, ImportOverrides())

    assert previewed.tasks == [("load_import", IMPORT)]
    assert await sql_tables(database) == {"t1"}
    async with database.reading() as session:
        assert (await session.get_one(Table, 1)).title == "some planets"


async def test_overrides_that_change_how_the_file_is_read_start_another_inspection(
    database: Database, previewed: Followed
) -> None:
    assert not await database.write(importing.begin_loading, IMPORT, OTHERWISE)

    assert previewed.tasks == [("inspect_import", IMPORT)]
    assert await sql_tables(database) == set()


async def test_a_file_inspected_with_the_same_overrides_is_not_inspected_again(
    database: Database, previewed: Followed, tmp_path: Path
) -> None:
    """The form's name of an encoding may differ from the detected one's."""
    path = tmp_path / "some_planets.csv"
    overrides = ImportOverrides(encoding="windows-1252")

    assert not await database.write(importing.begin_loading, IMPORT, overrides)
    await database.write(importing.record_inspection, IMPORT, inspect_file(path, path.name, overrides).to_json())
    assert await database.write(importing.begin_loading, IMPORT, overrides)


async def test_requesting_the_same_inspection_twice_starts_it_once(database: Database, previewed: Followed) -> None:
    for _ in range(2):
        await database.write(importing.inspect_again, IMPORT, OTHERWISE)
    assert previewed.tasks == [("inspect_import", IMPORT)]

    with pytest.raises(StateConflict, match="still being read"):
        await database.write(importing.inspect_again, IMPORT, ImportOverrides(delimiter="|"))


async def test_corrections_are_applied_without_reading_the_file_again_if_the_report_knows_them(
    database: Database, previewed: Followed
) -> None:
    known = ImportOverrides(columns={0: {"title": "World", "type": "text"}})
    await database.write(importing.correct, IMPORT, known)

    assert previewed.tasks == [("draft_import", IMPORT)]
    assert previewed.topics == [f"import:{IMPORT}"]
    import_ = await get(database)
    assert (import_.state, import_.overrides) == ("ready", known.to_json())
    assert import_.inspection is not None
    assert import_.inspection["columns"][0]["title"] == "World"

    await database.write(importing.correct, IMPORT, OTHERWISE)
    assert previewed.tasks == [("draft_import", IMPORT), ("inspect_import", IMPORT)]


@pytest.mark.parametrize(("search_index_rows", "state"), [(0, "building"), (1, "none")])
async def test_a_large_table_gets_a_search_index_after_loading(
    database: Database, previewed: Followed, search_index_rows: int, state: str
) -> None:
    table_id = await load(database, search_index_rows)

    async with database.reading() as session:
        assert (await session.get_one(Table, table_id)).search_index == state
    assert (("index_table", str(table_id)) in previewed.tasks) is (state == "building")


@pytest.mark.parametrize(("is_built", "state"), [(True, "ready"), (False, "none")])
async def test_an_abandoned_search_index_leaves_nothing_behind(
    database: Database, previewed: Followed, is_built: bool, state: str
) -> None:
    await load(database, search_index_rows=0)
    data_dir = database.settings.data_dir

    async def half_build(work: UnitOfWork) -> None:
        await work.session.execute(text(search_index_sql(data_dir, is_complete=False)))

    await database.write(half_build)
    indexed = (await find_table(database, ADA, 1)).ref
    await database.write(search_indexing.finish_search_index, indexed, is_built=is_built)

    assert bool(search_indexes(data_dir / "rowcast.db")) is is_built
    async with database.reading() as session:
        assert (await session.get_one(Table, 1)).search_index == state


async def test_a_failed_inspection_returns_to_the_last_preview_without_the_failed_overrides(
    database: Database, previewed: Followed
) -> None:
    await database.write(importing.inspect_again, IMPORT, OTHERWISE)
    await database.write(importing.fail, IMPORT, "No luck.")

    found = await get(database)
    assert (found.state, found.failure) == ("ready", "No luck.")
    assert ImportOverrides.from_json(found.overrides) == ImportOverrides()
    assert ("discard_import", IMPORT) not in previewed.tasks


async def test_a_first_inspection_that_fails_removes_the_file(database: Database, followed: Followed) -> None:
    await database.write(importing.create, IMPORT, user_id=1, filename="a.csv", size=1, sha256="")
    await database.write(importing.fail, IMPORT, "No luck.")

    assert (await get(database)).state == "failed"
    assert followed.tasks[-1] == ("discard_import", IMPORT)


async def test_a_failed_loading_removes_the_table_and_keeps_the_file(database: Database, previewed: Followed) -> None:
    await database.write(importing.begin_loading, IMPORT, ImportOverrides())
    await database.write(importing.fail, IMPORT, "No luck.")

    assert (await get(database)).state == "failed"
    assert await sql_tables(database) == set()
    assert previewed.tasks == [("load_import", IMPORT)]


async def test_cancelling_removes_table_and_files_once(database: Database, previewed: Followed) -> None:
    await database.write(importing.begin_loading, IMPORT, ImportOverrides())
    for _ in range(2):
        await database.write(importing.cancel, IMPORT)

    assert (await get(database)).state == "cancelled"
    assert await sql_tables(database) == set()
    assert previewed.tasks == [("load_import", IMPORT), ("discard_import", IMPORT)]


async def test_a_rolled_back_verb_enqueues_and_publishes_nothing(database: Database, previewed: Followed) -> None:
    async def cancel_and_break(work: UnitOfWork) -> None:
        await importing.cancel(work, IMPORT)
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        await database.write(cancel_and_break)

    assert (await get(database)).state == "ready"
    assert (previewed.tasks, previewed.topics) == ([], [])


async def test_a_finished_import_is_a_change_set_of_its_rows(database: Database, previewed: Followed) -> None:
    table_id = await load(database)

    async with database.reading() as session:
        (made,) = await session.scalars(select(ChangeSet))
        table = await session.get_one(Table, table_id)
    assert (made.kind, made.via, made.actor_id, made.note) == ("import", "import", 1, "some_planets.csv")
    assert (made.seq, table.seq, made.rows, made.last_row) == (1, 1, 0, None)  # nobody has loaded the rows
    assert topic_of(table_id) in previewed.topics
