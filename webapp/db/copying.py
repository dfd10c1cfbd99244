"""A whole database, for copies of an installation: one snapshot of it to read, or an empty one to fill.

While a copy fills a database, a table of this module is in it. No server starts on such a database, and no command uses
it (`ensure_finished`).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, Protocol

from sqlalchemy import Column, Connection, MetaData, String, Table, Text, delete, insert, inspect, select
from sqlalchemy.engine import make_url

from settings import Settings
from webapp.db.errors import UserError

UNFINISHED = Table("unfinished_copy", MetaData(), Column("name", String, primary_key=True), Column("value", Text))


class CopyUnfinished(UserError):
    def __init__(self) -> None:
        super().__init__(
            "This database is the target of a restore or a move that did not come to its end, so it is not used."
            " Run the same command again: it goes on, or begins anew."
        )


class CopyingSystem(Protocol):
    """What each database system has a module for."""

    def is_there(self, url: str) -> bool: ...
    def snapshot(self, url: str) -> AbstractContextManager[Connection]: ...
    def filling(self, url: str) -> AbstractContextManager[Connection]: ...
    def clear(self, connection: Connection) -> None: ...
    def ensure_whole(self, connection: Connection) -> None: ...
    def last_ids(self, connection: Connection) -> dict[str, int]: ...
    def set_last_ids(self, connection: Connection, ids: Mapping[str, int]) -> None: ...


def _system(name: str) -> CopyingSystem:
    """By the name of the system; the driver of the other one is not loaded."""
    module: Any = import_module(f"webapp.db.{name}_copying")
    return module  # type: ignore[no-any-return]


def _of(settings: Settings) -> CopyingSystem:
    return _system(make_url(settings.sqlalchemy_url).get_backend_name())


@contextmanager
def snapshot(settings: Settings) -> Iterator[Connection]:
    """Everything as it is now, whatever others write meanwhile; nothing can be changed."""
    with _of(settings).snapshot(settings.sqlalchemy_url) as connection:
        yield connection


@contextmanager
def filling(settings: Settings) -> Iterator[Connection]:
    """Make the database if there is none. Each step has a transaction of its own (`connection.begin()`); foreign keys
    are checked by `ensure_whole` only.
    """
    with _of(settings).filling(settings.sqlalchemy_url) as connection:
        yield connection


def exists(settings: Settings) -> bool:
    """Whether there is anything in the database."""
    if not _of(settings).is_there(settings.sqlalchemy_url):
        return False
    with snapshot(settings) as connection:
        return bool(inspect(connection).get_table_names())


def clear(connection: Connection) -> None:
    """Remove everything: of a copy that did not come to its end."""
    _system(connection.dialect.name).clear(connection)


def ensure_whole(connection: Connection) -> None:
    """Raises `ValueError` if a row refers to one that is not there."""
    _system(connection.dialect.name).ensure_whole(connection)


def last_ids(connection: Connection) -> dict[str, int]:
    """Of the tables whose ids are never used again, the highest that was ever used."""
    return _system(connection.dialect.name).last_ids(connection)


def set_last_ids(connection: Connection, ids: Mapping[str, int]) -> None:
    _system(connection.dialect.name).set_last_ids(connection, ids)


def ensure_finished(settings: Settings) -> None:
    """Raises `CopyUnfinished`."""
    if not _of(settings).is_there(settings.sqlalchemy_url):
        return
    with snapshot(settings) as connection:
        if is_unfinished(connection):
            raise CopyUnfinished


# -- what is noted of an unfinished copy -------------------------------------------------------------------------------


def is_unfinished(connection: Connection) -> bool:
    return inspect(connection).has_table(UNFINISHED.name)


def begin(connection: Connection, notes: Mapping[str, str]) -> None:
    UNFINISHED.create(connection)
    for name, value in notes.items():
        note(connection, name, value)


def note(connection: Connection, name: str, value: str) -> None:
    """Remember it, in the transaction of what it is about."""
    connection.execute(delete(UNFINISHED).where(UNFINISHED.c.name == name))
    connection.execute(insert(UNFINISHED).values(name=name, value=value))


def notes(connection: Connection) -> dict[str, str]:
    return {name: value for name, value in connection.execute(select(UNFINISHED.c.name, UNFINISHED.c.value))}


def finish(connection: Connection) -> None:
    """The copy is complete: from now on the database can be used."""
    UNFINISHED.drop(connection)
