"""The verbs that move an import from one state to the next.

Each verb is one unit of work and starts what follows: it notifies those who watch the import, and puts the next task
into the queue. Its id also names its tasks and its folder.
"""

from typing import Any

from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.companions import fit_into
from webapp.imports.drafts import Draft
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.user import User, actor_from
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.idempotency import forget_outcome
from webapp.models.policy import Action, is_allowed
from webapp.models.tables.change_log import publish_change, record_import
from webapp.models.tables.import_model import (
    CHANGED,
    UNFINISHED_STATES,
    Import,
    ImportState,
    StateConflict,
    ensure_room,
    import_topic,
)
from webapp.models.tables.import_wishes import Wishes
from webapp.models.tables.imported_table import make_table
from webapp.models.tables.search_indexing import begin_search_index
from webapp.models.tables.table import Table
from webapp.rowstore import within


async def create(
    work: UnitOfWork,
    import_id: str,
    *,
    user_id: int,
    filename: str,
    size: int,
    sha256: str,
    limit: int | None = None,
    overrides: ImportOverrides | None = None,
    wishes: Wishes | None = None,
) -> None:
    """Begin with an upload, which is in the import's folder. `size` is in bytes. `overrides` say how to read it.

    Raises `TooManyWaiting`, and `NotFound` if the person is gone.
    """
    await User.find(work.session, user_id)
    if limit is not None:
        await ensure_room(work.session, user_id, limit)
    import_ = Import(id=import_id, user_id=user_id, filename=filename, size=size, sha256=sha256)
    import_.wishes = wishes.to_json() if wishes is not None else None
    work.session.add(import_)
    begin_inspection(work, import_, overrides or ImportOverrides())


async def record_inspection(work: UnitOfWork, import_id: str, inspection: dict[str, Any]) -> None:
    """Pass 1 is complete: the preview waits for a decision, unless it was wished that there is none. `inspection` is an
    `InspectionReport` as JSON.
    """
    import_ = await get_in_state(work, import_id, ImportState.INSPECTING)
    import_.inspection = inspection
    import_.state = ImportState.READY
    import_.failure = None
    wishes, import_.wishes = Wishes.from_json(import_.wishes), None
    user = await User.find(work.session, import_.user_id)
    if wishes.starts and user.is_active and is_allowed(actor_from(user), Action.CREATE_TABLE):
        await begin_loading(work, import_id, ImportOverrides.from_json(import_.overrides), wishes.title)
        return
    import_.failure = "Whoever sent this file may not create tables any more." if wishes.starts else None
    announce(work, import_id)
    work.enqueue("draft_import", import_id)


async def inspect_again(work: UnitOfWork, import_id: str, overrides: ImportOverrides, limit: int | None = None) -> None:
    """Run pass 1 again with the user's corrections; also for an import that failed in pass 2, if its file still
    exists. Does nothing if it is just being read with them. Raises `TooManyWaiting`.
    """
    import_ = await get_import(work, import_id)
    if import_.state == ImportState.INSPECTING and ImportOverrides.from_json(import_.overrides) == overrides:
        return
    if import_.state not in (ImportState.READY, ImportState.FAILED) or import_.inspection is None:
        raise StateConflict(import_.state)
    if limit is not None:
        await ensure_room(work.session, import_.user_id, limit)
    begin_inspection(work, import_, overrides)


async def correct(work: UnitOfWork, import_id: str, overrides: ImportOverrides, limit: int | None = None) -> None:
    """Apply the user's corrections to the preview. The file is only read again if the report does not know the answer.

    Raises `TooManyWaiting`.
    """
    import_ = await get_import(work, import_id)
    known = None
    if import_.state == ImportState.READY:
        known = InspectionReport.from_json(import_.inspection or {}).with_overrides(overrides)
    if known is None:
        await inspect_again(work, import_id, overrides, limit)
        return
    import_.overrides, import_.inspection = overrides.to_json(), known.to_json()
    import_.failure = None
    announce(work, import_id)
    work.enqueue("draft_import", import_id)


async def retry(work: UnitOfWork, source: AuditSource, import_id: str) -> None:
    """Run pass 1 of a failed import again for its owner, as the audit log then says."""
    import_ = await get_in_state(work, import_id, ImportState.FAILED)
    await inspect_again(work, import_id, ImportOverrides.from_json(import_.overrides))
    owner = await work.session.get(User, import_.user_id)
    await AuditEvent.record(work, Event.JOB_RETRIED, source, owner, file=import_.filename)


async def begin_loading(
    work: UnitOfWork,
    import_id: str,
    overrides: ImportOverrides,
    title: str | None = None,
    *,
    limit: int | None = None,
) -> bool:
    """Create the table: it can be opened from now on, and pass 2 fills it. It begins with the rows of a draft that was
    made with the same columns and options.

    Return False if the file has to be read again first. Raises `ImportFileError` if no column
    is left, and `TooManyWaiting`.
    """
    import_ = await get_in_state(work, import_id, ImportState.READY)
    if import_.is_update:
        raise NotFound("import")
    inspection = InspectionReport.from_json(import_.inspection or {})
    final = inspection.with_overrides(overrides)
    if final is None and ImportOverrides.from_json(import_.overrides) == overrides:
        final = inspection  # it was read with these same corrections, so reading it again would find nothing new
    if final is None:
        await inspect_again(work, import_id, overrides, limit)
        return False
    if limit is not None:
        await ensure_room(work.session, import_.user_id, limit)
    limits = await within(work, lambda rows: rows.limits)
    final = fit_into(final, limits.columns)
    table = make_table(import_, final, title)
    work.session.add(table)
    await work.session.flush()
    draft = Draft.of(import_id, final)
    done = await within(work, lambda rows: rows.create(table.ref, draft.name))
    table.row_count, table.next_row_id, import_.rows_done = done, done + 1, done
    import_.table_id = table.id
    import_.overrides, import_.inspection = overrides.to_json(), final.to_json()
    import_.state = ImportState.LOADING
    import_.failure = None
    announce(work, import_id)
    work.enqueue("load_import", import_id)
    return True


async def finish_loading(work: UnitOfWork, import_id: str, search_index_rows: int) -> None:
    """All rows are in. A table of at least `search_index_rows` rows gets its full-text index next."""
    import_ = await get_in_state(work, import_id, ImportState.LOADING)
    table = await work.session.get_one(Table, import_.table_id)
    table_id, rows, user_id, filename = table.id, table.row_count, import_.user_id, import_.filename
    seq = await work.run(lambda connection: record_import(connection, user_id, table_id, rows, filename))
    publish_change(work, table_id, seq)
    table.state = "ready"
    table.version += 1
    import_.state = ImportState.DONE
    import_.finished_at = utc_now()
    announce(work, import_id)
    if table.row_count >= search_index_rows:
        begin_search_index(work, table)


async def cancel(work: UnitOfWork, import_id: str) -> None:
    """Possible at any point: partial results disappear in the same commit. Cancelling twice is allowed. Raises
    `StateConflict` where a large change applies it: that is cancelled instead (`import_updating`).
    """
    import_ = await get_import(work, import_id)
    if import_.state != ImportState.CANCELLED:
        await _abandon(work, import_, ImportState.CANCELLED)
        await discard_files(work, import_id)


async def dismiss(work: UnitOfWork, user_id: int, import_id: str | None = None) -> None:
    """Delete a person's imports that are ready or have failed, all or one, with their files. Others are left alone."""
    waiting = Import.visible_to(user_id).where(Import.state.in_([ImportState.READY, ImportState.FAILED]))
    for import_ in await work.session.scalars(waiting if import_id is None else waiting.where(Import.id == import_id)):
        await work.session.delete(import_)
        await discard_files(work, import_.id)


async def discard_preview(work: UnitOfWork, import_id: str) -> None:
    """Delete an abandoned preview, as if there had been no upload."""
    await work.session.delete(await get_in_state(work, import_id, ImportState.READY))
    await discard_files(work, import_id)


async def fail(work: UnitOfWork, import_id: str, reason: str) -> None:
    """Mark it as failed, with a readable reason; its table goes, and its file if it is of no further use.

    If there is an older preview, show it again: the file could not be read with the corrections, but it could before.
    """
    import_ = await get_import(work, import_id)
    if import_.state not in UNFINISHED_STATES or import_.state == ImportState.UPDATING:
        return
    import_.failure = reason
    if import_.state == ImportState.COMPARING:
        import_.state = ImportState.READY
        announce(work, import_id)
        return
    if import_.state == ImportState.INSPECTING and import_.inspection is not None:
        import_.state = ImportState.READY
        import_.overrides = ImportOverrides().to_json()
        announce(work, import_id)
        return
    await _abandon(work, import_, ImportState.FAILED)
    if import_.inspection is None:
        await discard_files(work, import_id)


async def discard_files(work: UnitOfWork, import_id: str) -> None:
    """After the commit, stop the import's pass if one is running, and remove its files. Its upload can be repeated."""
    await forget_outcome(work, import_id)
    announce(work, import_id)
    work.enqueue("discard_import", import_id)


def announce(work: UnitOfWork, import_id: str) -> None:
    """Whoever shows the import reads its new state."""
    work.publish(import_topic(import_id), CHANGED, key=CHANGED)


def begin_inspection(work: UnitOfWork, import_: Import, overrides: ImportOverrides) -> None:
    """Pass 1, from the beginning."""
    import_.overrides = overrides.to_json()
    import_.state = ImportState.INSPECTING
    import_.failure = import_.finished_at = None
    import_.rows_done = 0
    announce(work, import_.id)
    work.enqueue("inspect_import", import_.id)


async def _abandon(work: UnitOfWork, import_: Import, state: ImportState) -> None:
    if import_.state not in UNFINISHED_STATES or import_.state == ImportState.UPDATING:
        raise StateConflict(import_.state)
    import_.state = state
    import_.finished_at = utc_now()
    table_id, import_.table_id = import_.table_id, None
    announce(work, import_.id)
    if table_id is not None:
        await work.session.flush()
        if table := await work.session.get(Table, table_id):
            await work.session.delete(table)
        await within(work, lambda rows: rows.drop(table_id))


async def get_import(work: UnitOfWork, import_id: str) -> Import:
    """Raises `NotFound`."""
    import_ = await work.session.get(Import, import_id)
    if import_ is None:
        raise NotFound("import")
    return import_


async def get_in_state(work: UnitOfWork, import_id: str, state: ImportState) -> Import:
    """Raises `NotFound` and `StateConflict`."""
    import_ = await get_import(work, import_id)
    if import_.state != state:
        raise StateConflict(import_.state)
    return import_
