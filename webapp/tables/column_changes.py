"""Adding a column, and changing one: title, place, rules for edits, deletion. Its type has a page of its own."""

import json
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest
from wtforms import BooleanField, HiddenField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from webapp.extensions import config, db
from webapp.formats.titles import MAX_TITLE
from webapp.models import Column, Table
from webapp.models.policy import Action
from webapp.models.tables.access import find_table
from webapp.models.tables.column_properties import TitleRefused, properties_of
from webapp.models.tables.columns import ColumnChanged, add_column, change_column, delete_column
from webapp.rowstore.column_rules import ColumnRules, RulesRefused
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Unmet
from webapp.tables import bp
from webapp.tables.columns import find_column
from webapp.tables.edit_answers import undo_url
from webapp.tables.edit_once import write_keyed
from webapp.types import TYPES
from webapp.web.access import may
from webapp.web.flashes import flash
from webapp.web.formatting import capitalise, plural
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to, render
from webapp.web.idempotency import form_key
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user

UNMET_SECONDS = 2.0  # a large table is not counted; the form works without


def _title_field() -> StringField:
    too_long = f"Use at most {MAX_TITLE} characters."
    return StringField("Title", [DataRequired("Give the column a title."), Length(max=MAX_TITLE, message=too_long)])


class NewColumnForm(Form):
    title = _title_field()
    type = SelectField("Type", default="text")
    place = IntegerField("Place", [InputRequired("Say which place it gets."), NumberRange(1, 2_000)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self["type"].choices = [(name, capitalise(kind.label)) for name, kind in TYPES.items()]


class ColumnForm(Form):
    """`seen`: what the form showed, as JSON; only what differs from it is changed."""

    title = _title_field()
    place = IntegerField("Place", [InputRequired("Say which place it gets."), NumberRange(1, 2_000)])
    required = BooleanField("Required: a text in every row")
    unique = BooleanField("Unique: no text twice")
    choices = TextAreaField("Choices, one a line")
    seen = HiddenField()


@bp.get("/<id:table_id>/columns/new")
@may(Action.EDIT_TABLE)
async def columns_new(table_id: int) -> ResponseReturnValue:
    """`place` in the address: where it goes, from 1; at the end without it."""
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    last = len(table.columns) + 1
    asked = request.args.get("place", last, type=int)
    return await _new_page(table, NewColumnForm(data={"place": min(max(1, asked), last), "type": "text"}))


@bp.post("/<id:table_id>/columns")
@may(Action.EDIT_TABLE)
async def columns_create(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    form = await NewColumnForm.load()
    if not form.validate_on_submit():
        return await _new_page(table, form, status=422)
    key = await form_key(form.title.data, form.type.data, form.place.data)
    new = form.title.data, form.type.data, form.place.data - 1
    try:
        result = await write_keyed(key, table_id, add_column, *new)
    except TitleRefused as error:
        form.refuse("title", str(error))
        return await _new_page(table, form, status=422)
    flash(f"The column “{form.title.data}” is added.", undo_url=undo_url(table_id, result.seq))
    return redirect_to(url_for("tables.show", table_id=table_id))


@bp.get("/<id:table_id>/columns/<id:number>/edit")
@may(Action.EDIT_TABLE)
async def columns_edit(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    column = find_column(table, number)
    return await _edit_page(table, column, _filled_form(table, column))


@bp.post("/<id:table_id>/columns/<id:number>")
@may(Action.EDIT_TABLE)
async def columns_update(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    column, form = find_column(table, number), await ColumnForm.load()
    if not form.validate_on_submit():
        return await _edit_page(table, column, form, status=422)
    seen = _parse_seen(form.seen.data)
    try:
        result = await db().write(change_column, current_user(), table_id, number, seen, _wanted(table, number, form))
    except (TitleRefused, RulesRefused) as error:
        form.refuse("title" if isinstance(error, TitleRefused) else "choices", str(error))
        return await _edit_page(table, column, form, status=422)
    except ColumnChanged as error:
        return await _edit_page(table, column, _filled_form(table, column), status=409, notice=str(error))
    flash(await _describe_change(table_id, number) if result.seq else "Nothing was changed.")
    return redirect_to(url_for("tables.show", table_id=table_id))


@bp.post("/<id:table_id>/columns/<id:number>/deletion")
@may(Action.EDIT_TABLE)
async def columns_destroy(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    column, seen = find_column(table, number), (await request.form).get("seen")
    if seen is None:
        raise BadRequest("The form does not say which title it showed. Load the page again.")
    try:
        result = await db().write(delete_column, current_user(), table_id, number, seen)
    except ColumnChanged as error:
        return await _edit_page(table, column, _filled_form(table, column), status=409, notice=str(error))
    flash(f"The column “{column.title}” is deleted, with its cells.", undo_url=undo_url(table_id, result.seq))
    return redirect_to(url_for("tables.show", table_id=table_id))


def _filled_form(table: Table, column: Column) -> ColumnForm:
    rules = ColumnRules.from_json(column.rules)
    place = _order(table).index(column.number) + 1
    return ColumnForm(
        data={
            "title": column.title,
            "place": place,
            "required": rules.required,
            "unique": rules.unique,
            "choices": "\n".join(rules.choices),
            "seen": json.dumps(properties_of(column, _behind(table, column.number, place)) | {"place": place}),
        }
    )


def _wanted(table: Table, number: int, form: ColumnForm) -> dict[str, Any]:
    """Raises `RulesRefused`."""
    seen = _parse_seen(form.seen.data)
    is_moved = form.place.data != seen["place"]
    rules = ColumnRules.checked(
        required=form.required.data, unique=form.unique.data, choices=(form.choices.data or "").splitlines()
    )
    return {
        "title": form.title.data,
        "rules": rules.to_json(),
        "behind": _behind(table, number, form.place.data) if is_moved else seen["behind"],
    }


def _parse_seen(text: str | None) -> dict[str, Any]:
    try:
        seen = json.loads(text or "")
        return {
            "title": str(seen["title"]),
            "rules": dict(seen["rules"]),
            "behind": int(seen["behind"]),
            "place": int(seen["place"]),
        }
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise BadRequest("The form does not say what it showed. Load the page again.") from error


def _order(table: Table) -> list[int]:
    return [column.number for column in table.columns]


def _behind(table: Table, number: int, place: int) -> int:
    """The column before `place`, from 1, among the others; 0 for none."""
    others = [other for other in _order(table) if other != number][: place - 1]
    return others[-1] if others else 0


async def _describe_change(table_id: int, number: int) -> str:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    column = find_column(table, number)
    said = _describe_unmet(ColumnRules.from_json(column.rules), await _read_unmet(table, column))
    rest = f" {said} They stay as they are until somebody edits them." if said else ""
    return f"The column “{column.title}” is changed for everybody.{rest}"


def _describe_unmet(rules: ColumnRules, unmet: Unmet | None) -> str:
    """How many cells there are that an edit could not save."""
    if unmet is None:
        return ""
    parts = [
        f"{plural(unmet.empty, 'cell is', 'cells are')} empty" if rules.required and unmet.empty else "",
        f"{plural(unmet.repeated, 'cell has', 'cells have')} a text that others have too"
        if rules.unique and unmet.repeated
        else "",
        f"{plural(unmet.others, 'cell has', 'cells have')} none of the choices" if unmet.others else "",
    ]
    found = [part for part in parts if part]
    return f"{', '.join(found)}." if found else ""


async def _read_unmet(table: Table, column: Column) -> Unmet | None:
    """None where counting takes too long."""
    field, choices = Field.of(column), ColumnRules.from_json(column.rules).choices
    try:
        return await read_rows(
            lambda rows: rows.unmet(table.ref, field, choices), min(UNMET_SECONDS, config().query_timeout)
        )
    except QueryTimeout:
        return None


async def _new_page(table: Table, form: NewColumnForm, status: int = 200) -> Response:
    return await render(
        "tables/columns/new.html",
        "tables/columns/_new_panel.html",
        status,
        table=table,
        form=form,
        table_url=url_for("tables.show", table_id=table.id),
        last_place=len(table.columns) + 1,
    )


async def _edit_page(
    table: Table, column: Column, form: ColumnForm, status: int = 200, notice: str | None = None
) -> Response:
    return await render(
        "tables/columns/edit.html",
        "tables/columns/_edit_panel.html",
        status,
        table=table,
        column=column,
        form=form,
        notice=notice,
        unmet=await _read_unmet(table, column),
        table_url=url_for("tables.show", table_id=table.id),
        column_url=url_for("tables.columns_show", table_id=table.id, number=column.number),
        last_place=len(table.columns),
    )
