"""A table as somebody sees it who may see only a part of it."""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from webapp.models.tables.table import Column, Table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef

WIDTH = 16  # characters that a column is taken to have where its cells are not all for its reader


def narrow(table: Table, scope: Sequence[Sequence[str]], shown: Collection[int] | None) -> Table | None:
    """The table with the columns `shown` (None: all) and the rows of `scope`, which may use the others.

    None if it has no such column any more, or none at all is left: to leave out a condition would show more than was
    meant. How many rows there are is not told where it may be more than those of the scope.
    """
    query = parse_scope(scope, table.ref.fields)
    is_shown = {column.number: shown is None or column.number in shown for column in table.columns}
    if query is None or not any(is_shown.values()):
        return None
    narrowed = Table()
    # Views are of members: it opens with none.
    other: dict[str, object] = {"default_view_id": None}
    if query.is_narrowed:
        other |= {"row_count": 0, "next_row_id": 1}
    narrowed.__dict__.update({name: value for name, value in table.__dict__.items() if name in _NAMES} | other)
    make_transient_to_detached(narrowed)
    columns = [column for column in table.columns if is_shown[column.number]]
    is_whole = not query.is_narrowed
    set_committed_value(narrowed, "columns", [_without_facts(column, keeps_width=is_whole) for column in columns])
    fields, hidden = list[Field](), list[Field]()
    for field in table.ref.fields:
        (fields if is_shown[field.number] else hidden).append(field)
    narrowed.__dict__["ref"] = TableRef(
        table.id, tuple(fields), (), tuple(hidden), query if query.is_narrowed else None
    )
    return narrowed


def parse_scope(scope: Sequence[Sequence[str]], fields: tuple[Field, ...]) -> TableQuery | None:
    """None if these columns cannot answer it."""
    try:
        return TableQuery.from_args([(name, value) for name, value in scope], fields)
    except QueryError:
        return None


def _without_facts(column: Column, *, keeps_width: bool) -> Column:
    """What was found out about all rows of the table, such as why the column has its type, quotes cells of them as they
    were then.
    """
    copy = Column()
    copy.__dict__.update({name: value for name, value in column.__dict__.items() if name in _COLUMN_NAMES})
    copy.__dict__["facts"] = {"width": column.facts.get("width", WIDTH) if keeps_width else WIDTH}
    make_transient_to_detached(copy)
    return copy


_NAMES = frozenset(column.name for column in Table.__table__.columns)
_COLUMN_NAMES = frozenset(column.name for column in Column.__table__.columns)
