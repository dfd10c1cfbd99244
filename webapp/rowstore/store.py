"""The row store: what can be asked of the rows of tables, in three interfaces by where a call runs.

    await store.read(lambda rows: rows.page(table, query), seconds=5)  # RowReader: in a thread, on one snapshot
    await within(work, lambda rows: rows.apply(table, changes))        # RowWriter: in a unit of work
    with open_loader(store.address) as loader: ...                     # RowLoader: in a child process

They are in `reader.py`, `writer.py` and `loader.py`. Each database has its own implementation
(`webapp.rowstore.sqlite`); nothing outside this package speaks SQL to user tables. Cells go in and come out as texts,
exactly as files have them.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol, TypeVar

from webapp.rowstore.reader import Blocks, RowReader
from webapp.rowstore.values import Limits

F = TypeVar("F")
T = TypeVar("T")


class RowStore(Protocol):
    """The rows of one application."""

    limits: Limits

    @property
    def address(self) -> str:
        """What `open_loader` and `open_reader` take, also in a child process."""
        ...

    async def read(self, work: Callable[[RowReader], T], seconds: float) -> T:
        """Run `work(rows)` in a thread, on one snapshot, for at most `seconds` or until the caller is cancelled."""
        ...

    async def find_and_read(self, find: Callable[[Any], F], work: Callable[[F, RowReader], T], seconds: float) -> T:
        """The same, with `work(found, rows)` for what `find(connection)` finds first, as in `Database.read`: also on
        that snapshot, and without another switch of threads. The time counts from then on.
        """
        ...

    def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """What `work(rows)` yields, made in a thread one block ahead of the client. Stops when the consumer does."""
        ...
