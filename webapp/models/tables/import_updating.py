"""The verbs of a further file for a table: it is read like any other, compared, and then applied as one large change.

    create --> inspecting --> ready --> comparing --> ready, with a comparison --> updating --> done

Nothing of the table changes before `apply`. Whoever calls these may edit the table at that moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.formats.titles import MAX_TITLE, visible
from webapp.imports.column_matching import Match, source_name
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.imports.update_settings import NEW, Missing, Mode, UpdateSettings
from webapp.models.base import utc_now
from webapp.models.errors import NotAllowed
from webapp.models.policy import Action, Actor, is_allowed
from webapp.models.tables import large_changing, large_steps
from webapp.models.tables.access import require_access
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.import_model import Import, ImportState, StateConflict, ensure_room
from webapp.models.tables.import_update import ImportUpdate, get_update, remember_source
from webapp.models.tables.import_wishes import Wishes
from webapp.models.tables.importing import announce, begin_inspection, cancel, get_in_state
from webapp.models.tables.judged_columns import judged_columns
from webapp.models.tables.large_change import ENDED, LargeChange, LargeState
from webapp.models.tables.large_columns import NewColumn, ensure_room_for, numbers_of
from webapp.models.tables.sheet import editable
from webapp.models.tables.update_checks import ensure_fitting, has_changed_since

MARK_TITLE = "Missing from the file"
PLANNER = "import.update"
OUTDATED = "The table has changed since, so the file was compared with it again."


class TableGone(UserError):
    def __init__(self) -> None:
        super().__init__("The table that this file is for has been deleted.")


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of cells and rows that people edited and the file has otherwise: `THEIRS`, `FILE` or `EACH`, and
    the numbers of those of which the file's is taken then.
    """

    answer: str
    taken: tuple[int, ...] = ()


async def create(
    work: UnitOfWork,
    import_id: str,
    actor: Actor,
    table_id: int,
    *,
    filename: str,
    size: int,
    sha256: str,
    limit: int | None = None,
    overrides: ImportOverrides | None = None,
    wishes: Wishes | None = None,
) -> None:
    """Begin with an upload, which is in the import's folder. `size` is in bytes. `overrides` say how to read it.

    Raises `NotFound`, `NotAllowed`, `TableNotReady` and `TooManyWaiting`.
    """
    await work.run(lambda connection: editable(connection, actor, table_id))
    if limit is not None:
        await ensure_room(work.session, actor.id, limit)
    import_ = Import(id=import_id, user_id=actor.id, filename=filename, size=size, sha256=sha256, is_update=True)
    import_.wishes = wishes.to_json() if wishes is not None else None
    work.session.add(import_)
    await work.session.flush()
    work.session.add(ImportUpdate(import_id=import_id, table_id=table_id, source=source_name(filename)))
    begin_inspection(work, import_, overrides or ImportOverrides())


async def record_inspection(
    work: UnitOfWork,
    import_id: str,
    inspection: Mapping[str, Any],
    matches: Sequence[Match],
    settings: UpdateSettings,
    *,
    is_sure: bool,
) -> None:
    """The file has been read. If it `is_sure` how it is laid over the table, it is compared at once; else a page asks.

    Raises `NotFound` if the table is gone.
    """
    import_ = await get_in_state(work, import_id, ImportState.INSPECTING)
    _, update = await get_update(work.session, import_id)
    import_.inspection, import_.failure = dict(inspection), None
    update.matches, update.settings = [asdict(match) for match in matches], settings.to_json()
    import_.state = ImportState.READY
    announce(work, import_id)
    if is_sure:
        await _compare(work, import_, update)


async def compare(
    work: UnitOfWork, actor: Actor, table_id: int, import_id: str, settings: UpdateSettings, limit: int | None = None
) -> None:
    """Lay the file over the table like this, without changing it. Asking for what is being done is asking once.

    Raises `SettingsRefused`, `StateConflict` and `TooManyWaiting`.
    """
    table = await work.run(lambda connection: editable(connection, actor, table_id))
    import_, update = await get_update(work.session, import_id, table_id)
    if import_.state == ImportState.COMPARING and update.settings == settings.to_json():
        return
    if import_.state != ImportState.READY or import_.inspection is None:
        raise StateConflict(import_.state)
    ensure_fitting(settings, InspectionReport.from_json(import_.inspection), table.columns)
    if limit is not None:
        await ensure_room(work.session, import_.user_id, limit)
    update.settings, update.note = settings.to_json(), ""
    import_.wishes = None  # somebody decides
    await _compare(work, import_, update)


async def record_comparison(work: UnitOfWork, import_id: str, comparison: Mapping[str, Any]) -> None:
    """`comparison` is a `ComparisonReport` as JSON."""
    import_ = await get_in_state(work, import_id, ImportState.COMPARING)
    _, update = await get_update(work.session, import_id)
    update.comparison, update.decision = dict(comparison), {}
    import_.state, import_.failure = ImportState.READY, None
    announce(work, import_id)


async def apply(work: UnitOfWork, actor: Actor, table_id: int, import_id: str, decision: Decision, plan: str) -> bool:
    """Do what the comparison says; `plan` is the path of its plan. Pressing twice is pressing once.

    Return False if the table is another one than was compared with: then the file is compared again. Raises
    `StateConflict`, `LargeChangeRunning`, `PurgeRunning`, `TypeChangeRunning`, and `UserError` if the table has no room
    for a column.
    """
    table = await work.run(lambda connection: editable(connection, actor, table_id))
    import_, update = await get_update(work.session, import_id, table_id)
    if import_.state in (ImportState.UPDATING, ImportState.DONE):
        return True
    report = update.report
    if import_.state != ImportState.READY or report is None:
        raise StateConflict(import_.state)
    settings = UpdateSettings.from_json(update.settings)
    changed = await work.run(lambda connection: has_changed_since(connection, table_id, report.seq, settings))
    if changed:
        await compare_again(work, import_, update, OUTDATED)
        return False
    new = _new_columns(InspectionReport.from_json(import_.inspection or {}), settings)
    await work.run(lambda connection: ensure_room_for(connection, table_id, len(new)))
    arguments = {"path": plan, **judged_columns(table.columns, settings.mapped.values())}
    await _begin(work, actor, update, import_, decision, arguments, new)
    return True


async def withdraw(work: UnitOfWork, actor: Actor, table_id: int, import_id: str) -> None:
    """Cancel it; what has been applied is taken back. Cancelling what has ended is allowed. Raises `NotFound`, and
    `NotAllowed` to all but the person who brought the file, or who has it applied, and the table's owner.
    """
    access = await require_access(work, actor, table_id, Action.EDIT_TABLE)
    import_, update = await get_update(work.session, import_id, table_id)
    if import_.state == ImportState.UPDATING and update.change_id is not None:
        await large_changing.cancel(work, actor, table_id, update.change_id)
        return
    if import_.user_id != actor.id and not is_allowed(actor, Action.CHANGE_TABLE, access):
        raise NotAllowed("Only the person who brought this file, and the owner of the table, can do this.")
    await give_up(work, import_id)


async def give_up(work: UnitOfWork, import_id: str) -> None:
    """The same, whoever's it is. Raises `NotFound`."""
    import_, update = await get_update(work.session, import_id)
    change = await work.session.get(LargeChange, update.change_id) if update.change_id is not None else None
    if import_.state == ImportState.UPDATING and change is not None:
        large_steps.give_up(work, change, None)
        if change.state in ENDED:
            await settle(work, change.id)
    elif import_.state not in (ImportState.DONE, ImportState.FAILED):
        await cancel(work, import_id)


async def settle(work: UnitOfWork, change_id: int) -> None:
    """The large change of an import has ended, if it is one. The job of the change calls this, once or more often."""
    change = await work.session.get(LargeChange, change_id)
    update = await work.session.scalar(select(ImportUpdate).where(ImportUpdate.change_id == change_id))
    import_ = await work.session.get(Import, update.import_id) if update is not None else None
    if change is None or update is None or import_ is None or import_.state != ImportState.UPDATING:
        return
    update.seq = change.seq
    if change.state == LargeState.DONE:
        import_.state, import_.finished_at, import_.table_id = ImportState.DONE, utc_now(), update.table_id
        import_.rows_done = import_.inspected_rows or 0
        await _remember(work, update, import_, change)
    elif change.state == LargeState.CANCELLED:
        import_.state, import_.finished_at = ImportState.CANCELLED, utc_now()
        work.enqueue("discard_import", import_.id)
    else:
        import_.state, import_.failure = ImportState.READY, change.failure
    announce(work, import_.id)


async def compare_again(work: UnitOfWork, import_: Import, update: ImportUpdate, note: str) -> None:
    """`note` says why."""
    update.note = note
    await _compare(work, import_, update)


async def _compare(work: UnitOfWork, import_: Import, update: ImportUpdate) -> None:
    update.comparison, update.decision = None, {}
    import_.state, import_.failure = ImportState.COMPARING, None
    announce(work, import_.id)
    work.enqueue("compare_import", import_.id)


async def _begin(
    work: UnitOfWork,
    actor: Actor,
    update: ImportUpdate,
    import_: Import,
    decision: Decision,
    arguments: Mapping[str, Any],
    new: Sequence[NewColumn],
) -> None:
    decided = {"answer": decision.answer, "taken": list(decision.taken)}
    planned = large_changing.Planned(
        PLANNER, {**arguments, **decided}, Kind.IMPORT_UPDATE, Via.IMPORT, import_.filename, new_columns=new
    )
    change = await large_changing.begin(work, actor, update.table_id, planned)
    update.change_id, update.decision = change.id, decided
    import_.state, import_.failure = ImportState.UPDATING, None
    announce(work, import_.id)


async def _remember(work: UnitOfWork, update: ImportUpdate, import_: Import, change: LargeChange) -> None:
    """How this file was laid over the table, for the next one of its source."""
    titles = [column.title for column in InspectionReport.from_json(import_.inspection or {}).columns]
    settings, new = UpdateSettings.from_json(update.settings), numbers_of(change)
    added = {index: new[-index - 1] for index in settings.new if -index - 1 in new}
    mark = new.get(-len(titles) - 1, settings.mark)
    remembered = UpdateSettings.from_json(settings.to_json() | {"mark": mark})
    await remember_source(work.session, update.table_id, update.source, titles, remembered, added)


def _new_columns(inspection: InspectionReport, settings: UpdateSettings) -> list[NewColumn]:
    """Under the numbers below 0 that the comparison has for them."""
    guesses = [(-index - 1, inspection.columns[index]) for index in settings.new]
    new = [NewColumn(number, _title(guess.title, number), guess.type, guess.format) for number, guess in guesses]
    if settings.mode == Mode.UPDATE and settings.missing == Missing.MARK and settings.mark == NEW:
        new.append(NewColumn(-len(inspection.columns) - 1, MARK_TITLE))
    return new


def _title(title: str, number: int) -> str:
    """As the file has it, if a column can have that."""
    return visible(title)[:MAX_TITLE].strip() or f"Column {-number}"
