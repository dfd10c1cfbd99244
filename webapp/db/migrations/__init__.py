"""The schema of our own tables: `versions/` holds the migrations, and Alembic runs them.

The server migrates the database when it starts. Usually nothing needs migrating; then Alembic, half a second of
imports, is not even loaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from settings import Settings
from webapp.db.copying import ensure_finished
from webapp.db.errors import UserError
from webapp.db.systems import system_of

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import MetaData

HERE = Path(__file__).parent


class NewerDatabase(UserError):
    def __init__(self, revision: str) -> None:
        super().__init__(
            f"A newer version of Rowcast has upgraded this database: it has revision {revision}, and this version has"
            f" {head()}. Install that version again; or restore the backup from before the upgrade into an empty place."
        )


def head() -> str:
    """The newest migration: files are named `<number>_<words>.py` and only ever added (a test compares with
    Alembic).
    """
    return max(revisions())


def revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in (HERE / "versions").glob("[0-9]*.py")}


def current(settings: Settings) -> str | None:
    """The revision of the database; None if it was never migrated."""
    return system_of(settings).revision()


def ensure_known(settings: Settings) -> str | None:
    """Return the revision of the database, which is one of this version. Raises `NewerDatabase`."""
    revision = current(settings)
    if revision is not None and revision not in revisions():
        raise NewerDatabase(revision)
    return revision


def upgrade(settings: Settings) -> bool:
    """Migrate the database to the newest revision; return whether there was anything to do.

    All migrations run in one transaction that holds a lock: two servers that start together take turns, and a
    failing migration leaves the database unchanged. Raises `CopyUnfinished` for a database that is being filled, and
    `NewerDatabase`.
    """
    ensure_finished(settings)
    if ensure_known(settings) == head():
        return False
    migrate(settings, head())
    system_of(settings).compact_once()
    return True


def migrate(settings: Settings, revision: str) -> None:
    """To this revision, or a later one if the database has that. For whoever fills it, too."""
    from alembic import command  # slow to import, see above

    command.upgrade(configuration(settings), revision)


def configuration(settings: Settings, metadata: "MetaData | None" = None) -> "Config":
    """Alembic's configuration in code; pyproject.toml has the same for its command line."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes.update(settings=settings, metadata=metadata)
    return config
