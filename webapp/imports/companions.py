"""Room for the texts that columns keep: each such column is stored as two, and a table has only so many."""

from dataclasses import replace

from webapp.formats.json_columns import source_of
from webapp.imports.report import ColumnGuess, InspectionReport


def fit_into(report: InspectionReport, max_columns: int) -> InspectionReport:
    """As many columns keep their texts as there is room for, the first ones; the others become text, which loses
    nothing.
    """
    room = max_columns - sum(not column.skip for column in report.columns)
    columns = []
    for column in report.columns:
        if column.keeps_texts and not column.skip:
            room -= 1
            columns.append(column if room >= 0 else _as_text(column, max_columns))
        else:
            columns.append(column)
    return replace(report, columns=columns)


def _as_text(column: ColumnGuess, max_columns: int) -> ColumnGuess:
    return replace(
        column,
        type="text",
        format=source_of(column.format),
        keeps_texts=False,
        exceptions=0,
        exception_values=[],
        question="",
        reason=f"Text (a table has at most {max_columns:,} columns, and one that keeps texts takes two)",
    )
