"""Whether a file can be laid over a table as somebody wants it, and whether it would come out as it was compared."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from webapp.db.errors import UserError
from webapp.imports.report import InspectionReport
from webapp.imports.update_settings import LEFT_OUT, NEW, Missing, Mode, UpdateSettings
from webapp.models.tables.change_set import ChangeSet, Kind
from webapp.models.tables.table import Column, Table

# What people change in a table without changing which row is which, unless it is in a key.
HARMLESS = (Kind.CELLS, Kind.TITLE)
WITHOUT_COLUMNS = (*HARMLESS, Kind.ADD_ROWS, Kind.DELETE_ROWS)


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


def has_changed_since(connection: Connection, table_id: int, seq: int, settings: UpdateSettings) -> bool:
    """Whether the table has changed in a way that the comparison would come out otherwise. A cell that somebody changes
    is left as it is, since each is compared once more when it is written.
    """
    given = {"table_id": table_id, "seq": seq}
    sets = connection.execute(_SINCE, given).all()
    latest = connection.scalar(_LATEST, given) or 0
    if len(sets) < latest - seq:
        return True  # the log has forgotten some
    if settings.mode == Mode.APPEND:
        return any(kind not in WITHOUT_COLUMNS for kind, _ in sets)
    keys = set(map(str, settings.keys)) if settings.mode == Mode.UPDATE else None
    return any(
        kind not in HARMLESS or keys is None or not keys.isdisjoint(columns.split(",")) for kind, columns in sets
    )


_SINCE = select(ChangeSet.kind, ChangeSet.columns).where(
    ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq > bindparam("seq")
)
_LATEST = select(Table.seq).where(Table.id == bindparam("table_id"))
