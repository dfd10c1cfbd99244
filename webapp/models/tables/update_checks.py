"""Whether a file can be laid over a table as somebody wants it."""

from collections.abc import Sequence

from webapp.db.errors import UserError
from webapp.imports.report import InspectionReport
from webapp.imports.update_settings import LEFT_OUT, NEW, Missing, Mode, UpdateSettings
from webapp.models.tables.table import Column


class SettingsRefused(UserError):
    """The file cannot be laid over the table like this; `field` is the setting that is wrong."""

    def __init__(self, message: str, field: str) -> None:
        self.field = field
        super().__init__(message)


def ensure_fitting(settings: UpdateSettings, inspection: InspectionReport, columns: Sequence[Column]) -> None:
    """Raises `SettingsRefused`."""
    numbers = {column.number for column in columns}
    mapped = [number for number in settings.columns.values() if number not in (NEW, LEFT_OUT)]
    if set(settings.columns) - set(range(len(inspection.columns))) or set(mapped) - numbers:
        raise SettingsRefused("The columns have changed meanwhile. Load the page again.", "columns")
    if len(set(mapped)) < len(mapped):
        raise SettingsRefused(
            "Two columns of the file go into the same column of the table. Change one of them.", "columns"
        )
    if not mapped:
        raise SettingsRefused("None of the file's columns is one of the table's. Choose at least one.", "columns")
    if settings.mode == Mode.UPDATE:
        _ensure_keys(settings, mapped, numbers)


def _ensure_keys(settings: UpdateSettings, mapped: Sequence[int], numbers: set[int]) -> None:
    if not settings.keys:
        raise SettingsRefused("Choose the column that tells one row from another, such as a number.", "keys")
    if set(settings.keys) - set(mapped):
        raise SettingsRefused("A key must be a column that the file has too. Choose another one.", "keys")
    if settings.missing == Missing.MARK and settings.mark not in numbers | {NEW}:
        raise SettingsRefused("The column for marks is gone. Choose another one.", "mark")
    if settings.missing == Missing.MARK and settings.mark in mapped:
        raise SettingsRefused("Marks of missing rows need a column that the file does not have.", "mark")
