"""The verbs of an import: each moves it from one state to the next in one unit of work, or refuses with a message."""

from typing import Any

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.formats.errors import ImportFileError
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.jobs.titles import table_title
from webapp.models import Column, Import, ImportState, Table, utc_now
from webapp.models.errors import NotFound
from webapp.rowstore import within

BUILDING = "building"
UNFINISHED = (ImportState.INSPECTING, ImportState.READY, ImportState.LOADING)


class MovedOn(UserError):
    """The import has left the expected state: another request, or its own pass, was faster."""

    def __init__(self, state: str) -> None:
        self.state = state
        words = {
            ImportState.INSPECTING: "The file is still being read. Wait for the preview, then try again.",
            ImportState.LOADING: "This import has already begun.",
            ImportState.DONE: "This import is already done.",
            ImportState.FAILED: "This import has failed. Upload the file again.",
            ImportState.CANCELLED: "This import was cancelled. Upload the file again.",
        }
        super().__init__(words.get(ImportState(state), "This import is waiting for your decision."))


async def create(work: UnitOfWork, import_id: str, *, user_id: int, filename: str, size: int, sha256: str) -> None:
    work.session.add(
        Import(
            id=import_id,
            user_id=user_id,
            filename=filename,
            size=size,
            sha256=sha256,
            state=ImportState.INSPECTING,
            overrules=ImportOverrides().to_json(),
        )
    )


async def inspected(work: UnitOfWork, import_id: str, inspection: dict[str, Any]) -> None:
    """Pass 1 is complete: the preview waits for a decision."""
    found = await _in_state(work, import_id, ImportState.INSPECTING)
    found.inspection = inspection
    found.state = ImportState.READY
    found.failure = None


async def read_again(work: UnitOfWork, import_id: str, overrules: ImportOverrides) -> None:
    """Run pass 1 again with the user's corrections; also for an import that failed in pass 2, if its file still
    exists.
    """
    found = await _find(work, import_id)
    if found.state not in (ImportState.READY, ImportState.FAILED) or found.inspection is None:
        raise MovedOn(found.state)
    found.overrules = overrules.to_json()
    found.state = ImportState.INSPECTING
    found.failure = found.finished_at = None
    found.rows_done = 0


async def begin_loading(work: UnitOfWork, import_id: str, overrules: ImportOverrides, title: str | None = None) -> bool:
    """Create the table, still empty: it can be opened from now on, and pass 2 fills it.

    Return False if the file has to be read again first. Raises `ImportFileError` if a value would be lost.
    """
    found = await _in_state(work, import_id, ImportState.READY)
    inspection = InspectionReport.from_json(found.inspection or {})
    settled = inspection.settled(overrules)
    if settled is None and found.overrules == overrules.to_json():
        settled = inspection  # it was read with these same corrections, so reading it again would find nothing new
    if settled is None:
        await read_again(work, import_id, overrules)
        return False
    settled.check()
    if all(column.skip for column in settled.columns):
        raise ImportFileError("A table needs at least one column.")
    table = Table(owner_id=found.user_id, title=title or table_title(found.filename), state="importing")
    table.columns = [
        _column(index, position, column)
        for position, (index, column) in enumerate(
            (index, column) for index, column in enumerate(settled.columns) if not column.skip
        )
    ]
    work.session.add(table)
    await work.session.flush()
    ref = table.ref
    await within(work, lambda rows: rows.create(ref))
    found.table_id = table.id
    found.overrules, found.inspection = overrules.to_json(), settled.to_json()
    found.state = ImportState.LOADING
    found.failure = None
    return True


async def loaded(work: UnitOfWork, import_id: str, search_index_rows: int) -> Table:
    """All rows are in. A large table gets its full-text index next."""
    found = await _in_state(work, import_id, ImportState.LOADING)
    table = await work.session.get_one(Table, found.table_id)
    table.state = "ready"
    table.version += 1
    if table.row_count >= search_index_rows:
        table.search_index = BUILDING
    found.state = ImportState.DONE
    found.finished_at = utc_now()
    return table


async def indexed(work: UnitOfWork, table_id: int, is_built: bool) -> None:
    """The full-text index is complete, or given up: then what a killed child has left of it goes."""
    if not is_built:
        await within(work, lambda rows: rows.drop_unfinished_search_index(table_id))
    table = await work.session.get(Table, table_id)
    if table is not None:
        table.search_index = "ready" if is_built else "none"


async def cancel(work: UnitOfWork, import_id: str) -> None:
    """Possible at any point: partial results disappear in the same commit. Cancelling twice is allowed."""
    found = await _find(work, import_id)
    if found.state != ImportState.CANCELLED:
        await _abandon(work, found, ImportState.CANCELLED)


async def forget(work: UnitOfWork, import_id: str) -> None:
    """Delete an abandoned preview, as if there had been no upload."""
    await work.session.delete(await _in_state(work, import_id, ImportState.READY))


async def fail(work: UnitOfWork, import_id: str, reason: str) -> bool:
    """Mark it as failed, with a readable reason. Return True if the file is of no further use.

    If there is an older preview, show it again: the file could not be read with the corrections, but it could before.
    """
    found = await _find(work, import_id)
    if found.state not in UNFINISHED:
        return False
    found.failure = reason
    if found.state == ImportState.INSPECTING and found.inspection is not None:
        found.state = ImportState.READY
        found.overrules = ImportOverrides().to_json()
        return False
    await _abandon(work, found, ImportState.FAILED)
    return found.inspection is None


async def _abandon(work: UnitOfWork, found: Import, state: ImportState) -> None:
    if found.state not in UNFINISHED:
        raise MovedOn(found.state)
    found.state = state
    found.finished_at = utc_now()
    table_id, found.table_id = found.table_id, None
    await work.session.flush()
    if table_id is not None:
        if table := await work.session.get(Table, table_id):
            await work.session.delete(table)
            await work.session.flush()
        dropped = table_id
        await within(work, lambda rows: rows.drop(dropped))


def _column(index: int, position: int, found: ColumnGuess) -> Column:
    """Its number is its position in the file, where pass 2 finds it; skipped columns leave gaps."""
    return Column(
        number=index + 1,
        position=position,
        title=found.title,
        type=found.type,
        format=found.format,
        facts={"reason": found.reason, "empty": found.empty, "width": found.width},
    )


async def _find(work: UnitOfWork, import_id: str) -> Import:
    found = await work.session.get(Import, import_id)
    if found is None:
        raise NotFound("import")
    return found


async def _in_state(work: UnitOfWork, import_id: str, state: ImportState) -> Import:
    found = await _find(work, import_id)
    if found.state != state:
        raise MovedOn(found.state)
    return found
