"""What files of a table leave besides the change log: samples of what was read, samples of comparisons, and plans. When
rows or columns are deleted for good, none of their texts stays there. The uploads themselves stay as they are.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.comparison_report import ComparisonReport
from webapp.imports.report import InspectionReport
from webapp.models.tables.import_model import Import, ImportState
from webapp.models.tables.import_update import ImportUpdate
from webapp.models.tables.import_updating import compare_again, settle
from webapp.models.tables.large_change import ENDED, LargeChange

OUTDATED = "Rows or columns of the table were deleted for good, so the file was compared with it again."


class Files(StrEnum):
    """What becomes of an import's comparison and plan, and of what was read from its upload."""

    KEPT = "kept"
    TRIMMED = "trimmed"  # what the next file is asked about stays, for rows and columns that are there
    REMOVED = "removed"
    READ = "read"  # only what was read stays: it waits for a decision


async def forget_comparison(work: UnitOfWork, import_id: str, seq: int, *, is_of_columns: bool) -> Files:
    """What the set `seq` has deleted is deleted for good. A file that waits for a decision is compared again, unless
    that was done after the deletion; one that is part of the table keeps its counts. Nobody works on the import.
    """
    import_, update = await work.session.get(Import, import_id), await work.session.get(ImportUpdate, import_id)
    if import_ is None:
        return Files.REMOVED
    if update is None:  # the table was made from it
        _forget_samples(import_)
        return Files.REMOVED
    if import_.state == ImportState.UPDATING and await _has_ended(work, update):
        await settle(work, update.change_id or 0)
    if import_.state in (ImportState.UPDATING, ImportState.DONE):
        _forget_samples(import_)
        _keep_counts(update)
        return Files.TRIMMED
    report = update.report
    if import_.state == ImportState.READY and report is not None:
        if report.seq >= seq and not is_of_columns:
            return Files.KEPT
        await compare_again(work, import_, update, OUTDATED)
    update.comparison = None
    return Files.READ


async def _has_ended(work: UnitOfWork, update: ImportUpdate) -> bool:
    state = await work.session.scalar(select(LargeChange.state).where(LargeChange.id == update.change_id))
    return state in ENDED


def _forget_samples(import_: Import) -> None:
    """Its rows are those of the table, and nobody is asked any more how its file is to be read."""
    if import_.inspection is not None:
        report = InspectionReport.from_json(import_.inspection)
        columns = [replace(column, samples=[], exception_values=[], reason="") for column in report.columns]
        quoting: dict[str, Any] = {"sample": [], "notes": [], "header_reason": "", "encoding_reason": ""}
        import_.inspection = replace(report, columns=columns, **quoting).to_json()


def _keep_counts(update: ImportUpdate) -> None:
    if update.comparison is not None:
        report = ComparisonReport.from_json(update.comparison)
        report.samples, report.listed, report.misfits = {}, [], []
        update.comparison = report.to_json()
