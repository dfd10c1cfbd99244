"""Units of work that change the same table wait for each other, where several can write at once.

Otherwise nearly each of them would come between another one, which is run again then: with eight people who edit one
table, most of what the database did was done in vain.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from webapp.db.errors import DatabaseBusy

TABLE = "table_id"  # the parameter of a verb that says which table it is about
_RUNS = "rowcast_runs"  # the attribute of a verb that runs another one

V = TypeVar("V", bound=Callable[..., Any])


class TableTurns:
    """In the order in which they came. Verbs that are about no table wait for nobody."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(
        self, seconds: float, verb: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncIterator[None]:
        """Raises `DatabaseBusy` if it has not come after so many seconds."""
        table_id = table_of(verb, args, kwargs)
        if table_id is None:
            yield
            return
        lock = self._locks.setdefault(table_id, asyncio.Lock())
        try:
            async with asyncio.timeout(seconds):
                await lock.acquire()
        except TimeoutError as error:
            raise DatabaseBusy from error
        try:
            yield
        finally:
            lock.release()


def runs_verb(place: int) -> Callable[[V], V]:
    """Of a verb that runs another one: which of its arguments, behind the unit of work, that is; its own follow."""

    def mark(verb: V) -> V:
        setattr(verb, _RUNS, place)
        return verb

    return mark


def table_of(verb: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """Which table `verb(work, *args, **kwargs)` is about; None if its parameters do not say it."""
    if (inner := getattr(verb, _RUNS, None)) is not None:
        return table_of(args[inner], args[inner + 1 :], kwargs)
    place = _place_of_table(verb)
    found = kwargs.get(TABLE, args[place] if place is not None and place < len(args) else None)
    return found if isinstance(found, int) else None


@lru_cache(maxsize=1_000)
def _place_of_table(verb: Callable[..., Any]) -> int | None:
    """Behind the unit of work, which comes first."""
    names = list(inspect.signature(verb).parameters)[1:]
    return names.index(TABLE) if TABLE in names else None
