"""The form that edits a row, one of its cells, or a new row: as a page, and in the side panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quart import request
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from webapp.extensions import config, db
from webapp.models import Table
from webapp.models.errors import NotFound
from webapp.models.tables.access import find_table
from webapp.models.tables.change_set import Via
from webapp.models.tables.editing import CellsRefused, EditResult, Refusal, add_rows, change_cells
from webapp.rowstore.column_rules import ColumnRules
from webapp.rowstore.table_ref import Field
from webapp.tables import bp
from webapp.tables.edit_answers import describe_conflict, describe_result, find_authors, shown_text, type_url
from webapp.tables.edit_once import write_keyed
from webapp.tables.edit_requests import MAX_BYTES, MAX_FIELDS
from webapp.tables.row_form import CellText, build_form, empty_cells, name_of, read_cells, read_submitted, words_of
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.flashes import flash
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to, render_large
from webapp.web.idempotency import form_key
from webapp.web.paths import url_for
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user
from webapp.web.templating import to_json

CELL_ENDPOINTS = ("tables.cells_edit", "tables.cells_update")


@dataclass(frozen=True, slots=True)
class FormCell:
    """A field of tables/rows/_form.html. `input` is None for a cell that no form can hold, which `whole_url` leads to.
    `conflict` says who changed the cell since it was seen, to `current`. With `offers_text` the text can be kept
    although it has no value in the column; `type_url` turns the column into one of texts.
    """

    number: int
    title: str
    type: str
    hint: str
    input: Any
    token: str
    text: str
    whole_url: str | None
    conflict: str = ""
    current: str = ""
    offers_text: bool = False
    type_url: str = ""
    seen: str = ""  # the exact text as JSON, for the script
    words: str = "[]"  # what there is to choose from, as JSON
    yes: str = ""  # the word for true, of a boolean


@bp.get("/<id:table_id>/rows/new")
@may(Action.EDIT_TABLE)
async def rows_new(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    cells = empty_cells(table.ref.fields)
    return await _page(table, None, cells, build_form(cells, _choices(table)))


@bp.get("/<id:table_id>/rows/<id:row_id>/edit")
@may(Action.EDIT_TABLE)
async def rows_edit(table_id: int, row_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    cells = await _read(table, row_id, table.ref.fields)
    return await _page(table, row_id, cells, build_form(cells, _choices(table)))


@bp.get("/<id:table_id>/cells/<id:row_id>/<id:number>/edit")
@may(Action.EDIT_TABLE)
async def cells_edit(table_id: int, row_id: int, number: int) -> ResponseReturnValue:
    """The field of one cell. Its fragment is the grid's editor: what it needs besides the text is the same for all
    cells of the column while the table's `data-version` is.
    """
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    cells = await _read(table, row_id, [field for field in table.ref.fields if field.number == number])
    if not cells:
        raise NotFound("column")
    return await _page(table, row_id, cells, build_form(cells, _choices(table)))


@bp.post("/<id:table_id>/rows/<id:row_id>")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_FIELDS)
async def rows_update(table_id: int, row_id: int) -> ResponseReturnValue:
    return await update_from_form(table_id, row_id)


async def update_from_form(table_id: int, row_id: int | None = None) -> ResponseReturnValue:
    """Save the fields that were edited; the form comes again with those that could not be saved. The row may be named
    by a field of the form.
    """
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    submitted = await request.form
    row_id = _row_of(submitted) if row_id is None else row_id
    fields = [field for field in table.ref.fields if name_of(field.number) in submitted]
    asked = read_submitted(row_id, await _read(table, row_id, fields or table.ref.fields), submitted)
    result = await db().write(change_cells, current_user(), table.id, asked.edits, via=Via.PAGE)
    typed = asked.conflicts | {conflict.edit.column: conflict.edit.text for conflict in result.conflicts}
    typed |= {refusal.edit.column: refusal.edit.text for refusal in result.refusals}
    if not typed:
        flash(f"{describe_result(result)}." if result.seq else "Nothing was changed.")
        return redirect_to(url_for("tables.rows_show", table_id=table.id, row_id=row_id))
    return await _show_again(table, row_id, fields, typed, result)


async def create_from_form(table_id: int) -> ResponseReturnValue:
    """Add the row of the form, if all of it fits."""
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    submitted = await request.form
    numbers = [field.number for field in table.ref.fields]
    texts = {number: text for number in numbers if (text := submitted.get(name_of(number)))}
    keeps_text = [number for number in numbers if f"as_text{number}" in submitted]
    key = await form_key(*texts.items())
    try:
        result = await write_keyed(key, table.id, add_rows, [texts], via=Via.PAGE, keeps_text=keeps_text)
    except CellsRefused as error:
        cells = empty_cells(table.ref.fields)
        typed = {name_of(number): text for number, text in texts.items()}
        return await _page(table, None, cells, build_form(cells, _choices(table), typed), error.refusals, status=422)
    flash("The row is added behind the last one.")
    return redirect_to(url_for("tables.rows_show", table_id=table.id, row_id=result.ids[0]))


async def _show_again(
    table: Table, row_id: int, fields: Sequence[Field], typed: Mapping[int, str], result: EditResult
) -> ResponseReturnValue:
    """The form with what was typed and not saved; sent again it takes the place of what the cells hold now."""
    refused = {refusal.edit.column for refusal in result.refusals}
    conflicts = [number for number in typed if number not in refused]
    authors = await find_authors(table.id, [(row_id, number) for number in conflicts])
    words = {number: describe_conflict("", authors.get((row_id, number))) for number in conflicts}
    cells = await _read(table, row_id, fields)
    form = build_form(cells, _choices(table), {name_of(number): text for number, text in typed.items()})
    status = 409 if conflicts and not refused else 422
    return await _page(table, row_id, cells, form, result.refusals, words, status)


async def _page(
    table: Table,
    row_id: int | None,
    cells: Sequence[CellText],
    form: Form,
    refusals: Sequence[Refusal] = (),
    conflicts: Mapping[int, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    for refusal in refusals:
        form[name_of(refusal.edit.column)].errors = [refusal.reason]
    offers, choices = {refusal.edit.column for refusal in refusals if refusal.is_misfit}, _choices(table)
    is_cell = request.endpoint in CELL_ENDPOINTS and len(cells) == 1
    return await render_large(
        "tables/cells/edit.html" if is_cell else "tables/rows/edit.html",
        "tables/cells/_editor.html" if is_cell else "tables/rows/_edit_panel.html",
        status,
        table=table,
        row_id=row_id,
        form=form,
        cells=[
            _present(table, row_id, cell, form, offers, conflicts or {}, choices.get(cell.field.number, ()))
            for cell in cells
        ],
        has_conflicts=bool(conflicts),
        action=_action(table.id, row_id, is_cell=is_cell),
        table_url=url_for("tables.show", table_id=table.id, at=row_id),
        row_url=url_for("tables.rows_show", table_id=table.id, row_id=row_id) if row_id else None,
    )


def _action(table_id: int, row_id: int | None, *, is_cell: bool) -> str:
    if row_id is None:
        return url_for("tables.rows_create", table_id=table_id)
    if is_cell:
        return url_for("tables.cells_update", table_id=table_id)
    return url_for("tables.rows_update", table_id=table_id, row_id=row_id)


def _present(
    table: Table,
    row_id: int | None,
    cell: CellText,
    form: Form,
    offers: set[int],
    conflicts: Mapping[int, str],
    choices: Sequence[str],
) -> FormCell:
    column = cell.field
    has_field = cell.text is not None
    return FormCell(
        number=column.number,
        title=column.title,
        type=column.type,
        hint="" if column.type == "text" else column.kind.describe(column.format),
        input=form[name_of(column.number)] if has_field else None,
        token=cell.token,
        text=cell.beginning,
        whole_url=None
        if has_field or row_id is None
        else url_for("tables.cells_show", table_id=table.id, row_id=row_id, number=column.number),
        conflict=conflicts.get(column.number, ""),
        current=shown_text(column, cell.text or ""),
        offers_text=column.number in offers,
        type_url=type_url(table.id, column.number),
        seen=to_json(cell.text),
        words=to_json(words_of(column, choices)),
        yes=str(column.kind.print(1, column.format)) if column.type == "boolean" else "",
    )


async def _read(table: Table, row_id: int, fields: Sequence[Field]) -> list[CellText]:
    """Raises `NotFound` if the row is gone."""
    ref = table.ref
    cells = await read_rows(lambda rows: read_cells(rows, ref, row_id, fields), config().query_timeout)
    if cells is None:
        raise NotFound("row")
    return cells


def _choices(table: Table) -> dict[int, Sequence[str]]:
    rules = {column.number: ColumnRules.from_json(column.rules) for column in table.columns if column.rules}
    return {number: rule.choices for number, rule in rules.items() if rule.choices}


def _row_of(submitted: Mapping[str, str]) -> int:
    text = submitted.get("row", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest("The form names no row.")
    return int(text)
