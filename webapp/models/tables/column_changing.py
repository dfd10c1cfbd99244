"""Several properties of a column changed in one transaction: title, rules and place, and its type."""

from collections.abc import Mapping
from typing import Any

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import require_access
from webapp.models.tables.change_set import Via
from webapp.models.tables.column_properties import behind, properties_of
from webapp.models.tables.columns import change_column
from webapp.models.tables.table import Table
from webapp.models.tables.type_changing import change_type, new_format


async def change_properties(
    work: UnitOfWork, actor: Actor, table_id: int, number: int, wanted: Mapping[str, Any], via: Via = Via.API
) -> None:
    """`wanted` has what is to be changed of `title`, `rules`, `place` (from 1), `type` and `format`; whatever the
    column has now. A change of type is a change set of its own, as on the pages.

    Raises what `change_column` and `change_type` raise.
    """
    table = (await require_access(work, actor, table_id, Action.EDIT_TABLE)).table
    order = [column.number for column in table.columns]
    if number not in order:
        raise NotFound("column")
    seen = _seen(table, number, order)
    if properties := {name: wanted[name] for name in ("title", "rules") if name in wanted}:
        await change_column(work, actor, table_id, number, seen, seen | properties, via)
    if "place" in wanted:
        others = [other for other in order if other != number][: wanted["place"] - 1]
        moved = seen | {"behind": others[-1] if others else 0}
        await change_column(work, actor, table_id, number, seen, moved, via)
    if "type" in wanted or "format" in wanted:
        type_ = wanted.get("type", seen["type"])
        format = new_format(type_, wanted.get("format"))
        await change_type(work, actor, table_id, number, type_, format, via)


def _seen(table: Table, number: int, order: list[int]) -> dict[str, Any]:
    column = table.columns[order.index(number)]
    return properties_of(column, behind(number, order))
