"""Archives that the release before has made: this version restores them, on either database."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import insert

from settings import Settings
from tests.copies.installations import begin_nothing, everything
from tests.upgrades.installations import BACKUP, TABLES
from webapp.copies.archive import BadArchive
from webapp.copies.importing import import_all
from webapp.copies.restoring import restore
from webapp.db import copying, migrations
from webapp.models import User

OWNER = "ben@example.org"


def test_an_older_backup_is_restored_and_upgraded(before: Settings, empty: Settings) -> None:
    """To what upgrading the installation itself leads to."""
    restore(empty, BACKUP, begin_nothing)
    migrations.upgrade(before)
    assert migrations.current(empty) == migrations.head()
    assert everything(empty) == everything(before)


def test_a_program_that_is_older_than_the_backup_refuses_it(
    before: Settings, empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded, known = migrations.current(before), migrations.revisions()
    assert recorded
    monkeypatch.setattr(migrations, "revisions", lambda: {revision for revision in known if revision < recorded})
    with pytest.raises(BadArchive, match=r"a newer version of Rowcast .* Nothing was changed"):
        restore(empty, BACKUP, begin_nothing)
    assert not copying.exists(empty)


def test_older_portable_tables_are_taken_in(empty: Settings, recorded: dict[str, Any]) -> None:
    migrations.upgrade(empty)
    with copying.filling(empty) as connection, connection.begin():
        connection.execute(insert(User).values(email=OWNER, name="Ben", password_hash="x", role="owner"))
    made = import_all(empty, TABLES, OWNER, begin_nothing)
    found = everything(empty)
    for table, number in zip(made, ("1", "2"), strict=True):
        exported = hashlib.sha256(found[f"export of {table.id}"]).hexdigest()
        assert exported == recorded["exports"][number]["csv"]
        assert [row[1] for row in found["change_sets"] if row[0] == table.id] == [
            seq for seq, *_ in recorded["histories"][number]
        ]
