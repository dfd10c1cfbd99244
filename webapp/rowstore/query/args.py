"""The state of a grid as its URL holds it: `q=oslo&f.3=eq:Oslo&sort=-5,3&cols=3,5-9,1&colour=3`.

`TableQuery` is parsed from a URL, validated against the readable columns, and builds every URL that a grid links to.
This module knows nothing of SQL or of a database.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote, urlencode

from webapp.rowstore.errors import QueryError
from webapp.rowstore.query.column_list import format_columns, parse_columns
from webapp.rowstore.query.filters import (
    MAX_SEARCH,
    Filter,
    group_filters,
    make_filter,
    parse_filter,
    remove_filter,
)
from webapp.rowstore.query.grouping import Grouping, parse_grouping
from webapp.rowstore.query.periods import Clock
from webapp.rowstore.query.row_ranges import RowRanges, format_ranges
from webapp.rowstore.query.search import ensure_searchable, parse_search
from webapp.rowstore.query.sorts import Sort
from webapp.rowstore.table_ref import Field

MAX_SORTS = 8
MAX_FILTERS = 50
MAX_ADDRESS = 20_000  # characters of its values: a page repeats them in its links
MAX_REPEATED = 600_000  # of these characters, in the links that are not about a column or a row: two for each filter,
OTHER_LINKS = 20  # and so many others
MAX_DIGITS = 19  # of the number of a view


class MultiItems(Protocol):
    """The interface of `request.args`."""

    def items(self, multi: bool = ...) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class TableQuery:
    """Which part of a table to show: immutable, validated, comparable. `fields` are the columns it may use."""

    fields: tuple[Field, ...]
    search: str = ""
    filters: tuple[Filter, ...] = ()
    sorts: tuple[Sort, ...] = ()
    visible: tuple[Field, ...] = ()
    # If not empty, only these rows, by their ids.
    only: RowRanges = ()
    # Into which groups its page puts them; this, too, changes nothing of which rows there are.
    group: Grouping | None = dataclasses.field(default=None, compare=False)
    # The column whose values give the rows their colours.
    colour: Field | None = dataclasses.field(default=None, compare=False)
    # The saved view that its page compares it with; 0: none, although the table opens with one.
    view: int | None = dataclasses.field(default=None, compare=False)
    # The position of each of `fields`, by number; and `visible` in its URL form, which every link needs.
    places: Mapping[str, int] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    cols: str = dataclasses.field(default="", compare=False, repr=False)
    # Which day "today" is.
    clock: Clock = dataclasses.field(default_factory=Clock.now, compare=False, repr=False)

    @classmethod
    def of(cls, fields: tuple[Field, ...], clock: Clock | None = None) -> "TableQuery":
        """The whole table, in file order."""
        places = {str(field.number): place for place, field in enumerate(fields)}
        return cls(fields, visible=fields, places=places, clock=clock or Clock.now())

    @classmethod
    def from_args(
        cls, args: MultiItems | list[tuple[str, str]], fields: tuple[Field, ...], clock: Clock | None = None
    ) -> "TableQuery":
        """Raises QueryError, with a readable message, at the first parameter these columns cannot satisfy.

        Besides the canonical form it accepts what a plain HTML form sends: one `cols` per checkbox. Without a clock,
        relative dates are those of UTC.
        """
        pairs = list(args if isinstance(args, list) else args.items(multi=True))
        _check_length(pairs)
        query = cls.of(fields, clock)
        return replace(
            query.with_visible(parse_columns(_get_all(pairs, "cols"), query)),
            search=_parse_search(_get_all(pairs, "q"), len(fields)),
            filters=_parse_filters(pairs, query),
            sorts=_parse_sorts(_get_all(pairs, "sort"), query),
            group=parse_grouping(_get_all(pairs, "group"), _get_all(pairs, "sums"), query.field),
            colour=_parse_colour(_get_all(pairs, "colour"), query),
            view=_parse_view(_get_all(pairs, "view")),
        )

    def field(self, number: str | int, argument: str = "") -> Field:
        """The column with that number, if the query may use it."""
        place = self.places.get(str(number))
        if place is None:
            raise QueryError(f"This table has no column number {number}.", argument)
        return self.fields[place]

    @property
    def terms(self) -> tuple[str, ...]:
        """The words and phrases of the search: some cell of each row shown contains each of them."""
        return parse_search(self.search)

    @property
    def groups(self) -> list[list[Filter]]:
        """The filters: of each group one must be true."""
        return group_filters(self.filters)

    # -- addresses ------------------------------------------------------------------------------------------------

    def args(self) -> list[tuple[str, str]]:
        """The parameters of its canonical URL; defaults are left out."""
        return self._args(",".join(sort.argument for sort in self.sorts))

    @property
    def state(self) -> list[tuple[str, str]]:
        """The parameters that a saved view keeps: all but which view it is, and without chosen rows."""
        left_out = ("view", "rows")
        return [(name, value) for name, value in self.args() if name not in left_out]

    def _args(self, sort: str) -> list[tuple[str, str]]:
        args = [("q", self.search)] if self.search else []
        args += [condition.argument for condition in self.filters]
        if sort:
            args.append(("sort", sort))
        if self.cols:
            args.append(("cols", self.cols))
        if self.group:
            args += self.group.arguments
        if self.colour:
            args.append(("colour", str(self.colour.number)))
        if self.only:
            args.append(("rows", format_ranges(self.only)))
        if self.view is not None:
            args.append(("view", str(self.view)))
        return args

    def query_string(self, **more: object) -> str:
        """For links: `?q=...`, followed by `more`; empty if there are no parameters."""
        extra = [(name, str(value)) for name, value in more.items() if value is not None]
        return _encode(self.args() + extra)

    def query_string_sorted_by(self, sort: str) -> str:
        """The same with another value of `sort`, which is not checked: a page has such a link for each column."""
        return _encode(self._args(sort))

    def order_of(self, number: int) -> tuple[int, bool] | None:
        """The column's position among the sorts (from 1) and whether it is descending; None: not sorted."""
        for place, sort in enumerate(self.sorts, 1):
            if sort.field.number == number:
                return place, sort.descending
        return None

    # -- other queries made of this one ---------------------------------------------------------------------------

    def toggle_sort(self, number: int, *, add: bool = False) -> "TableQuery":
        """Ascending, then descending, then off. With `add` the other sorts stay, and so does the column's position."""
        field = self.field(number)
        place, descending = self.order_of(number) or (None, False)
        toggled = () if descending else (Sort(field, descending=place is not None),)
        if not add:
            return replace(self, sorts=toggled)
        if place is None:
            return replace(self, sorts=(*self.sorts, *toggled)[:MAX_SORTS])
        return replace(self, sorts=(*self.sorts[: place - 1], *toggled, *self.sorts[place:]))

    def sorted_by(self, *sorts: tuple[int, bool]) -> "TableQuery":
        """Sorted by these columns, each with whether it is descending; without any: in file order."""
        return replace(self, sorts=tuple(Sort(self.field(number), down) for number, down in sorts))

    def with_filter(self, number: int, operator: str, *values: str, is_alternative: bool = False) -> "TableQuery":
        """With one more filter; as an alternative to the last one on this column, if there is one."""
        added = make_filter(self.field(number), operator, values, self.clock)
        has_other = any(condition.field.number == number for condition in self.filters)
        added = replace(added, is_alternative=is_alternative and has_other)
        return self.with_condition(added)

    def with_condition(self, condition: Filter) -> "TableQuery":
        """With this condition as well. If it is there with alternatives, it goes without them from then on."""
        if condition not in self.filters:
            return replace(self, filters=(*self.filters, condition))
        others = [id(each) for group in self.groups if group[0] == condition for each in group[1:]]
        return replace(self, filters=tuple(each for each in self.filters if id(each) not in others))

    def with_changed_filter(self, index: int, operator: str, *values: str) -> "TableQuery":
        """With another condition in place of the filter at `index`, on the same column."""
        old = self.filters[index]
        changed = make_filter(old.field, operator, values, self.clock)
        changed = replace(changed, is_alternative=old.is_alternative)
        return replace(self, filters=(*self.filters[:index], changed, *self.filters[index + 1 :]))

    def without_filter(self, index: int) -> "TableQuery":
        return replace(self, filters=remove_filter(self.filters, index))

    def without_filters(self) -> "TableQuery":
        """Without search and filters; sorts and columns stay."""
        return replace(self, filters=(), search="")

    def without_filters_on(self, number: int) -> "TableQuery":
        return replace(self, filters=tuple(condition for condition in self.filters if condition.field.number != number))

    def with_column_moved(self, number: int, before: int | None) -> "TableQuery":
        """With the visible column before another one; None: behind all of them."""
        moved = self.field(number)
        if number == before or moved not in self.visible:
            return self
        rest = [field for field in self.visible if field.number != number]
        place = next((place for place, field in enumerate(rest) if field.number == before), len(rest))
        return self.with_visible((*rest[:place], moved, *rest[place:]))

    def with_columns(self, numbers: Iterable[int]) -> "TableQuery":
        """With these columns in this order; none means all columns again."""
        return self.with_visible(tuple(self.field(number) for number in dict.fromkeys(numbers)) or self.fields)

    def with_visible(self, chosen: tuple[Field, ...]) -> "TableQuery":
        cols = ",".join(format_columns(chosen, self.places)) if chosen != self.fields else ""
        return replace(self, visible=chosen, cols=cols)

    def grouped(self, grouping: Grouping | None) -> "TableQuery":
        """None: row by row."""
        return replace(self, group=grouping)

    def coloured_by(self, number: int | None) -> "TableQuery":
        """None: without colours."""
        return replace(self, colour=None if number is None else self.field(number))

    def only_rows(self, ranges: RowRanges) -> "TableQuery":
        """These rows, whether or not they match its search and filters."""
        return replace(self, search="", filters=(), only=ranges)

    @property
    def is_narrowed(self) -> bool:
        """Whether it may show fewer rows than the table has."""
        return bool(self.search or self.filters or self.only)


def _encode(args: list[tuple[str, str]]) -> str:
    return f"?{urlencode(args, safe=':,')}" if args else ""


def _check_length(pairs: Iterable[tuple[str, str]]) -> None:
    values = [value for name, value in pairs if name in ("q", "sort", "cols", "group", "sums") or name.startswith("f.")]
    length, filters = len(quote("".join(values), errors="replace")), sum(name.startswith("f.") for name, _ in pairs)
    if length > MAX_ADDRESS or length * (2 * filters + OTHER_LINKS) > MAX_REPEATED:
        raise QueryError(
            "What this view asks for is too long together: each link of its page repeats it. Take out a filter, or"
            " some of its values."
        )


def _get_all(pairs: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [_ensure_text(value, name) for key, value in pairs if key == name]


def _ensure_text(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise QueryError("The address contains bytes that are not valid text.", name) from None
    return value


def _parse_search(values: list[str], columns: int) -> str:
    text = next(iter(values), "").replace("\0", "").strip()
    if len(text) > MAX_SEARCH:
        raise QueryError(f"A search has at most {MAX_SEARCH} characters; this one has {len(text):,}.", "q")
    ensure_searchable(parse_search(text), columns)
    return text


def _parse_filters(pairs: list[tuple[str, str]], query: TableQuery) -> tuple[Filter, ...]:
    filters = [
        parse_filter(query.field(name.removeprefix("f."), name), _ensure_text(value, name), query.clock)
        for name, value in pairs
        if name.startswith("f.")
    ]
    if len(filters) > MAX_FILTERS:
        raise QueryError(f"At most {MAX_FILTERS} filters go together; these are {len(filters):,}.")
    firsts = {id(group[0]) for group in group_filters(filters)}  # nothing before them to be an alternative to
    return tuple(dict.fromkeys(replace(each, is_alternative=id(each) not in firsts) for each in filters))


def _parse_sorts(values: list[str], query: TableQuery) -> tuple[Sort, ...]:
    chosen: dict[Field, Sort] = {}
    for part in filter(None, ",".join(values).split(",")):
        sort = Sort(query.field(part.removeprefix("-"), "sort"), part.startswith("-"))
        chosen.setdefault(sort.field, sort)
    if len(chosen) > MAX_SORTS:
        raise QueryError(f"A table is sorted by at most {MAX_SORTS} columns; these are {len(chosen):,}.", "sort")
    return tuple(chosen.values())


def _parse_colour(values: list[str], query: TableQuery) -> Field | None:
    number = next(iter(values), "")
    return query.field(number, "colour") if number else None


def _parse_view(values: list[str]) -> int | None:
    """What is no number names no view."""
    text = next(iter(values), "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS else None
