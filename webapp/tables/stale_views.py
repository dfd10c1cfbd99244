"""An address that names columns which were deleted since: the view without them, and a word about it. A saved view also
goes without what a column that has another type by now cannot be asked.

Only the table's own page is answered so. An export or a count of other rows than were asked for would be wrong.
"""

from collections.abc import Collection, Sequence
from urllib.parse import urlencode

from quart import request
from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.extensions import db
from webapp.models import Column, Table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.paths import url_for
from webapp.web.visits import current_visit

Pairs = Sequence[tuple[str, str]]


async def answer_stale_view(table: Table, error: QueryError) -> ResponseReturnValue:
    """Redirect to the view without what was deleted. Raises `error` if nothing of it was, and for visitors: they are
    told nothing of columns that they do not see.
    """
    if current_visit() is not None:
        raise error
    asked = [(name, value) for name, value in request.args.items(multi=True) if name not in ("after", "before")]
    left, note = await fit_pairs(table, asked, is_saved="view" in request.args)
    if left == asked:
        raise error
    flash(note, "alert")
    if not left and table.default_view_id is not None:
        left = [("view", "0")]  # the whole table, not the view that it opens with
    query = urlencode(left, safe=":,")
    return redirect_to(url_for("tables.show", table_id=table.id) + (f"?{query}" if query else ""))


async def fit_pairs(table: Table, asked: Pairs, *, is_saved: bool) -> tuple[list[tuple[str, str]], str]:
    """The parameters without columns that were deleted, and in words what is missing. Those of a saved view are also
    left without what is refused: it was right when it was saved.
    """
    titles = await deleted_titles(table)
    left = without_columns(asked, titles, [column.number for column in table.columns])
    named = [title for number, title in titles.items() if _names(asked, number)]
    deleted = "" if left == list(asked) else _describe(named, "was deleted", "some of its columns were deleted")
    refused = [pair for pair in left if is_saved and not _is_accepted(table, pair)]
    left = [pair for pair in left if pair not in refused]
    retyped = [column.title for column in table.columns if f"f.{column.number}" in dict(refused)]
    changed = _describe(retyped, "has another type", "some of its columns have another type") if refused else ""
    return left, f"This view does not use all it did: {' and '.join(filter(None, (deleted, changed)))}."


def _describe(titles: Sequence[str], what: str, several: str) -> str:
    return f"“{titles[0]}” {what}" if len(titles) == 1 else several


def _is_accepted(table: Table, pair: tuple[str, str]) -> bool:
    try:
        TableQuery.from_args([pair], table.ref.fields)
    except QueryError:
        return False
    return True


def without_columns(pairs: Pairs, deleted: Collection[int], live: Sequence[int]) -> list[tuple[str, str]]:
    """The parameters without the columns `deleted`; ranges that end at one become the columns between."""
    left = list[tuple[str, str]]()
    for name, value in pairs:
        if name.startswith("f."):
            left += [] if _number(name[2:]) in deleted else [(name, value)]
        elif name == "colour":
            left += [] if _number(value) in deleted else [(name, value)]
        elif name == "group":
            left += [] if _number(value.removeprefix("-").removesuffix(".rows")) in deleted else [(name, value)]
        elif name in ("sort", "cols", "sums"):
            parts = [kept for part in value.split(",") for kept in _left_of(name, part, deleted, live)]
            left += [(name, ",".join(parts))] if parts else []
        else:
            left.append((name, value))
    return left


def _left_of(name: str, part: str, deleted: Collection[int], live: Sequence[int]) -> list[str]:
    first, dash, last = part.partition("-")
    if name != "cols" or not dash:
        return [] if _number(part.removeprefix("-")) in deleted else [part]
    ends = _number(first), _number(last)
    if None in ends or not set(ends) & set(deleted):
        return [part]
    return [str(number) for number in live if (ends[0] or 0) <= number <= (ends[1] or 0)]


def _names(pairs: Pairs, number: int) -> bool:
    return without_columns(pairs, {number}, ()) != list(pairs)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


async def deleted_titles(table: Table) -> dict[int, str]:
    """Of those whose record is still there; others count as deleted too."""
    live = {column.number for column in table.columns}
    titles = {number: f"column {number}" for number in range(1, table.next_column) if number not in live}
    deleted = select(Column.number, Column.title).where(Column.table_id == table.id, Column.deleted_at.is_not(None))
    found = await db().read(lambda connection: connection.execute(deleted).all())
    return titles | {number: title for number, title in found if title}
