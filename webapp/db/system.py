"""What differs between the database systems, for the layer above: connections, schema changes, space."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from webapp.db.errors import UserError

T = TypeVar("T")


class CannotCompact(UserError):
    """Why the database is not made smaller."""


@dataclass(frozen=True, slots=True)
class Compacted:
    before: int  # bytes
    after: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether a database system is what the application needs, for `rowcast doctor`."""

    name: str
    found: str
    advice: str = ""  # what to do; empty if nothing is wrong

    @property
    def is_good(self) -> bool:
        return not self.advice


class Writer(Protocol):
    """A connection that writes, for one unit of work at a time: for its session, and blocking, in a thread of its own.
    A transaction that has not begun begins with the first call.
    """

    @property
    def session_engine(self) -> AsyncEngine: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def is_lost(self) -> bool:
        """Whether the connection has broken off."""
        ...

    async def ready(self) -> None:
        """Called before each unit of work: a lost connection is opened again. Raises `DatabaseAway`."""
        ...

    def start(self, function: Callable[[Connection], T], *, commits: bool = False) -> "asyncio.Future[T]":
        """Run `function(connection)` in the thread, and commit there if it has not failed."""
        ...

    async def commit(self) -> None:
        """Commit what was begun here, if it was."""
        ...

    async def rollback(self) -> None: ...

    async def close(self) -> None: ...


class Reads(Protocol):
    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]: ...


Changes = Callable[[Callable[[Connection], None]], Awaitable[None]]  # in the writer's thread, as a unit of work


class DatabaseSystem(Protocol):
    """One database of one system. Making the object opens nothing."""

    single_statement: Mapping[str, Any]  # execution options of a statement that is its own transaction

    @property
    def product(self) -> tuple[str, str]:
        """Name and version of the system; the version may be known only once something is open."""
        ...

    @property
    def address(self) -> str:
        """What a child process opens the database by."""
        ...

    @property
    def file(self) -> Path | None:
        """Where the data is, if that is a file of this machine."""
        ...

    def fitness(self) -> Fitness: ...

    async def open_writers(self) -> Sequence[Writer]: ...

    def create_reader(self, size: int) -> AsyncEngine: ...

    def create_blocking_reader(self, size: int) -> Engine: ...

    async def shrink(self, read: Reads, change: Changes) -> bool:
        """Give a slice of the disk back that nothing uses; return whether there is more."""
        ...

    def revision(self) -> str | None:
        """Of the schema; None if it was never migrated."""
        ...

    def migrating(self) -> AbstractContextManager[Connection]:
        """One transaction for schema changes; servers that start together take turns."""
        ...

    def compact(self) -> Compacted:
        """As small as can be. Nobody else may use the database meanwhile. Raises `CannotCompact`."""
        ...

    def compact_once(self) -> None:
        """After an upgrade: prepare the database for giving space back, if it has to be."""
        ...
