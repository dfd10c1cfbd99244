"""A later file for a table that is applied without asking: its sender wished so when it was uploaded."""

from dataclasses import replace
from typing import Final

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import User, actor_from
from webapp.models.errors import NotAllowed
from webapp.models.policy import Actor
from webapp.models.tables.import_model import Import, ImportState, StateConflict
from webapp.models.tables.import_update import get_update
from webapp.models.tables.import_updating import Decision, apply
from webapp.models.tables.import_wishes import Wishes
from webapp.models.tables.importing import announce, get_import

MAX_COMPARISONS: Final = 5  # of a table that others keep changing


class TableKeepsChanging(UserError):
    def __init__(self) -> None:
        super().__init__("Others keep changing the table. Nothing was imported; try again later.")


class NotCompared(UserError):
    def __init__(self) -> None:
        super().__init__("It is not clear how this file is laid over the table. Choose its columns or its key first.")


async def apply_wished(work: UnitOfWork, import_id: str, plan: str) -> None:
    """Apply what has been compared, if that is wished; its sender's rights are those of now. Where the table has
    changed since, the file is compared again. The job of a comparison calls this, once or more often.

    Raises what `apply` does, `TooFewRows` and `TableKeepsChanging`.
    """
    import_ = await work.session.get(Import, import_id)
    wishes = Wishes.from_json(import_.wishes if import_ is not None else None)
    if import_ is None or import_.state != ImportState.READY or import_.failure or not wishes.starts:
        return
    _, update = await get_update(work.session, import_id)
    if update.report is None:
        return
    wishes.ensure_enough_rows(update.report)
    user = await work.session.get_one(User, import_.user_id)
    if not user.is_active:
        raise NotAllowed("Whoever sent this file may not sign in any more.")
    if not await apply(work, actor_from(user), update.table_id, import_id, Decision(wishes.edits), plan):
        if wishes.comparisons + 1 >= MAX_COMPARISONS:
            raise TableKeepsChanging
        import_.wishes = replace(wishes, comparisons=wishes.comparisons + 1).to_json()


async def start(work: UnitOfWork, actor: Actor, table_id: int, import_id: str, wishes: Wishes, plan: str) -> None:
    """Apply what has been compared; if the table has changed since, once it has been compared again. Asking for what is
    being done is asking once.

    Raises `StateConflict`, `NotCompared`, `TooFewRows`, and what `apply` does.
    """
    import_, update = await get_update(work.session, import_id, table_id)
    if import_.state == ImportState.READY:
        if update.report is None:
            raise NotCompared
        wishes.ensure_enough_rows(update.report)
    try:
        if not await apply(work, actor, table_id, import_id, Decision(wishes.edits), plan):
            import_.wishes = wishes.to_json()
    except StateConflict:
        if import_.state != ImportState.COMPARING or not Wishes.from_json(import_.wishes).starts:
            raise


async def refuse(work: UnitOfWork, import_id: str, reason: str) -> None:
    """It waits for a decision instead; `reason` says why."""
    import_ = await get_import(work, import_id)
    if import_.state == ImportState.READY:
        import_.failure, import_.wishes = reason, None
        announce(work, import_id)
