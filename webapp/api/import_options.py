"""Corrections that programs send of what was found in a file, as the pages have them."""

from collections.abc import Sequence
from dataclasses import replace

from webapp.api.errors import WrongField
from webapp.api.import_inputs import ColumnOption, ImportChange
from webapp.imports.corrections import InvalidOverride, ensure_a_column, fields_of, parse_overrides
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.imports.update_settings import LEFT_OUT, NEW, UpdateSettings
from webapp.models import Import
from webapp.models.tables.import_model import StateConflict
from webapp.models.tables.import_wishes import Wishes, numbers_of
from webapp.models.tables.table import Column
from webapp.models.tables.update_checks import SettingsRefused

OF_UPDATES = ("mode", "keys", "missing", "adds_rows", "mark")
OF_NEW_TABLES = ("sheet", "encoding", "delimiter", "quote", "header", "header_row", "order")
COLUMNS_OF_UPDATES, COLUMNS_OF_NEW_TABLES = ("into", "new"), ("title", "type", "order", "skip")


def inspection_of(import_: Import) -> InspectionReport:
    """Raises `StateConflict` if the file has not been read yet."""
    if import_.inspection is None:
        raise StateConflict(import_.state)
    return InspectionReport.from_json(import_.inspection)


def overrides_of(import_: Import, change: ImportChange) -> ImportOverrides:
    """Of a file that becomes a table. Raises `WrongField` and `StateConflict`."""
    inspection, options = inspection_of(import_), _columns(change)
    _ensure_meant(change, OF_UPDATES, COLUMNS_OF_UPDATES, "This is about a file for a table that is there.")
    _ensure_there(options, len(inspection.columns))
    fields = fields_of(inspection) | _read_fields(change)
    for option in options:
        fields |= _column_fields(option, inspection.columns[option.number - 1])
    try:
        overrides = parse_overrides(fields, inspection, ImportOverrides.from_json(import_.overrides))
        ensure_a_column(overrides, inspection)
    except InvalidOverride as problem:
        raise WrongField(_place(problem.field, options), str(problem)) from problem
    return overrides


def settings_of(
    import_: Import, settings: UpdateSettings, change: ImportChange, columns: Sequence[Column]
) -> UpdateSettings:
    """Of a file for a table with these columns. Raises `WrongField` and `StateConflict`."""
    inspection, options = inspection_of(import_), _columns(change)
    told = "This is about a file that becomes a table of its own. Of this one, send it as a parameter of the upload."
    _ensure_meant(change, OF_NEW_TABLES, COLUMNS_OF_NEW_TABLES, told)
    _ensure_there(options, len(inspection.columns))
    wishes = Wishes(mode=change.mode, keys=tuple(change.keys or ()), missing=change.missing, adds_rows=change.adds_rows)
    mapped = dict(settings.columns)
    try:
        for place, option in enumerate(options):
            mapped[option.number - 1] = _into(option, columns, f"columns/{place}/into")
        found = replace(wishes.applied_to(settings, columns), columns=mapped)
        if "mark" in change.model_fields_set:
            found = replace(found, mark=NEW if change.mark is None else numbers_of([change.mark], columns, "mark")[0])
    except SettingsRefused as problem:
        raise WrongField(problem.field, str(problem)) from problem
    return found


def _columns(change: ImportChange) -> list[ColumnOption]:
    return change.columns or []


def _ensure_meant(change: ImportChange, others: Sequence[str], of_columns: Sequence[str], message: str) -> None:
    if wrong := [name for name in others if name in change.model_fields_set]:
        raise WrongField(wrong[0], message)
    for place, option in enumerate(_columns(change)):
        if wrong := [name for name in of_columns if name in option.model_fields_set]:
            raise WrongField(f"columns/{place}/{wrong[0]}", message)


def _ensure_there(options: Sequence[ColumnOption], width: int) -> None:
    for place, option in enumerate(options):
        if option.number > width:
            columns = "column" if width == 1 else "columns"
            raise WrongField(f"columns/{place}/number", f"The file has {width:,} {columns}.")


def _read_fields(change: ImportChange) -> dict[str, str]:
    given = {name: getattr(change, name) for name in OF_NEW_TABLES if name in change.model_fields_set}
    if "header" in given:
        given["header"] = "yes" if given["header"] else "no"
    return {name: str(value) for name, value in given.items()}


def _column_fields(option: ColumnOption, guess: ColumnGuess) -> dict[str, str]:
    """The title is always there: without it the form says nothing of `skip`."""
    prefix, given = f"columns-{option.number - 1}-", option.model_fields_set
    fields = {"title": option.title if "title" in given else guess.title}
    if "type" in given or "order" in given:
        type_ = option.type if "type" in given else guess.type
        fields["type"] = f"{type_}:{option.order}" if "order" in given else type_
    if option.skip if "skip" in given else guess.skip:
        fields["skip"] = "y"
    return {prefix + name: value for name, value in fields.items()}


def _place(field: str, options: Sequence[ColumnOption]) -> str:
    """Where in the body a field of the preview is."""
    if not field.startswith("columns-"):
        return field
    _, index, name = field.split("-")
    for place, option in enumerate(options):
        if option.number == int(index) + 1:
            return f"columns/{place}/{name}"
    return "columns"


def _into(option: ColumnOption, columns: Sequence[Column], field: str) -> int:
    if option.new:
        return NEW
    return LEFT_OUT if option.into is None else numbers_of([option.into], columns, field)[0]
