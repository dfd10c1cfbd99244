"""The verbs of large changes. A feature begins one with the name of its planner (`webapp.planners.plan` says how one is
plugged in) and reads in the record what has become of it:

    change = await db().write(begin, actor, table_id, Planned("upper", {"column": 3}, Kind.CELLS, Via.PAGE))
    ...                                        # planned and applied in the background, as soon as it can be
    change = await db().write(begin, actor, table_id, planned, is_decided=False)
    ...                                        # planned in the background; then `change.state` is READY, and a page
    await db().write(apply, actor, table_id, change.id)  # shows `change.report` and asks whether to go on
    await db().write(cancel, actor, table_id, change.id)

A change of at most `AT_ONCE` rows is none of these: it is made in the request. Each change is one change set, whose
`seq` is taken when applying begins; it is undone as a whole, by another large change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import Action, Actor, is_allowed
from webapp.models.tables.access import require_access
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.large_change import ENDED, LargeChange, LargeState, ensure_free
from webapp.models.tables.large_columns import NewColumn, new_columns_of
from webapp.models.tables.large_steps import follow, give_up, start
from webapp.models.tables.sheet import editable


class LargeChangeOver(UserError):
    def __init__(self) -> None:
        super().__init__("This change has ended already, or another page has decided about it. Load the page again.")


@dataclass(frozen=True, slots=True)
class Planned:
    """What a feature wants: the planner's name and its arguments (JSON), and what the change set will say."""

    planner: str
    arguments: Mapping[str, Any]
    kind: Kind
    via: Via
    note: str = ""
    undo_of: int | None = None  # the `seq` that it takes back
    new_columns: Sequence[NewColumn] = ()  # that the plan needs


async def begin(
    work: UnitOfWork, actor: Actor, table_id: int, planned: Planned, *, is_decided: bool = True
) -> LargeChange:
    """Plan a change in the background, and apply it then if `is_decided`. Asking for what is being done is asking once.

    Raises `NotFound`, `NotAllowed`, `TableNotReady`, and for a decided one `LargeChangeRunning`, `PurgeRunning` and
    `TypeChangeRunning`.
    """
    await work.run(lambda connection: editable(connection, actor, table_id))
    same = await _same_running(work, actor, table_id, planned)
    if same is not None:
        return same
    if is_decided:
        await work.run(lambda connection: ensure_free(connection, table_id))
    change = LargeChange(
        table_id=table_id,
        user_id=actor.id,
        kind=planned.kind,
        via=planned.via,
        note=planned.note,
        undo_of=planned.undo_of,
        planner=planned.planner,
        arguments=dict(planned.arguments),
        new_columns=[one.to_json() for one in planned.new_columns],
        is_decided=is_decided,
    )
    work.session.add(change)
    await work.session.flush()
    follow(work, change)
    return change


async def apply(work: UnitOfWork, actor: Actor, table_id: int, change_id: int) -> LargeChange:
    """Apply a plan that is ready. Pressing twice is pressing once. The change has failed, with a reason, if a column
    has another type or other rules than it was planned for.

    Raises `NotFound`, `NotAllowed`, `LargeChangeOver`, `LargeChangeRunning`, `PurgeRunning` and `TypeChangeRunning`.
    """
    change = await _own(work, actor, table_id, change_id)
    if change.state == LargeState.READY:
        await start(work, change)
    elif change.state not in (LargeState.APPLYING, LargeState.DONE):
        raise LargeChangeOver
    return change


async def cancel(work: UnitOfWork, actor: Actor, table_id: int, change_id: int) -> None:
    """Nothing is changed, and what was is taken back, but for what somebody has changed since. Cancelling what has
    ended is allowed. Raises `NotFound`, and `NotAllowed` to all but the person whose change it is and the table's
    owner.
    """
    change = await _own(work, actor, table_id, change_id)
    give_up(work, change, None)


async def withdraw_changes(work: UnitOfWork, table_id: int) -> None:
    """Cancel whatever large change there is of a table, whoever's it is: the table is going away."""
    unfinished = select(LargeChange).where(LargeChange.table_id == table_id, LargeChange.state.not_in(ENDED))
    for change in await work.session.scalars(unfinished):
        give_up(work, change, None)


async def _same_running(work: UnitOfWork, actor: Actor, table_id: int, planned: Planned) -> LargeChange | None:
    """One that was asked for in the same words a moment ago."""
    mine = select(LargeChange).where(
        LargeChange.table_id == table_id,
        LargeChange.user_id == actor.id,
        LargeChange.planner == planned.planner,
        LargeChange.state.in_((LargeState.PLANNING, LargeState.APPLYING)),
    )
    asked = dict(planned.arguments), [one.title for one in planned.new_columns]
    found = await work.session.scalars(mine)
    same = (one for one in found if (one.arguments, [new.title for new in new_columns_of(one)]) == asked)
    return next(same, None)


async def _own(work: UnitOfWork, actor: Actor, table_id: int, change_id: int) -> LargeChange:
    access = await require_access(work, actor, table_id, Action.EDIT_TABLE)
    change = await work.session.get(LargeChange, change_id)
    if change is None or change.table_id != table_id:
        raise NotFound("change")
    if change.user_id != actor.id and not is_allowed(actor, Action.CHANGE_TABLE, access):
        raise NotAllowed("Only the person whose change this is, and the owner of the table, can do this.")
    return change
