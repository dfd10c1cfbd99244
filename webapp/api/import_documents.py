"""An import as a document: what its page shows, as values."""

from collections.abc import Mapping
from typing import Any

from webapp.api.import_schemas import (
    MAX_PREVIEW,
    FoundColumn,
    ImportDetail,
    ImportPlan,
    ImportProgress,
    ImportSummary,
    Misfits,
    PlannedRow,
    Reading,
)
from webapp.imports.comparison_report import ComparisonReport
from webapp.imports.corrections import fields_of
from webapp.imports.report import InspectionReport
from webapp.imports.update_settings import NEW, UpdateSettings
from webapp.jobs.progress import Progress
from webapp.models import Import, ImportState, ImportUpdate, LargeChange, Table


def import_document(
    import_: Import,
    update: ImportUpdate | None,
    table: Table | None,
    progress: Progress | None,
    change: LargeChange | None,
) -> ImportDetail:
    """`update` and `table` are those of a file for a table, `change` is the large change that applies it."""
    is_read = import_.inspection is not None and import_.state != ImportState.INSPECTING
    inspection = InspectionReport.from_json(import_.inspection or {}) if is_read else None
    settings = UpdateSettings.from_json(update.settings) if update is not None else None
    report = update.report if update is not None else None
    return ImportDetail(
        **ImportSummary.values(import_, update, inspection.rows if inspection else None),
        progress=_progress(progress, change),
        reading=_reading(inspection) if inspection else None,
        columns=_columns(inspection, settings) if inspection else [],
        preview=_preview(inspection) if inspection else [],
        plan=_plan(report, settings, table) if report and settings and table else None,
    )


def _progress(progress: Progress | None, change: LargeChange | None) -> ImportProgress | None:
    if progress is None:
        return None
    known: dict[str, Any] = {name: getattr(progress, name) for name in ImportProgress.model_fields}
    if change is not None:
        known |= {"rows": round(change.share * change.rows), "total_rows": change.rows}
    return ImportProgress(**known)


def _reading(inspection: InspectionReport) -> Reading:
    fields = fields_of(inspection)
    return Reading(
        format=inspection.format,
        encoding=fields["encoding"],
        delimiter=fields["delimiter"],
        quote=fields["quote"],
        header=inspection.header,
        header_row=inspection.header_row or 0,
        sheet=inspection.sheet,
        sheets=inspection.sheets,
        rejected=inspection.rejected_count,
        account=inspection.account,
        notes=[note.text for note in inspection.notes],
    )


def _columns(inspection: InspectionReport, settings: UpdateSettings | None) -> list[FoundColumn]:
    mapped: Mapping[int, int] = settings.columns if settings is not None else {}
    return [
        FoundColumn(
            number=index + 1,
            title=column.title,
            type=column.type,
            types=list(dict.fromkeys([*(choice.type for choice in column.choices), "text"])),
            reason=column.reason,
            question=column.question or None,
            skip=column.skip,
            into=number if (number := mapped.get(index, 0)) > 0 else None,
            new=mapped.get(index) == NEW,
        )
        for index, column in enumerate(inspection.columns)
    ]


def _preview(inspection: InspectionReport) -> list[list[str]]:
    kept = [index for index, column in enumerate(inspection.columns) if not column.skip]
    return [[row[index] for index in kept if index < len(row)] for row in inspection.sample[:MAX_PREVIEW]]


def _plan(report: ComparisonReport, settings: UpdateSettings, table: Table) -> ImportPlan:
    titles = {column.number: column.title for column in table.columns}
    counts = report.summary()
    return ImportPlan(
        **counts,
        mode=settings.mode,
        keys=[titles[number] for number in settings.keys if number in titles],
        missing_rows=settings.missing,
        adds_rows=settings.adds_rows,
        loses_most=report.loses_most(),
        misfits=[Misfits(column=each.column, count=each.count, texts=each.texts) for each in report.misfits],
        samples=[PlannedRow.of(kind, row) for kind, rows in report.samples.items() for row in rows],
    )
