"""Tables go to another installation in a file that has nothing secret, and are there what they were."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from settings import Settings
from tests.copies.forging import forged
from tests.copies.installations import DATABASES, EVE, Told, begin_nothing, everything, ignore
from webapp.copies.archive import BadArchive
from webapp.copies.exporting import export_all
from webapp.copies.importing import ImportedTable, import_all
from webapp.db import copying, migrations
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Actor, ChangeSet, ChangeSetPart, Column, Link, Member, SavedView, Table, TableForm, User
from webapp.models.tables.change_set import Entry, entries_of
from webapp.models.tables.set_author import AUTHOR_NAME
from webapp.models.tables.trash import PURGING
from webapp.models.tables.undo import revert
from webapp.rowstore.entries import pack_part

BEN = "ben@example.org"


ASKED = {"column": 1, "name": "Name", "ask": "shown", "label": "", "help": "", "required": True}
ASKED |= {"choices": [], "default": "", "is_long": False}


@pytest.fixture
def source(source: Settings) -> Settings:
    """With a link and a form that could be."""
    with copying.filling(source) as connection, connection.begin():
        connection.execute(update(TableForm).values(fields=[ASKED], origins=[], deleted_at=None, is_on=True))
        connection.execute(update(Link).values(scope=[["q", "x"]], shown=[1], origins=[], password_hash=None))
        connection.execute(delete(ChangeSetPart))
    return source


TO_ANY = pytest.mark.parametrize("target", DATABASES, indirect=True)


@pytest.fixture
def target(target: Settings) -> Settings:
    """Where Ben has an account and Eve, but not Ada; and one table is there already."""
    settings = target
    migrations.upgrade(settings)
    with copying.filling(settings) as connection, connection.begin():
        for user_id, email, role in ((1, BEN, "owner"), (2, EVE.email, "member"), (3, "gus@example.org", "guest")):
            values = {"id": user_id, "email": email, "name": email[:3].title(), "password_hash": "x", "role": role}
            connection.execute(insert(User).values(values))
        connection.execute(insert(Table).values(owner_id=1, title="Mine", state="ready"))
    return settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tables.zip"


def carry(source: Settings, target: Settings, file: Path) -> list[ImportedTable]:
    export_all(source, file, force=False, progress=ignore)
    told = Told()
    imported = import_all(target, file, BEN, told.begin)
    assert list(told.steps) == ["Verifying", "Importing"]
    assert all(done == total > 0 for done, total in told.steps.values())
    return imported


def exports(settings: Settings) -> list[bytes]:
    return [value for name, value in sorted(everything(settings).items()) if name.startswith("export")]


@TO_ANY
def test_rows_with_their_ids_and_exports_are_the_same(source: Settings, target: Settings, file: Path) -> None:
    made = carry(source, target, file)
    assert [(table.id, table.title, table.rows) for table in made] == [(2, "odd", 5), (3, "many", 298)]
    assert exports(target) == exports(source)
    ours, theirs = everything(source), everything(target)
    assert [row[0] for row in theirs["rows of 3"][1]] == [row[0] for row in ours["rows of 2"][1]] != list(range(1, 299))


def test_columns_are_what_they_were(source: Settings, target: Settings, file: Path) -> None:
    carry(source, target, file)

    def columns(settings: Settings, table_id: int) -> list[tuple[Any, ...]]:
        names = ("number", "position", "title", "type", "format", "keeps_texts", "rules", "facts")
        statement = select(*(getattr(Column, name) for name in names)).where(Column.table_id == table_id)
        with copying.snapshot(settings) as connection:
            return [tuple(row) for row in connection.execute(statement.order_by(Column.position))]

    assert columns(target, 2) == columns(source, 1)
    assert columns(target, 3) == columns(source, 2)


@TO_ANY
def test_history_has_every_change_and_the_names_of_authors(source: Settings, target: Settings, file: Path) -> None:
    carry(source, target, file)

    def history(settings: Settings, table_id: int) -> list[tuple[Any, ...]]:
        named = select(ChangeSet, AUTHOR_NAME).outerjoin(User, User.id == ChangeSet.actor_id)
        of_table = named.where(ChangeSet.table_id == table_id).order_by(ChangeSet.seq)
        with copying.snapshot(settings) as connection, Session(connection) as session:
            return [
                (found.seq, found.at, found.kind, found.rows, author, entries_of(connection, table_id, found.seq))
                for found, author in session.execute(of_table)
            ]

    assert history(target, 2) == history(source, 1)
    assert {author for *_, author, _ in history(target, 2)} == {"Ada", "Eve"}
    with copying.snapshot(target) as connection:
        assert connection.scalars(select(ChangeSet.actor_id)).all() == [None] * len(
            history(source, 1) + history(source, 2)
        )


@TO_ANY
def test_what_was_deleted_there_can_be_brought_back_here(source: Settings, target: Settings, file: Path) -> None:
    carry(source, target, file)
    ben = Actor(1, BEN, "Ben", "owner")
    asyncio.run(_write(target, revert, ben, 3, _last_seq(target, 3)))
    assert everything(target)["rows of 3"][1][-1][0] == 300


def _last_seq(settings: Settings, table_id: int) -> int:
    with copying.snapshot(settings) as connection:
        return int(connection.scalar(select(Table.seq).where(Table.id == table_id)) or 0)


def test_parts_of_large_changes_come_along(source: Settings, target: Settings, file: Path) -> None:
    entries = [Entry(number, 3, "before", "after") for number in range(1, 9)]
    with copying.filling(source) as connection, connection.begin():
        seq = _last_seq(source, 2)
        of_set = ChangeSet.table_id == 2, ChangeSet.seq == seq
        connection.execute(update(ChangeSet).where(*of_set).values(parts=2))
        for number, part in enumerate((entries[:5], entries[5:]), 1):
            given = {"table_id": 2, "seq": seq, "number": number, "entries": len(part), "rows": len(part)}
            given |= {"cells": len(part), "columns": "3", "first_row": part[0].row_id, "last_row": part[-1].row_id}
            connection.execute(insert(ChangeSetPart).values(**given, blob=pack_part(part)))
    carry(source, target, file)
    found = [row[2:] for row in everything(target)["change_set_parts"] if row[0] == 3]
    assert found == [row[2:] for row in everything(source)["change_set_parts"] if row[0] == 2]


def test_members_and_views_of_people_without_an_account_are_listed(
    source: Settings, target: Settings, file: Path
) -> None:
    with copying.filling(source) as connection, connection.begin():
        connection.execute(
            insert(User).values(id=20, email="zoe@example.org", name="", password_hash="x", role="member")
        )
        connection.execute(insert(Member).values(table_id=1, user_id=20, role="viewer"))
        connection.execute(insert(SavedView).values(table_id=1, owner_id=20, name="Zoe's", state=[]))
        connection.execute(insert(SavedView).values(table_id=1, name="All", state=[["sort", "1"]]))
    odd, _ = carry(source, target, file)
    assert "member without an account here: zoe@example.org (viewer)" in odd.notes
    assert "view of somebody without an account here: Zoe's (zoe@example.org)" in odd.notes
    with copying.snapshot(target) as connection:
        assert connection.execute(select(Member.user_id, Member.role)).all() == [(2, "editor")]
        views = connection.execute(select(SavedView.name, SavedView.owner_id, SavedView.state)).all()
        assert [tuple(view) for view in views] == [("Eve's", 2, [["sort", "1"]]), ("All", None, [["sort", "1"]])]
        assert connection.scalar(select(User.email).where(User.email == "zoe@example.org")) is None


def test_links_and_forms_get_new_addresses(source: Settings, target: Settings, file: Path) -> None:
    with copying.filling(source) as connection, connection.begin():
        secret = {"table_id": 1, "name": "Secret", "token_hash": "h2", "sealed": "", "scope": [], "password_hash": "x"}
        connection.execute(insert(Link).values(**secret, may_edit=False, may_search=True, may_export=True))
    notes = [note for table in carry(source, target, file) for note in table.notes]
    assert "link with a password, which is not in the archive: Secret" in notes
    with copying.snapshot(target) as connection:
        (link,) = connection.execute(select(Link.scope, Link.shown, Link.token_hash)).all()
        (form,) = connection.execute(select(TableForm.fields, TableForm.is_on, TableForm.token_hash)).all()
    assert (link.scope, link.shown) == ([["q", "x"]], [1])
    assert (form.fields, form.is_on) == ([ASKED], False)
    tokens = {row[3] for name in ("links", "forms") for row in everything(source)[name]}
    assert not tokens & {link.token_hash, form.token_hash}


def test_nothing_secret_is_in_it(source: Settings, file: Path) -> None:
    export_all(source, file, force=False, progress=ignore)
    with ZipFile(file) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for name in ("password_hash", "token_hash", "sealed", "secret", "webhook", "https://hooks"):
        assert name not in text


def test_deleted_columns_stay_behind_and_their_numbers_are_not_given_again(
    source: Settings, target: Settings, file: Path
) -> None:
    with copying.filling(source) as connection, connection.begin():
        gone = Column.table_id == 2, Column.number == 3
        connection.execute(
            update(Column).where(*gone).values(deleted_at=select(Table.created_at).limit(1).scalar_subquery())
        )
    carry(source, target, file)
    assert exports(target) == exports(source)
    with copying.snapshot(target) as connection:
        assert connection.scalar(select(Table.next_column).where(Table.id == 3)) == 4
        assert connection.scalar(select(Column.is_dropped).where(Column.table_id == 3, Column.number == 3))


@pytest.mark.parametrize(
    ("email", "why"), [("nobody@example.org", "Nobody has"), ("gus@example.org", "guest, who cannot own")]
)
def test_the_owner_must_be_there(source: Settings, target: Settings, file: Path, email: str, why: str) -> None:
    export_all(source, file, force=False, progress=ignore)
    with pytest.raises(UserError, match=why):
        import_all(target, file, email, begin_nothing)
    assert len(everything(target)["tables"]) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.conftest import make_settings
from webapp.copies import importing
async def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
importing.add_history = kill
folder, file = map(Path, sys.argv[1:])
importing.import_all(make_settings(folder), file, "ben@example.org", lambda *_: lambda *_: None)
"""


def test_one_that_was_killed_leaves_a_table_that_is_being_removed(
    source: Settings, target: Settings, file: Path
) -> None:
    export_all(source, file, force=False, progress=ignore)
    arguments = [sys.executable, "-c", KILLED, str(target.data_dir), str(file)]
    assert subprocess.run(arguments, env=os.environ | {"PYTHONPATH": os.getcwd()}).returncode == -9
    with copying.snapshot(target) as connection:
        states = connection.execute(select(Table.state, Table.deleted_at.is_(None)).order_by(Table.id)).all()
    assert [tuple(state) for state in states] == [("ready", True), (PURGING, False)]


def title(about: Any) -> None:
    about["columns"][1]["title"] = "Other"


def type_(about: Any) -> None:
    about["columns"][1].update(type="date", format={})


def no_type(about: Any) -> None:
    about["columns"][1]["type"] = "nothing"


def number(about: Any) -> None:
    about["columns"][1]["number"] = 1


FORGED: list[Callable[[Any], None]] = [
    title,
    type_,
    no_type,
    number,
    lambda about: about.update(row_ids=[[5, 1]]),
    lambda about: about.update(row_ids=[[1, 4]]),
    lambda about: about.update(row_ids=[[1, 2**70]]),
    lambda about: about.update(seq=2**70),
    lambda about: about.update(created_at="2026-11-29T00:00:00"),
]


@TO_ANY
def test_tables_that_are_not_what_the_archive_says_are_refused(source: Settings, target: Settings, file: Path) -> None:
    """With hashes that are right; and nothing is left of them."""
    export_all(source, file, force=False, progress=ignore)
    before = everything(target)
    for change in FORGED:
        with pytest.raises(BadArchive):
            import_all(target, forged_table(file, change), BEN, begin_nothing)
    after = everything(target)
    assert without_last_ids(after) == without_last_ids(before)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"version": 2, "program": "Rowcast 7", "more": 1}, r"a newer version of Rowcast \(Rowcast 7\)"),
        ({"version": 0}, "it has the format 0"),
        ({"format": "rowcast-backup"}, "for another command: rowcast db restore"),
    ],
)
def test_other_formats_are_refused(
    source: Settings, target: Settings, file: Path, said: dict[str, Any], why: str
) -> None:
    export_all(source, file, force=False, progress=ignore)
    before = everything(target)
    with pytest.raises(BadArchive, match=f"{why}.*Nothing was changed"):
        import_all(target, forged(file, manifest=lambda known: known | said), BEN, begin_nothing)
    assert everything(target) == before


@TO_ANY
def test_a_history_that_cannot_be_is_refused(source: Settings, target: Settings, file: Path) -> None:
    export_all(source, file, force=False, progress=ignore)
    before, histories = everything(target), list[Callable[[bytes], bytes]]()
    histories += [lambda data: data + data, lambda data: b"{}\n" + data]
    histories += [lambda data: data.replace(b'"kind":', b'"other":', 1)]
    histories += [lambda data: data.replace(b'"rows":', b'"rows":1000000000000000000000,"more":', 1)]
    for change in histories:
        with pytest.raises(BadArchive):
            import_all(target, forged(file, "tables/1.history.jsonl", change), BEN, begin_nothing)
    assert without_last_ids(everything(target)) == without_last_ids(before)


def without_last_ids(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("last ids", "files")}


def forged_table(file: Path, change: Callable[[Any], None]) -> Path:
    def changed(data: bytes) -> bytes:
        about = json.loads(data)
        change(about)
        return json.dumps(about).encode()

    return forged(file, "tables/1.json", changed)


async def _write(settings: Settings, verb: Any, *arguments: Any) -> None:
    async def run(work: UnitOfWork) -> None:
        await verb(work, *arguments)

    database = Database(settings)
    await database.open()
    try:
        await database.write(run)
    finally:
        await database.close()
