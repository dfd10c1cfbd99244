"""What open pages of visitors are sent: of each change the part that their link shows, and not who made it.

A change may take a row into the scope of a link or out of it. What its cells held before is not looked up: the page
reads its rows again, as after a deletion. So it can tell that something happened to the table, never what.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_feed import Author, LoggedSet
from webapp.models.tables.link import LINKS_OF_TABLE, parameters_for
from webapp.rowstore import row_reader
from webapp.rowstore.table_ref import TableRef
from webapp.tables.stream_messages import refresh_message, set_message

SOMEBODY = Author(None, "")
ANY_COLUMN = 0  # in place of the number of one that was added, changed or deleted


class Visitors(NamedTuple):
    """An audience: those who came by a link, and the columns that their pages show (None: all that the link does)."""

    link_id: int
    columns: frozenset[int] | None


def visitor_messages(
    connection: Connection, table_id: int, audience: Visitors, sets: Sequence[LoggedSet], now: int
) -> bytes:
    """Nothing if they see nothing of it, or nothing at all any more. `now` is the latest of the sets."""
    access = TableAccess.find_by_link(connection, audience.link_id, table_id)
    link = connection.execute(LINKS_OF_TABLE, parameters_for(table_id, [audience.link_id])).first()
    if access is None or link is None:
        return b""
    ref = access.table.ref
    deciding = _deciding(ref)
    telling = None if link.shown is None else deciding.union(link.shown)
    told = [one for one in (_without_hidden(one, telling) for one in sets) if _says_something(one)]
    if any(_may_move_rows(one, deciding) for one in told) and ref.scope is not None:
        return refresh_message(now)
    there = _rows_there(connection, ref, told)
    fields = {
        field.number: field for field in ref.fields if audience.columns is None or field.number in audience.columns
    }
    shown = [_for_rows(one, there, fields) for one in told]
    return b"".join(set_message(one, fields, None, None) for one in shown if _says_something(one))


def _deciding(ref: TableRef) -> set[int]:
    """The columns that decide which rows there are for visitors."""
    if ref.scope is None:
        return set()
    searched = {field.number for field in ref.scope.fields} if ref.scope.terms else set[int]()
    return searched | {condition.field.number for group in ref.scope.groups for condition in group}


def _without_hidden(one: LoggedSet, telling: Collection[int] | None) -> LoggedSet:
    """`telling` are the columns of which something is told, if only that it may have moved rows; None: all."""

    def is_told(number: int) -> bool:
        return telling is None or number in telling

    return replace(
        one,
        author=SOMEBODY,
        cells=[cell for cell in one.cells if is_told(cell[1])],
        columns=[ANY_COLUMN] if any(map(is_told, one.columns)) else [],
        extent=one.extent if not one.touched or any(map(is_told, one.touched)) else None,
    )


def _may_move_rows(one: LoggedSet, deciding: Collection[int]) -> bool:
    return bool(one.deleted or one.extent) or any(number in deciding for _, number, _ in one.cells)


def _rows_there(connection: Connection, ref: TableRef, sets: Sequence[LoggedSet]) -> Collection[int] | None:
    """Those of the rows that these sets name; None: all."""
    if ref.scope is None:
        return None
    named = {row_id for one in sets for row_id in (*one.added, *(row_id for row_id, _, _ in one.cells))}
    return row_reader(connection).cells(ref, sorted(named), ()).keys() if named else ()


def _for_rows(one: LoggedSet, there: Collection[int] | None, fields: Collection[int]) -> LoggedSet:
    return replace(
        one,
        cells=[cell for cell in one.cells if cell[1] in fields and (there is None or cell[0] in there)],
        added=one.added if there is None else [row_id for row_id in one.added if row_id in there],
    )


def _says_something(one: LoggedSet) -> bool:
    return bool(one.cells or one.added or one.deleted or one.columns or one.extent) or one.title is not None
