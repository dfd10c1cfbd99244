"""What runs in the background for the reader, with progress and a button that stops it."""

from dataclasses import dataclass, replace
from typing import Any

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import db, jobs
from webapp.models import LargeChange, TypeChange
from webapp.models.tables.import_model import ImportSummary
from webapp.models.tables.running import Running, find_running_work
from webapp.tables import bp
from webapp.tables.import_presenter import progress_of
from webapp.tables.large_change_presenter import present_change
from webapp.web.formatting import format_number, plural
from webapp.web.fragments import render
from webapp.web.session import current_user


@dataclass(frozen=True, slots=True)
class RunningLine:
    """`share` is how much is done, from 0 to 1, None while nobody knows; `url` None if it has no page for the reader,
    `cancel_url` if they cannot stop it.
    """

    id: str
    icon: str
    title: str
    url: str | None
    sentence: str
    share: float | None
    cancel_url: str | None


@bp.get("/running")
async def running_index() -> ResponseReturnValue:
    found = await find_running_work(db(), current_user())
    lines = [_within(found, change, _of_change(change, title)) for change, title in found.large]
    lines += [_within(found, change, _of_type(change, column, title)) for change, column, title in found.types]
    lines += map(_of_import, found.imports)
    return await render("tables/running/index.html", "tables/running/_list.html", lines=lines)


def _within(found: Running, change: LargeChange | TypeChange, line: RunningLine) -> RunningLine:
    """Without what would answer that there is no such table."""
    return line if change.table_id in found.editable else replace(line, url=None, cancel_url=None)


def _of_change(change: LargeChange, table: str) -> RunningLine:
    shown = present_change(change)
    place: dict[str, Any] = {"table_id": change.table_id, "change_id": change.id}
    return RunningLine(
        f"change-{change.id}",
        "edit",
        f"{shown.title}: {table}",
        url_for("tables.large_changes_show", **place),
        shown.sentence,
        shown.share,
        url_for("tables.large_changes_cancel", **place) if shown.may_cancel else None,
    )


def _of_type(change: TypeChange, column: str, table: str) -> RunningLine:
    place: dict[str, Any] = {"table_id": change.table_id, "number": change.number}
    return RunningLine(
        f"type-{change.id}",
        change.type,
        f"Type of {column}: {table}",
        url_for("tables.types_edit", **place, change=change.id),
        f"{format_number(change.rows_done)} of {plural(change.rows, 'row')} converted",
        change.rows_done / change.rows if change.rows else None,
        url_for("tables.types_cancel", **place),
    )


def _of_import(import_: ImportSummary) -> RunningLine:
    progress = progress_of(jobs(), import_)
    rows = progress.rows if progress else 0
    sentence = f"{plural(rows, 'row')} so far"
    if progress and progress.is_waiting:
        sentence = f"Number {format_number(progress.place or 0)} in the queue"
    return RunningLine(
        f"import-{import_.id}",
        "file",
        import_.filename,
        url_for("tables.imports_show", import_id=import_.id),
        sentence,
        progress.share if progress else None,
        url_for("tables.imports_cancel", import_id=import_.id),
    )
