"""Deletions as the trash of a table shows them: who deleted what, with the first cells of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from quart import url_for

from webapp.models.tables.change_set import Entry, Kind, cells_from_json
from webapp.models.tables.column_properties import properties_from
from webapp.models.tables.deletions import Deletion
from webapp.models.tables.table import Table
from webapp.tables.history_presenter import SOMEBODY, WAYS, describe_set
from webapp.web.formatting import capitalise, plural

MAX_COLUMNS = 4  # whose cells tell which row it was
MAX_PREVIEWED = 3  # rows
MAX_TEXT = 120  # characters of a cell


@dataclass(frozen=True, slots=True)
class DeletedRow:
    id: int
    cells: list[str]
    history_url: str


@dataclass(frozen=True, slots=True)
class DeletionLine:
    """`what` is still deleted, in words; `rows` are some of the rows, `columns` the titles of all columns."""

    seq: int
    sentence: str
    at: datetime
    until: datetime
    way: str
    what: str
    count: int
    row_count: int
    rows: list[DeletedRow]
    columns: list[str]
    url: str
    history_url: str
    purge_url: str


def shown_titles(table: Table) -> list[str]:
    """Of the columns whose cells tell which row it was."""
    return [field.title for field in table.ref.fields[:MAX_COLUMNS]]


def present_deletion(
    table: Table, deletion: Deletion, titles: Mapping[int, str], kept: timedelta, some: slice = slice(MAX_PREVIEWED)
) -> DeletionLine:
    table_id, one = table.id, deletion.info
    columns = [str((properties_from(entry.before) or {}).get("title", "")) for entry in deletion.columns]
    return DeletionLine(
        one.seq,
        f"{capitalise(one.name or SOMEBODY)} {describe_set(one, titles)}",
        one.at,
        one.at + kept,
        "" if one.kind == Kind.RESTORE else WAYS.get(one.via, ""),  # type: ignore[call-overload]
        words_of(len(deletion.rows), columns),
        len(deletion.entries),
        len(deletion.rows),
        present_rows(table, deletion.rows[some]),
        columns,
        url_for("tables.deletions_show", table_id=table_id, seq=one.seq),
        url_for("tables.histories_show", table_id=table_id, seq=one.seq),
        url_for("tables.deletions_edit", table_id=table_id, seq=one.seq),
    )


def present_rows(table: Table, entries: Sequence[Entry]) -> list[DeletedRow]:
    numbers = [field.number for field in table.ref.fields[:MAX_COLUMNS]]
    found = [(entry.place[0], cells_from_json(entry.before or "{}")) for entry in entries]
    return [
        DeletedRow(
            row_id,
            [_shown(cells.get(number, "")) for number in numbers],
            url_for("tables.rows_history", table_id=table.id, row_id=row_id),
        )
        for row_id, cells in found
    ]


def words_of(rows: int, columns: Sequence[str]) -> str:
    """Such as “3 rows and the column City”."""
    named = "" if not columns else f"the column {columns[0]}" if len(columns) == 1 else plural(len(columns), "column")
    return " and ".join(filter(None, [plural(rows, "row") if rows else "", named]))


def _shown(text: str) -> str:
    return (text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…").replace("\0", "␀")
