"""Versions of tables and rows, by which a program says what it has seen: nothing is changed if that is not so any more.

They change with everything of a table that others can see, but not with who may see it.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Container, Mapping
from typing import Concatenate, ParamSpec, TypeVar

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import VersionMismatch
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import require_access
from webapp.models.tables.table import Table

P = ParamSpec("P")
T = TypeVar("T")

_DIGITS = 16  # of a version
Versions = Container[str] | None  # None: any


def table_version(table: Table) -> str:
    """Of its title, columns and rows. While its rows are coming in, or a large change is applied, it need not change
    with each of them.
    """
    return f"{table.id}-{table.seq}-{table.version}-{table.state}"


def row_version(row_id: int, texts: Mapping[int, str]) -> str:
    """Of a row with the exact texts of all its cells, by the number of their column."""
    content = json.dumps([row_id, sorted(texts.items())], ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]


def ensure_current(version: str, wanted: Versions) -> None:
    """Raises `VersionMismatch`."""
    if wanted is not None and version not in wanted:
        raise VersionMismatch


async def if_table_version(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    wanted: Versions,
    verb: Callable[Concatenate[UnitOfWork, Actor, int, P], Awaitable[T]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run the verb if the table is in one of these versions: under the write lock nobody can be faster. Raises
    `NotFound` and `VersionMismatch`.
    """
    if wanted is not None:
        access = await require_access(work, actor, table_id, Action.READ_TABLE)
        ensure_current(table_version(access.table), wanted)
    return await verb(work, actor, table_id, *args, **kwargs)
