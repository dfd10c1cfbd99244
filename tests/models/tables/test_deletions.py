"""The trash of a table's rows and columns: what is in it, what comes back from it, and what purging leaves."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.database import connect, relations
from tests.models.tables.conftest import ADA, Followed
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Member, User, utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import Actor, Role, TableRole
from webapp.models.tables import change_set, deletion_purging, log_scrubbing
from webapp.models.tables.access import TableInTrash, find_access
from webapp.models.tables.bulk_changing import delete_rows_at_once
from webapp.models.tables.change_set import Entry, Kind, cells_to_json
from webapp.models.tables.columns import add_column, change_column, delete_column
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.deletion_purging import (
    find_tables_with_old_deletions,
    purge_deletions,
    purge_old_deletions,
)
from webapp.models.tables.deletions import Deletion, DeletionsPage, find_deletion, list_deletions
from webapp.models.tables.editing import CellEdit, add_rows, change_cells, delete_rows
from webapp.models.tables.history_query import find_set
from webapp.models.tables.log_pruning import drop_column, empty_column, find_forgotten_columns
from webapp.models.tables.log_scrubbing import (
    Purge,
    find_purge,
    plan_batch,
    scrub_batch,
)
from webapp.models.tables.restoring import RestoreResult, restore
from webapp.models.tables.row_history import list_row_history
from webapp.models.tables.type_changing import change_type
from webapp.models.tables.undo import NothingToUndo, NotUndoable, redo_latest, revert, undo_latest
from webapp.rowstore import create_store, row_reader

EVE, GUS = Actor(2, "eve@example.org", "eve", "member"), Actor(3, "gus@example.org", "gus", "guest")


@pytest.fixture
async def table(database: Database, followed: Followed, data_dir: Path) -> int:
    """Ada's planets, which Eve edits and Gus looks at."""

    async def add(work: UnitOfWork) -> None:
        for actor in (EVE, GUS):
            work.session.add(User(id=actor.id, email=actor.email, name=actor.name, password_hash="", role=actor.role))

    async def share(work: UnitOfWork, table_id: int) -> None:
        work.session.add(Member(table_id=table_id, user_id=EVE.id, role=TableRole.EDITOR))
        work.session.add(Member(table_id=table_id, user_id=GUS.id, role=TableRole.VIEWER))

    await database.write(add)
    table_id = add_table(data_dir, PLANETS, PLANET_ROWS)
    await database.write(share, table_id)
    return table_id


@pytest.fixture(params=["listed", "blobs"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entries of sets are rows of the database, or compressed."""
    if request.param == "blobs":
        monkeypatch.setattr(change_set, "MAX_LISTED", 0)


both_ways = pytest.mark.usefixtures("_both_ways")


async def page(database: Database, table: int, before: int | None = None, size: int = 20) -> DeletionsPage:
    return await database.read(lambda reading: list_deletions(reading, row_reader(reading), table, before, size, 60))


async def in_trash(database: Database, table: int) -> list[tuple[int, list[int], list[int]]]:
    """The sets with the rows and the columns that are still deleted by them."""
    found = (await page(database, table)).deletions
    return [(one.seq, [e.place[0] for e in one.rows], [e.place[1] for e in one.columns]) for one in found]


async def find(database: Database, table: int, seq: int) -> Deletion | None:
    return await database.read(lambda reading: find_deletion(reading, row_reader(reading), table, seq))


async def delete(database: Database, table: int, *rows: int, actor: Actor = ADA) -> int:
    seq = (await database.write(delete_rows, actor, table, rows)).seq
    assert seq is not None
    return seq


async def bring_back(database: Database, table: int, *seqs: int, rows: Sequence[int] | None = None) -> RestoreResult:
    return await database.write(restore, ADA, table, seqs, rows)


async def cells(database: Database, table: int) -> dict[int, tuple[str, ...]]:
    ref = (await find_access(database, ADA, table)).table.ref
    return await create_store(database).read(lambda rows: rows.cells(ref, range(1, 20), ref.fields), seconds=5)


async def purge(database: Database, table: int, *seqs: int) -> int:
    count = await database.write(purge_deletions, ADA, table, seqs)
    await finish(database, table)
    return count


async def finish(database: Database, table: int) -> None:
    """As the job does."""
    await scrub_all(database, table)
    await empty_columns(database)


async def scrub_all(database: Database, table: int) -> None:
    found: Purge | None = None
    while (found := await find_next(database, table, found)) is not None:
        done = 0
        while done < len(found.places):
            done += await scrub(database, found, done)


async def empty_columns(database: Database) -> None:
    for forgotten in await database.read(find_forgotten_columns):
        after: int | None = 0
        while after is not None:
            after = await database.write(empty_column, forgotten, after)
        await database.write(drop_column, forgotten)


async def find_next(database: Database, table: int, last: Purge | None = None) -> Purge | None:
    return await database.read(lambda reading: find_purge(reading, table, last))


async def scrub(database: Database, found: Purge, done: int) -> int:
    planned = await database.read(lambda reading: plan_batch(reading, found, done))
    await database.write(scrub_batch, found, planned)
    return len(planned)


def texts_of(data_dir: Path) -> Iterator[str]:
    """Of all rows of the database, those of blobs too."""
    with closing(connect(data_dir / "rowcast.db")) as connection:
        for name in relations(data_dir / "rowcast.db"):
            for row in connection.execute(f"SELECT * FROM {name}"):
                yield str(row)
        for (blob,) in connection.execute("SELECT blob FROM change_sets WHERE blob IS NOT NULL"):
            yield str(change_set.entries_from_blob(blob))


def is_known(data_dir: Path, text: str) -> bool:
    return any(text in row for row in texts_of(data_dir))


# -- what is in it -----------------------------------------------------------------------------------------------------


@both_ways
async def test_the_trash_lists_what_is_still_deleted_and_by_which_change(database: Database, table: int) -> None:
    first = await delete(database, table, 3, 4, actor=EVE)
    second = await delete(database, table, 5)
    assert await in_trash(database, table) == [(second, [5], []), (first, [3, 4], [])]
    (_, eves) = (await page(database, table)).deletions
    assert (eves.info.name, eves.is_whole, eves.info.kind) == ("eve", True, Kind.DELETE_ROWS)

    await database.write(undo_latest, ADA, table)
    assert await in_trash(database, table) == [(first, [3, 4], [])]


@both_ways
async def test_a_row_that_was_restored_and_deleted_again_is_listed_once(database: Database, table: int) -> None:
    first = await delete(database, table, 3, 4)
    await bring_back(database, table, first, rows=[3])
    await database.write(change_cells, ADA, table, [CellEdit(3, 2, "1", "2")])
    second = await delete(database, table, 3)

    assert await in_trash(database, table) == [(second, [3], []), (first, [4], [])]
    await bring_back(database, table, first)
    assert 3 not in await cells(database, table)
    await bring_back(database, table, second)
    assert (await cells(database, table))[3][1] == "2"


async def test_what_undo_has_deleted_is_in_the_trash_too(database: Database, table: int) -> None:
    added = await database.write(add_rows, ADA, table, [{1: "Pluto"}])
    await database.write(undo_latest, ADA, table)

    ((seq, rows, _),) = await in_trash(database, table)
    assert rows == added.ids
    await bring_back(database, table, seq)
    assert (await cells(database, table))[added.ids[0]][0] == "Pluto"


async def test_the_list_comes_in_pages_which_are_complete(database: Database, table: int) -> None:
    seqs = [await delete(database, table, row) for row in range(1, 6)]
    await bring_back(database, table, seqs[2])

    found, before = list[int](), None
    for _ in range(4):
        got = await page(database, table, before, size=2)
        found += [one.seq for one in got.deletions]
        before = got.before
        if before is None:
            break

    assert found == [seqs[4], seqs[3], seqs[1], seqs[0]]
    assert before is None


# -- what comes back ---------------------------------------------------------------------------------------------------


@both_ways
async def test_one_row_of_a_larger_deletion_comes_back_under_its_id_and_the_rest_later(
    database: Database, table: int
) -> None:
    before = await cells(database, table)
    seq = await delete(database, table, 3, 4, 5)

    assert await bring_back(database, table, seq, rows=[4, 99]) == RestoreResult(seq + 1, 1, 0, 0)
    assert await in_trash(database, table) == [(seq, [3, 5], [])]
    assert await bring_back(database, table, seq) == RestoreResult(seq + 2, 2, 0, 0)

    assert await cells(database, table) == before
    assert await in_trash(database, table) == []
    infos = [await database.read(lambda reading, of=of: find_set(reading, table, of)) for of in (seq + 1, seq + 2)]
    assert [info.kind for info in infos] == [Kind.RESTORE, Kind.RESTORE]


async def test_restoring_all_of_a_change_undoes_it(database: Database, table: int) -> None:
    seq = await delete(database, table, 3, 4, actor=EVE)

    result = await bring_back(database, table, seq)

    info = await database.read(lambda reading: find_set(reading, table, seq))
    assert (result.rows, info.undone_by) == (2, result.seq)


@both_ways
async def test_several_deletions_come_back_as_one_change_that_can_be_undone(database: Database, table: int) -> None:
    before = await cells(database, table)
    column = await database.write(delete_column, ADA, table, 2)
    rows = await delete(database, table, 5, 6)
    others = await delete(database, table, 7)
    without = await cells(database, table)
    assert column.seq is not None
    assert await in_trash(database, table) == [(others, [7], []), (rows, [5, 6], []), (column.seq, [], [2])]

    result = await bring_back(database, table, column.seq, rows, others)

    assert (result.rows, result.columns, result.left) == (3, 1, 0)
    assert await cells(database, table) == before
    await database.write(undo_latest, ADA, table)
    assert await cells(database, table) == without
    await database.write(redo_latest, ADA, table)
    assert await cells(database, table) == before


async def test_rows_come_back_although_columns_have_come_gone_and_changed_since(database: Database, table: int) -> None:
    seq = await delete(database, table, 4)
    await database.write(change_type, ADA, table, 4, "text", {})
    await database.write(delete_column, ADA, table, 5)
    await database.write(add_column, ADA, table, "Mass", "decimal", 1)
    seen = {"title": "Moons", "rules": {}, "behind": 6}
    await database.write(change_column, ADA, table, 2, seen, {**seen, "title": "Satellites"})
    await database.write(change_type, ADA, table, 2, "text", {})

    assert (await bring_back(database, table, seq)).rows == 1

    assert (await cells(database, table))[4] == ("Mars", "", "2", "3389.5", "no")
    column = (await in_trash(database, table))[0][0]
    await bring_back(database, table, column)
    assert (await cells(database, table))[4][-1] == "1610-09-01"


async def test_a_column_whose_title_is_taken_comes_back_with_a_number(database: Database, table: int) -> None:
    gone = await database.write(delete_column, ADA, table, 2)
    await database.write(add_column, ADA, table, "Moons", "text", 1)
    assert gone.seq is not None

    await bring_back(database, table, gone.seq)

    titles = [column.title for column in (await find_access(database, ADA, table)).table.columns]
    assert sorted(titles)[:2] == ["Moons", "Moons 2"]


async def test_restoring_twice_at_once_has_one_effect(database: Database, table: int) -> None:
    before = await cells(database, table)
    seq = await delete(database, table, 3, 4)

    results = await asyncio.gather(*(bring_back(database, table, seq) for _ in range(4)))

    assert sorted(result.rows for result in results) == [0, 0, 0, 2]
    assert await cells(database, table) == before
    results = [await bring_back(database, table, await delete(database, table, 5), rows=[5]) for _ in range(2)]
    assert [result.rows for result in results] == [1, 1]


@pytest.mark.parametrize("seq", [0, 99, 2**70])
async def test_what_is_no_deletion_restores_nothing(database: Database, table: int, seq: int) -> None:
    await database.write(change_cells, ADA, table, [CellEdit(3, 2, "1", "2")])

    assert await bring_back(database, table, min(seq, 2**63 - 1), 1) == RestoreResult(None, 0, 0, 0)


async def test_only_editors_restore_and_only_the_owner_purges(database: Database, table: int) -> None:
    seq = await delete(database, table, 3)
    with pytest.raises(NotAllowed):
        await database.write(restore, GUS, table, [seq])
    for actor in (EVE, GUS):
        with pytest.raises(NotAllowed):
            await database.write(purge_deletions, actor, table, [seq])

    async def leave(work: UnitOfWork) -> None:
        await work.session.delete(await work.session.get_one(Member, (table, EVE.id)))

    assert (await database.write(restore, EVE, table, [seq])).rows == 1
    seq = await delete(database, table, 3)
    await database.write(leave)
    for verb in (restore, purge_deletions):
        with pytest.raises(NotFound):
            await database.write(verb, EVE, table, [seq])  # type: ignore[arg-type]
    await database.write(delete_table, ADA, table)
    for verb in (restore, purge_deletions):
        with pytest.raises(TableInTrash):
            await database.write(verb, ADA, table, [seq])  # type: ignore[arg-type]


# -- what is deleted for good ------------------------------------------------------------------------------------------


@both_ways
async def test_a_purged_row_leaves_no_text_anywhere_in_the_log(
    database: Database, table: int, data_dir: Path, followed: Followed
) -> None:
    await database.write(change_cells, ADA, table, [CellEdit(5, 1, "Jupiter", "Zeus"), CellEdit(6, 2, "146", "147")])
    await database.write(change_cells, ADA, table, [CellEdit(5, 1, "Zeus", "Jove")])
    first = await delete(database, table, 5, 6)
    await bring_back(database, table, first)
    second = await delete(database, table, 5)
    other = await delete(database, table, 7)
    for text in ("Jupiter", "Zeus", "Jove", "Saturn", "Uranus"):
        assert is_known(data_dir, text)

    assert await purge(database, table, second) == 1

    assert followed.tasks == [("purge_deletions", str(table))]
    for text in ("Jupiter", "Zeus", "Jove", "69911"):
        assert not is_known(data_dir, text)
    assert is_known(data_dir, "Uranus")
    assert await in_trash(database, table) == [(other, [7], [])]
    assert 5 not in await cells(database, table)
    history = await database.read(lambda reading: list_row_history(reading, table, 5))
    assert history.sets == []
    assert (await database.read(lambda reading: find_set(reading, table, second))).purged == 1
    with pytest.raises(NotUndoable, match="deleted for good"):
        await database.write(revert, ADA, table, second)


@both_ways
async def test_what_else_the_same_changes_did_stays_and_can_be_undone(database: Database, table: int) -> None:
    changed = await database.write(change_cells, ADA, table, [CellEdit(5, 2, "95", "96"), CellEdit(6, 2, "146", "147")])
    seq = await delete(database, table, 5, 7)
    await bring_back(database, table, seq, rows=[7])
    assert changed.seq is not None

    await purge(database, table, seq)

    result = await database.write(revert, ADA, table, changed.seq)
    assert (result.done, result.total) == (1, 1)
    assert (await cells(database, table))[6][1] == "146"
    assert await in_trash(database, table) == []


@both_ways
async def test_undo_goes_on_before_what_is_gone_for_good(database: Database, table: int) -> None:
    await database.write(change_cells, ADA, table, [CellEdit(3, 2, "1", "2")])
    await database.write(change_cells, ADA, table, [CellEdit(5, 2, "95", "96")])
    await purge(database, table, await delete(database, table, 5))

    result = await database.write(undo_latest, ADA, table)

    assert result.of == 1
    assert (await cells(database, table))[3][1] == "1"
    await database.write(redo_latest, ADA, table)
    await database.write(undo_latest, ADA, table)
    with pytest.raises(NothingToUndo):
        await database.write(undo_latest, ADA, table)


@both_ways
async def test_from_the_beginning_of_a_purge_nothing_of_it_comes_back(database: Database, table: int) -> None:
    """Neither by the trash, nor by undo, nor by undoing an older deletion of the same row."""
    older = await delete(database, table, 5, 6)
    await bring_back(database, table, older, rows=[5])
    seq = await delete(database, table, 5)
    assert await database.write(purge_deletions, ADA, table, [seq, seq]) == 1
    assert await database.write(purge_deletions, ADA, table, [seq]) == 0

    assert (await bring_back(database, table, seq)).rows == 0
    with pytest.raises(NotUndoable, match="is being deleted for good"):
        await database.write(revert, ADA, table, seq)
    result = await database.write(revert, ADA, table, older)
    assert (result.done, [entry.row_id for entry in result.left]) == (1, [5])
    await finish(database, table)
    assert {5, 6} & (await cells(database, table)).keys() == {6}


@both_ways
async def test_a_purge_that_is_interrupted_anywhere_is_finished_by_the_next_one(
    database: Database, table: int, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_scrubbing, "BATCH_ENTRIES", 1)  # a set each
    for row in range(1, 6):
        for number in range(3):
            await database.write(change_cells, ADA, table, [CellEdit(row, 1, None, f"Name {number}")])
        await database.write(purge_deletions, ADA, table, [await delete(database, table, row)])
        found = await database.read(lambda reading: find_purge(reading, table))
        assert found is not None
        assert found.rows == {row}
        done = 0
        while done < min(row, len(found.places) - 1):
            assert await scrub(database, found, done) == 1
            done += 1
        # Here it is killed.
        await finish(database, table)

    for text in (*(cells[0] for cells in PLANET_ROWS[:5]), "Name"):
        assert not is_known(data_dir, text)


@both_ways
async def test_a_purged_column_leaves_no_text_and_its_number_is_not_used_again(
    database: Database, table: int, data_dir: Path
) -> None:
    await database.write(change_cells, ADA, table, [CellEdit(3, 1, "Earth", "Gaia"), CellEdit(3, 2, "1", "2")])
    before = await delete(database, table, 8)
    gone = await database.write(delete_column, ADA, table, 1)
    after = await delete(database, table, 7)
    assert gone.seq is not None

    assert await purge(database, table, gone.seq) == 1

    for text in ("Earth", "Gaia", "Neptune", "Uranus", "Planet'"):
        assert not is_known(data_dir, text)
    with pytest.raises(NotUndoable):
        await database.write(revert, ADA, table, gone.seq)
    await bring_back(database, table, before, after)
    assert (await cells(database, table))[8] == ("16", "24622.0", "yes", "1846-09-23")
    assert (await database.write(add_column, ADA, table, "New", "text", 0)).number == 6


async def test_a_row_deleted_while_a_column_is_purged_takes_none_of_its_texts_along(
    database: Database, table: int, data_dir: Path
) -> None:
    gone = await database.write(delete_column, ADA, table, 1)
    assert gone.seq is not None
    await database.write(purge_deletions, ADA, table, [gone.seq])
    seq = await delete(database, table, 7)

    await finish(database, table)

    assert not is_known(data_dir, "Uranus")
    await bring_back(database, table, seq)
    assert (await cells(database, table))[7] == ("28", "25362.0", "yes", "1781-03-13")


async def test_a_purge_of_a_table_that_goes_meanwhile_ends(database: Database, table: int) -> None:
    seq = await delete(database, table, 3)
    await database.write(purge_deletions, ADA, table, [seq])
    found = await database.read(lambda reading: find_purge(reading, table))
    assert found is not None
    await database.write(delete_table, ADA, table)
    await finish(database, table)

    async def remove(work: UnitOfWork) -> None:
        await work.session.delete(await work.session.get_one(User, ADA.id))

    await database.write(remove)
    assert await scrub(database, found, 0) == len(found.places)
    assert await database.read(lambda reading: find_purge(reading, table)) is None


async def test_what_was_deleted_long_ago_is_purged_by_the_schedule(
    database: Database, table: int, data_dir: Path, followed: Followed
) -> None:
    restored = await delete(database, table, 3)
    await bring_back(database, table, restored)
    old = await delete(database, table, 4, 5)
    (listed,) = (await page(database, table)).deletions
    then = listed.info.at + timedelta(microseconds=1)
    new = await delete(database, table, 6)
    assert await database.read(lambda reading: find_tables_with_old_deletions(reading, then)) == [table]

    assert not await database.write(purge_old_deletions, table, then)
    await finish(database, table)

    assert followed.tasks == [("purge_deletions", str(table))]
    assert not is_known(data_dir, "Jupiter")
    assert is_known(data_dir, "Saturn")
    assert await in_trash(database, table) == [(new, [6], [])]
    assert await find(database, table, old) is None
    assert await database.read(lambda reading: find_tables_with_old_deletions(reading, then)) == []
    assert 3 in await cells(database, table)


async def test_the_schedule_looks_through_many_old_changes_bit_by_bit(
    database: Database, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion_purging, "BATCH_SETS", 2)
    for row in range(1, 6):
        await delete(database, table, row)
    later = utc_now() + timedelta(days=1)

    more = [await database.write(purge_old_deletions, table, later) for _ in range(3)]
    await finish(database, table)

    assert more == [True, True, False]
    assert await in_trash(database, table) == []


async def test_an_owner_who_has_become_a_guest_purges_nothing(database: Database, table: int) -> None:
    seq = await delete(database, table, 3)
    demoted = Actor(ADA.id, ADA.email, ADA.name, Role.GUEST)

    with pytest.raises(NotAllowed):
        await database.write(purge_deletions, demoted, table, [seq])


@both_ways
async def test_undoing_the_earlier_of_two_deletions_gives_no_row_its_older_texts(
    database: Database, table: int
) -> None:
    first = await delete(database, table, 1, 2, 3)
    await bring_back(database, table, first, rows=[2, 3])
    await database.write(change_cells, ADA, table, [CellEdit(2, 1, "Venus", "Later")])
    second = await delete(database, table, 2, 3)

    result = await database.write(revert, ADA, table, first)

    assert [entry.row_id for entry in result.left] == [2]
    now = await cells(database, table)
    assert (now[1][0], now[3][0]) == ("Mercury", "Earth")
    assert 2 not in now
    await database.write(revert, ADA, table, second)
    assert (await cells(database, table))[2][0] == "Later"


@both_ways
async def test_a_column_that_is_being_purged_is_not_written_into_the_log_again(
    database: Database, table: int, data_dir: Path
) -> None:
    """By undoing what happened to a row, or by a decision about many that was made before."""
    first = await delete(database, table, 1)
    await database.write(revert, ADA, table, first)
    ref = (await find_access(database, ADA, table)).table.ref
    read = await create_store(database).read(lambda rows: rows.cells(ref, [5], ref.stored), seconds=5)
    planned = Entry(
        5, None, cells_to_json({one.number: text for one, text in zip(ref.stored, read[5], strict=True)}), None
    )
    seq = (await database.write(delete_column, ADA, table, 3)).seq
    await database.write(purge_deletions, ADA, table, [seq])
    found = await find_next(database, table)
    assert found is not None

    await database.write(revert, ADA, table, first + 1)  # deletes row 1 again
    await database.write(delete_rows_at_once, ADA, table, [planned])
    assert (await cells(database, table)).keys() == {2, 3, 4, 6, 7, 8}

    done = 0
    while done < len(found.places):
        done += await scrub(database, found, done)
    await empty_columns(database)
    assert not [text for text in texts_of(data_dir) if "2439.7" in text or "69911.0" in text]
