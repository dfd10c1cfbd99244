"""A change of many rows in words: what can be done, what it would do, and what has been done."""

from dataclasses import dataclass
from typing import Any

from quart import url_for

from webapp.models import Table
from webapp.models.tables.bulk_changing import BulkResult
from webapp.models.tables.large_change import AT_ONCE
from webapp.planners.bulk.report import BulkReport
from webapp.rowstore.entries import Entry
from webapp.tables.bulk_forms import ACTIONS, BulkAction
from webapp.tables.bulk_plans import BulkPlan
from webapp.tables.grid_presenter import EXPORTS
from webapp.tables.history_presenter import DiffLine, present_entries
from webapp.tables.selection import ALL, RowSelection
from webapp.web.formatting import format_number, plural


@dataclass(frozen=True, slots=True)
class BulkLink:
    title: str
    text: str
    icon: str
    url: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A text that does not fit: where, and why."""

    row: int
    row_url: str
    column: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """`sentence` says how many rows the decision is about and what happens to them; `button` does it, None: nothing to
    do, or `is_large`, which is decided elsewhere. `refusals` are the first of `refused`; `misfits` of all could be kept
    as texts.
    """

    sentence: str
    button: str | None
    is_large: bool
    samples: list[DiffLine]
    more_samples: int
    refused: int
    misfits: int
    refusals: list[Refused]


def present_actions(table: Table, selection: RowSelection, *, may_edit: bool) -> dict[str, Any]:
    """The `rows_text`, `actions`, `exports` and `all_url` of tables/bulk/index.html."""
    view, rows = selection.view, selection.argument
    index = url_for("tables.bulk_index", table_id=table.id)
    export = url_for("tables.exports_show", table_id=table.id)
    return {
        "rows_text": selection.describe(),
        "actions": [
            BulkLink(one.title, one.text, one.icon, f"{index}/{one.name}{view.query_string(rows=rows)}")
            for one in ACTIONS.values()
            if may_edit
        ],
        "exports": [
            BulkLink(title, text, "download", export + view.query_string(rows=rows, **arguments))
            for title, text, arguments in EXPORTS
        ],
        "all_url": None if selection.is_all else index + view.query_string(rows=ALL),
        "all_text": RowSelection(view, view).describe(None if view.is_narrowed else table.row_count),
    }


def present_preview(table: Table, what: BulkAction, plan: BulkPlan) -> Preview:
    report = plan.report
    return Preview(
        sentence=_sentence(what, report) if plan.is_whole else _too_many(),
        button=_button(what, report) if plan.is_whole else None,
        is_large=not plan.is_whole,
        **_details(table, report),
    )


def present_report(table: Table, data: dict[str, Any]) -> Preview:
    """Of a large change that has been planned."""
    report = BulkReport.from_json(data)
    return Preview(
        sentence=f"{plural(report.looked_at, 'row')} were looked at.",
        button=None,
        is_large=True,
        **_details(table, report),
    )


def _details(table: Table, report: BulkReport) -> dict[str, Any]:
    titles = {column.number: column.title for column in table.columns}
    # Those of columns that are to be added.
    titles |= {number: f"New column {-number}" for _, number, *_ in report.samples if number is not None and number < 0}
    samples = present_entries(table.id, [Entry(*sample) for sample in report.samples], titles)
    return dict(
        samples=samples,
        more_samples=(report.cells or report.rows) - len(samples),
        refused=report.refused,
        misfits=report.misfits,
        refusals=[
            Refused(row, url_for("tables.rows_show", table_id=table.id, row_id=row), titles.get(column, ""), text, why)
            for row, column, text, why in report.refusals
        ],
    )


def _too_many() -> str:
    return (
        f"These are more than {format_number(AT_ONCE)} rows, or long texts, so the preview is prepared in the"
        " background. Nothing is changed until you have seen it and press its button."
    )


def _sentence(what: BulkAction, report: BulkReport) -> str:
    looked_at = plural(report.looked_at, "row")
    if not report.looked_at and what.name == "distinct":
        return "No row repeats another one in these columns."
    if not report.looked_at:
        return "There are no such rows any more."
    if what.name == "distinct":
        repeat = plural(report.looked_at, "row repeats another one", "rows repeat another one")
        return f"{repeat} and will be deleted. {_comes_back(report.looked_at)}"
    if what.name == "delete":
        return f"{looked_at} will be deleted. {_comes_back(report.looked_at)}"
    if what.name == "duplicate":
        return f"Copies of {looked_at} will be added behind the last row of the table."
    if not report.cells:
        return f"Nothing changes in {looked_at}."
    same = report.looked_at - report.rows
    rest = f"; {plural(same, 'row stays', 'rows stay')} as {'it is' if same == 1 else 'they are'}" if same else ""
    cells = plural(report.cells, "cell changes", "cells change")
    where = f" in {plural(report.rows, 'row')}" if report.rows != report.cells else ""
    return f"Of {looked_at}: {cells}{where}{rest}."


def _comes_back(rows: int) -> str:
    return f"Undo brings {'it back, with its' if rows == 1 else 'them back, with their'} cells and history."


def _button(what: BulkAction, report: BulkReport) -> str | None:
    if what.is_of_rows:
        return f"{what.verb} {plural(report.looked_at, 'row')}" if report.looked_at else None
    return f"{what.verb} {plural(report.cells, 'cell')}" if report.cells else None


def describe_result(what: BulkAction, report: BulkReport, result: BulkResult) -> str:
    """One or more sentences for the page after it."""
    if what.name in ("delete", "distinct"):
        sentences = [f"{plural(result.rows, 'row')} deleted."]
    elif what.name == "duplicate":
        sentences = [f"{plural(result.rows, 'copy', 'copies')} added behind the last row."]
    else:
        sentences = [f"{plural(result.cells, 'cell')} changed."]
    if result.seq is None:
        sentences = ["Nothing was changed."]
    if refused := report.refused + result.refused:
        sentences.append(f"{plural(refused, 'text')} did not fit.")
    if result.left:
        left = "row" if what.is_of_rows else "cell"
        were, them = plural(result.left, f"{left} was", f"{left}s were"), "it" if result.left == 1 else "them"
        sentences.append(f"{were} not changed, because somebody else had changed {them} at the same moment.")
    return " ".join(sentences)
