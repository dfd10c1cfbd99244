"""How a view groups its rows, and its form in a URL: `group=3` by the values of column 3 in their order, `group=-3` the
other way round, `group=3.rows` with the largest groups first; `sums=5,9`: the columns whose sum each group has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from webapp.rowstore.errors import QueryError
from webapp.rowstore.table_ref import Field

GroupOrder = Literal["ascending", "descending", "rows"]

MAX_SUMS = 8
SUMMED = ("integer", "decimal", "duration")  # types whose values add up
_BY_ROWS = ".rows"


@dataclass(frozen=True, slots=True)
class Grouping:
    field: Field
    order: GroupOrder = "ascending"
    sums: tuple[Field, ...] = ()

    @property
    def arguments(self) -> list[tuple[str, str]]:
        number = str(self.field.number)
        group = {"ascending": number, "descending": f"-{number}", "rows": f"{number}{_BY_ROWS}"}[self.order]
        sums = ",".join(str(field.number) for field in self.sums)
        return [("group", group), *([("sums", sums)] if sums else [])]

    def ordered_by(self, order: GroupOrder) -> "Grouping":
        return replace(self, order=order)


def parse_grouping(group: Sequence[str], sums: Sequence[str], find: Callable[[str, str], Field]) -> Grouping | None:
    """`find(number, argument)` is the column with that number; sums without a group mean nothing. Raises QueryError."""
    text = next(iter(group), "")
    if not text:
        return None
    order: GroupOrder = "descending" if text.startswith("-") else "rows" if text.endswith(_BY_ROWS) else "ascending"
    field = find(text.removeprefix("-").removesuffix(_BY_ROWS), "group")
    summed = dict.fromkeys(find(number, "sums") for number in ",".join(sums).split(",") if number)
    if len(summed) > MAX_SUMS:
        raise QueryError(f"A group has at most {MAX_SUMS} sums; these are {len(summed):,}.", "sums")
    for each in summed:
        if each.type not in SUMMED:
            raise QueryError(f"The column {each.title} has no sum: its cells are no numbers.", "sums")
    return Grouping(field, order, tuple(summed))
