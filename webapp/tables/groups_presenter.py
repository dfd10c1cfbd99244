"""The groups of a table for tables/_groups.html: each with its figures, and where its rows are."""

from dataclasses import dataclass, replace

from webapp.models import Table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import Grouping
from webapp.rowstore.values import Group, Groups
from webapp.tables.columns import format_figure
from webapp.tables.grid_view import StatusLine
from webapp.tables.table_urls import TableUrls
from webapp.web.formatting import plural

MAX_LINKS = 100  # columns in the menu of filters


@dataclass(frozen=True, slots=True)
class GroupLine:
    """`name` is the value, or says that there is none (`is_value`). `url` is the table with these rows alone,
    `rows_url` the first of them; both are None for a value too long for an address.
    """

    name: str
    is_value: bool
    rows: int
    sums: list[str]
    url: str | None
    rows_url: str | None


@dataclass(frozen=True, slots=True)
class ColumnLink:
    title: str
    type: str
    url: str


@dataclass(frozen=True, slots=True)
class GroupsPage:
    """`url` leads to these groups. `title` is the column's; it and that of the rows are links that put the groups into
    another order. `columns` have the links to the filters of each.
    """

    url: str
    title: str
    order: str
    values_url: str
    rows_url: str
    sums: list[str]
    lines: list[GroupLine]
    first: int
    last: int
    number: int
    earlier_url: str | None
    further_url: str | None
    columns: list[ColumnLink]


def present_groups(table: Table, query: TableQuery, grouping: Grouping, found: Groups, size: int) -> GroupsPage:
    urls, end = TableUrls(table.id, query), found.start + len(found.groups)
    is_ascending = grouping.order == "ascending"
    return GroupsPage(
        urls.table(groups=found.start or None),
        grouping.field.title,
        grouping.order,
        urls.table(query.grouped(grouping.ordered_by("descending" if is_ascending else "ascending"))),
        urls.table(query.grouped(grouping.ordered_by("rows"))),
        [field.title for field in grouping.sums],
        [_line(urls, grouping, group) for group in found.groups],
        found.start + 1 if found.groups else 0,
        end,
        found.number,
        urls.table(groups=max(found.start - size, 0)) if found.start else None,
        urls.table(groups=end) if end < found.number else None,
        [ColumnLink(field.title, field.type, urls.column(field.number)) for field in query.visible[:MAX_LINKS]],
    )


def describe_groups(line: StatusLine, grouping: Grouping, found: Groups) -> StatusLine:
    """The status line, which says how many groups there are as well."""
    return replace(line, sentence=f"{line.sentence}, in {plural(found.number, 'group')} by {grouping.field.title}")


def _line(urls: TableUrls, grouping: Grouping, group: Group) -> GroupLine:
    condition = group.condition
    own = urls.query.with_condition(condition).grouped(None) if condition else None
    sums = [format_figure(*pair) for pair in zip(grouping.sums, group.sums, strict=True)]
    return GroupLine(
        group.text if group.text is not None else condition.predicate if condition else "",
        group.text is not None,
        group.rows,
        sums,
        urls.table(own) if own else None,
        urls.to("tables.groups_rows", None, **{"in": condition.argument[1]}) if condition else None,
    )
