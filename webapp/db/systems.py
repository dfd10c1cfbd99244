"""Which database system it is: decided here, by the address, and nowhere else in this package."""

from settings import Settings
from webapp.db.sqlite_system import SqliteSystem
from webapp.db.system import DatabaseSystem


def system_of(settings: Settings) -> DatabaseSystem:
    if settings.sqlalchemy_url.startswith("postgresql"):
        from webapp.db.postgresql_system import PostgresqlSystem  # not loaded beside SQLite

        return PostgresqlSystem(settings.sqlalchemy_url)
    return SqliteSystem(settings.sqlalchemy_url)
