"""Changes of a table that are sent again with the same `Idempotency-Key`: they are made once, and answered alike."""

import json
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any, Concatenate, ParamSpec, TypeVar

from quart import request

from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor
from webapp.models.idempotency import AlreadyDone, Outcome, once
from webapp.models.policy import Action
from webapp.models.tables.access import find_table
from webapp.web.idempotency import header_key
from webapp.web.session import current_user

P = ParamSpec("P")
T = TypeVar("T")


async def write_once(
    table_id: int,
    answer: Callable[[T], Any],
    verb: Callable[Concatenate[UnitOfWork, Actor, int, P], Awaitable[T]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Any:
    """`answer` makes of the verb's result what the response needs, as JSON can have it, and short. A repeat gets what
    the first one got, if its sender may still see the table. Raises `KeyReused`.
    """

    def outcome(result: T) -> Outcome:
        return Outcome(message=json.dumps(answer(result), separators=(",", ":")), subject=f"answer:{table_id}")

    key = await header_key(f"table {table_id}")
    try:
        return answer(await db().write(once, key, outcome, verb, current_user(), table_id, *args, **kwargs))
    except AlreadyDone as done:
        await find_table(db(), current_user(), table_id, Action.READ_TABLE)
        return json.loads(done.outcome.message)


async def create_once(
    about_id: int,
    id_of: Callable[[T], int],
    verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> tuple[int, T | None]:
    """Return the id of what the verb made, and what it returned: None for a repeat, for which nothing is made.
    `about_id` is of what the address of the request is about. Raises `KeyReused`.
    """

    def outcome(result: T) -> Outcome:
        return Outcome(subject=f"{request.endpoint}:{id_of(result)}")

    key = await header_key(f"about {about_id}")
    try:
        made = await db().write(once, key, outcome, verb, *args, **kwargs)
    except AlreadyDone as done:
        return int(done.outcome.subject.rpartition(":")[2]), None
    return id_of(made), made


def to_runs(ids: Sequence[int]) -> list[list[int]]:
    """Ids in their order, as first ids and how many follow each other: rows that come together mostly do."""
    if not ids:
        return []
    breaks = [0, *(place for place, (one, other) in enumerate(pairwise(ids), 1) if other != one + 1), len(ids)]
    return [[ids[start], end - start] for start, end in pairwise(breaks)]


def from_runs(runs: Sequence[Sequence[int]]) -> list[int]:
    return [row_id for first, count in runs for row_id in range(first, first + count)]
