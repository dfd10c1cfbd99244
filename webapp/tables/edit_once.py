"""Changes that a repeated request must not make twice: adding rows, and pasting, which may add some."""

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from quart.typing import ResponseReturnValue

from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor
from webapp.models.idempotency import AlreadyDone, Outcome, RequestKey, once
from webapp.models.policy import Action
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import entries_of
from webapp.tables.edit_answers import answer_json, present_repeat
from webapp.web.idempotency import header_key
from webapp.web.paths import url_for
from webapp.web.session import current_user

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[UnitOfWork, Actor, int, P], Awaitable[T]]


async def write_once(
    table_id: int,
    answer: Callable[[T], Awaitable[ResponseReturnValue]],
    verb: Verb[P, T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> ResponseReturnValue:
    """The answer to a script's request, which has a key in its header if it may be sent again; a repeat gets what the
    change log has of the first one's change. Raises `KeyReused`.
    """
    try:
        result = await write_keyed(await header_key(), table_id, verb, *args, **kwargs)
    except AlreadyDone as error:
        return await _answer_repeat(table_id, error.outcome)
    return await answer(result)


async def write_keyed(
    key: RequestKey | None, table_id: int, verb: Verb[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Raises `AlreadyDone`, which leads a form to the table."""
    url = url_for("tables.show", table_id=table_id)

    def outcome(result: Any) -> Outcome:
        return Outcome(url, "This was saved already.", f"change:{table_id}:{getattr(result, 'seq', None) or ''}")

    return await db().write(once, key, outcome, verb, current_user(), table_id, *args, **kwargs)


async def _answer_repeat(table_id: int, outcome: Outcome) -> ResponseReturnValue:
    """Rights are those of now."""
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    _, _, seq = outcome.subject.rpartition(":")
    entries = await db().read(lambda connection: entries_of(connection, table.id, int(seq))) if seq else []
    return answer_json(
        present_repeat(int(seq) if seq else None, entries, {field.number: field for field in table.ref.fields})
    )
