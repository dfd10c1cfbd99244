"""Ada, and what the verbs say follows them."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides
from webapp.models import Import, User
from webapp.models.policy import Actor
from webapp.models.tables import importing

ADA = Actor(1, "ada@example.org", "ada", "owner")
IMPORT = "a" * 32
CSV = "Planet,Moons\nMars,2\nVenus,0\n"


@pytest.fixture
def system(request: pytest.FixtureRequest) -> str:
    """Modules that run on both in every run say so themselves: there are too many for all to do."""
    return str(request.config.getoption("--database"))


@dataclass
class Followed:
    """What units of work have handed over, in order."""

    tasks: list[tuple[str, str]] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)

    def enqueue(self, task: str, subject: str) -> None:
        self.tasks.append((task, subject))

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None:
        self.topics.append(topic)


@pytest.fixture
async def followed(database: Database) -> Followed:
    async def add(work: UnitOfWork) -> None:
        work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="", role="owner"))

    await database.write(add)
    database.queue = database.broker = made = Followed()
    return made


@pytest.fixture
async def previewed(database: Database, followed: Followed, tmp_path: Path) -> Followed:
    """An import whose preview waits for a decision."""
    path = tmp_path / "some_planets.csv"
    path.write_text(CSV)
    await database.write(importing.create, IMPORT, user_id=1, filename=path.name, size=len(CSV), sha256="")
    await database.write(importing.record_inspection, IMPORT, inspect_file(path, path.name).to_json())
    followed.tasks.clear()
    followed.topics.clear()
    return followed


async def get(database: Database) -> Import:
    async with database.reading() as session:
        return await session.get_one(Import, IMPORT)


async def load(database: Database, search_index_rows: int = 1000) -> int:
    """Both ends of pass 2; return the id of the table, which stays empty."""
    assert await database.write(importing.begin_loading, IMPORT, ImportOverrides())
    await database.write(importing.finish_loading, IMPORT, search_index_rows)
    table_id = (await get(database)).table_id
    assert table_id is not None
    return table_id
