"""An installation of 0.1.0, which knew SQLite only, goes through all migrations that there are."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.conftest import Client
from tests.copies.installations import begin_nothing, everything
from tests.database import FILE, broken
from tests.postgresql import sqlalchemy_url
from tests.upgrades.conftest import settings_of
from tests.upgrades.installations import FIRST, read_recorded, unpack
from tests.upgrades.visits import Visit, export, signed_in
from webapp import create_app
from webapp.copies.moving import move
from webapp.db import migrations
from webapp.models import Base


@pytest.fixture
def recorded() -> dict[str, Any]:
    return read_recorded(FIRST)


@pytest.fixture
def before(tmp_path: Path) -> Settings:
    return settings_of(unpack(tmp_path / "data", FIRST), database_url="")


async def test_the_start_upgrades_it_and_everything_is_there(before: Settings, recorded: dict[str, Any]) -> None:
    from alembic import command

    app = create_app(before)
    app.test_client_class = Client
    async with app.test_app():
        visits = {email: await signed_in(app, email, recorded) for email in recorded["people"]}
        ada = visits["ada@example.org"]
        await ada.get("/admin/people")
        await visits["eve@example.org"].get("/admin/people", 403)
        await ensure_same(ada, recorded)
        await ada.post("/tables/2/bulk/replace?rows=5", column="3", find="row", replacement="x", confirm="1")
        assert await ada.sha256(export(2)) != recorded["exports"]["2"]["csv"]
        await ada.post("/tables/2/undo")
        await ensure_same(ada, recorded)
    command.check(migrations.configuration(before, Base.metadata))
    assert broken(before.data_dir / FILE) == []


async def ensure_same(ada: Visit, recorded: dict[str, Any]) -> None:
    """Exports and files have the bytes that 0.1.0 sent."""
    for table_id, hashes in recorded["exports"].items():
        assert await ada.sha256(export(table_id)) == hashes["csv"]
        assert await ada.sha256(export(table_id, "ndjson")) == hashes["ndjson"]
        assert await ada.sha256(f"/tables/{table_id}/original") == hashes["original"]


def test_upgraded_it_moves_to_postgresql(before: Settings, recorded: dict[str, Any], postgresql_url: str) -> None:
    migrations.upgrade(before)
    elsewhere = settings_of(before.data_dir, database_url=sqlalchemy_url(postgresql_url))
    move(before, elsewhere, begin_nothing)
    found = everything(elsewhere)
    for table_id, hashes in recorded["exports"].items():
        assert hashlib.sha256(found[f"export of {table_id}"]).hexdigest() == hashes["csv"]
