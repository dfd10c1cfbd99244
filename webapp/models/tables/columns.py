"""Adding, changing, moving and deleting columns. Each verb writes one change set; `type_changing.py` has the types.

Rights are checked in the same transaction. Raises `NotFound`, `NotAllowed` and `TableNotReady`, like all that edits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Actor
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.column_properties import describe_entries, properties_of, read_title
from webapp.models.tables.column_sheet import ColumnSheet
from webapp.models.tables.sheet import editable
from webapp.models.tables.type_changing import new_format
from webapp.rowstore.cell_input import Misfit, read_input
from webapp.rowstore.column_rules import RulesRefused
from webapp.rowstore.table_ref import Field


class ColumnChanged(UserError):
    """Somebody else has changed what is to be changed."""

    def __init__(self, title: str) -> None:
        super().__init__(
            f"The column “{title}” was changed by somebody else in the meantime, so nothing was saved. Here is what it"
            " has now; change it again if you still want to."
        )


@dataclass(frozen=True, slots=True)
class ColumnResult:
    """`seq` is the change set, None if nothing changed."""

    seq: int | None
    number: int


async def add_column(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    title: str,
    type: str,
    place: int,
    via: Via = Via.PAGE,
    format: Mapping[str, Any] | None = None,
) -> ColumnResult:
    """A column of empty cells at `place`, from 0, in this format or the usual one. Raises `TitleRefused`, `NoSuchType`,
    and `UserError` if the table has no room for a further column.
    """
    checked = new_format(type, format)
    return await _change(work, actor, table_id, via, lambda columns: columns.add(title, type, checked, place))


async def change_column(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    number: int,
    seen: Mapping[str, Any],
    wanted: Mapping[str, Any],
    via: Via = Via.PAGE,
) -> ColumnResult:
    """Set those of `title`, `rules` and `behind` (the number of the column before it, 0 for none) that differ from what
    was seen. Raises `TitleRefused`, `RulesRefused`, and `ColumnChanged` if one of these was changed by somebody else.
    """
    changed = {name: value for name, value in wanted.items() if value != seen[name]}

    def change(columns: ColumnSheet) -> int:
        current = properties_of(columns.find(number), columns.behind(number))
        if any(current[name] not in (seen[name], value) for name, value in changed.items()):
            raise ColumnChanged(current["title"])
        if "title" in changed:
            changed["title"] = read_title(changed["title"], columns.titles(without=number))
        if "rules" in changed:
            changed["rules"] = _fitting_rules(columns, number, changed["rules"])
        columns.change(number, {name: value for name, value in changed.items() if name != "behind"})
        if "behind" in changed:
            columns.move_behind(number, changed["behind"])
        return number

    return await _change(work, actor, table_id, via, change)


async def move_column(
    work: UnitOfWork, actor: Actor, table_id: int, number: int, place: int, via: Via = Via.PAGE
) -> ColumnResult:
    """For everybody: to `place`, from 0, among all columns."""

    def move(columns: ColumnSheet) -> int:
        columns.find(number)
        columns.move(number, place)
        return number

    return await _change(work, actor, table_id, via, move)


async def delete_column(
    work: UnitOfWork, actor: Actor, table_id: int, number: int, seen: str | None = None, via: Via = Via.PAGE
) -> ColumnResult:
    """Its cells stay until the change log forgets the deletion: undo brings them back. Raises `LastColumn`, and
    `ColumnChanged` if it has another title than was seen.
    """

    def delete_(columns: ColumnSheet) -> int:
        title = columns.find(number).title
        if seen is not None and seen != title:
            raise ColumnChanged(title)
        columns.delete(number)
        return number

    return await _change(work, actor, table_id, via, delete_)


def _fitting_rules(columns: ColumnSheet, number: int, rules: Mapping[str, Any]) -> dict[str, Any]:
    """With the choices as the column writes them, since an edit is saved so. Raises `RulesRefused`."""
    field = Field.of(columns.find(number))

    def fitting(choice: str) -> str:
        try:
            return read_input(columns.rows, field, choice).text
        except Misfit as error:
            if columns.rows.fits(field, choice):
                return choice
            raise RulesRefused(f"“{choice}” is no choice for this column. {error}") from error

    choices = dict.fromkeys(map(fitting, rules.get("choices", ())))
    return {**rules, "choices": list(choices)} if choices else dict(rules)


async def _change(
    work: UnitOfWork, actor: Actor, table_id: int, via: Via, change: Callable[[ColumnSheet], int]
) -> ColumnResult:
    def run(connection: Connection) -> tuple[ColumnResult, ColumnSheet]:
        columns = ColumnSheet(connection, editable(connection, actor, table_id))
        number = change(columns)
        entries = columns.entries
        note = describe_entries(entries)
        seq = record(connection, actor, via, table_id, Kind.COLUMNS, entries, note=note) if entries else None
        return ColumnResult(seq, number), columns

    result, columns = await work.run(run)
    if columns.index_again:
        work.enqueue("index_table", str(table_id))
    if result.seq is not None:
        publish_change(work, table_id, result.seq)
    return result
