"""The verbs that import the other sheets of a workbook: each becomes an import of its own, of the same file."""

import hashlib
from collections.abc import Sequence

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.models.tables.import_model import Import, StateConflict, ensure_room
from webapp.models.tables.importing import begin_inspection, get_import


class NoSuchSheet(UserError):
    def __init__(self, sheet: str) -> None:
        super().__init__(f"The file has no sheet “{sheet[:60]}”.")


def sheet_import_id(import_id: str, sheet: str) -> str:
    """The id of the import of another sheet of this import's file: asking for it twice is asking once."""
    return hashlib.sha256(f"{import_id} {sheet}".encode()).hexdigest()[:32]


def ensure_listed(import_: Import, sheets: Sequence[str]) -> None:
    """Raises `NoSuchSheet`, and `StateConflict` if the file has not been read yet."""
    if import_.inspection is None:
        raise StateConflict(import_.state)
    listed = {sheet["name"] for sheet in InspectionReport.from_json(import_.inspection).listing}
    if unknown := next((sheet for sheet in sheets if sheet not in listed), None):
        raise NoSuchSheet(unknown)


async def import_sheets(work: UnitOfWork, import_id: str, sheets: Sequence[str], limit: int | None = None) -> None:
    """Begin an import for each of these sheets of the file, which is in their folders already.

    Raises `NoSuchSheet`, `TooManyWaiting`, and `StateConflict` if the file has not been read yet.
    """
    import_ = await get_import(work, import_id)
    ensure_listed(import_, sheets)
    for sheet in dict.fromkeys(sheets):
        sibling_id = sheet_import_id(import_id, sheet)
        if await work.session.get(Import, sibling_id) is not None:
            continue
        if limit is not None:
            await ensure_room(work.session, import_.user_id, limit)
        sibling = Import(
            id=sibling_id,
            user_id=import_.user_id,
            filename=import_.filename,
            size=import_.size,
            sha256=import_.sha256,
        )
        work.session.add(sibling)
        begin_inspection(work, sibling, ImportOverrides(sheet=sheet))


async def discard_unrecorded(work: UnitOfWork, import_ids: Sequence[str]) -> None:
    """Remove the files that are in the folders of imports which do not exist: `import_sheets` has failed."""
    for import_id in import_ids:
        if await work.session.get(Import, import_id) is None:
            work.enqueue("discard_import", import_id)
