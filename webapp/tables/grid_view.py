"""What the templates of a table are given: classes with slots, because Jinja finds their attributes several times as
fast as the items of a dictionary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

COUNT_SOON, COUNT_WHILE_IMPORTING = "50ms", "1s"  # when the browser asks for the count


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The sentence about the rows shown. With `count_url` it reloads itself after `delay`."""

    sentence: str
    count_url: str | None = None
    delay: str = COUNT_SOON


@dataclass(frozen=True, slots=True)
class ColumnHeader:
    """A visible column: see tables/show.html. A page may have hundreds."""

    number: int
    title: str
    type: str
    mark: str | None
    width: int
    direction: str | None
    place: int | None
    sort_url: str
    add_url: str
    panel_url: str
    automatic: int | None = None


@dataclass(frozen=True, slots=True)
class PageEnd:
    """One side of a page of rows: see tables/rows/_rows.html."""

    rows_url: str
    page_url: str
    more: bool
    stopped_at: int | None


@dataclass(frozen=True, slots=True)
class RowsPage:
    """The `page` of tables/rows/_rows.html."""

    rows: Markup
    count: int
    before: PageEnd
    after: PageEnd


@dataclass(frozen=True, slots=True)
class RowCell:
    """A cell on its row's page. `url` is the link that the cell is; `whole_url` leads to all of its `size` bytes if the
    text was cut.
    """

    title: str
    type: str
    text: str
    url: str | None
    size: int | None
    whole_url: str | None
    history_url: str | None


@dataclass(frozen=True, slots=True)
class Live:
    """How the page stays up to date: its stream, without `after`; the change set up to which its rows are, at least;
    and where it says in which cell its reader is (None: nobody sees that).
    """

    url: str
    seq: int
    presence_url: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the table the page is; `is_by_id`: a row's number tells. `total` is the number of rows, None if it is
    unknown.
    """

    way: float
    is_by_id: bool
    total: int | None
    note: str
    position_url: str
    hidden: list[tuple[str, str]]
    last_url: str
    export_url: str | None
    move_url: str


@dataclass(frozen=True, slots=True)
class Chip:
    text: str
    url: str
    panel_url: str


@dataclass(frozen=True, slots=True)
class Export:
    title: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ColourView:
    """The column that colours the rows. `lines` say which class means what, and `note` what else there is to say;
    `update_url` has the classes of the rows that `ids` names, None if no row has a colour.
    """

    number: int
    text: str
    column_url: str
    plain_url: str
    lines: Sequence[tuple[str, str]] = ()
    note: str = ""
    update_url: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The `view` of tables/show.html, which describes it."""

    url: str
    stylesheet: str
    heads: list[ColumnHeader]
    titles: Markup
    digits: int
    page: RowsPage
    search: str
    hidden: list[tuple[str, str]]
    chips: list[Chip]
    sort_text: str | None
    unsorted_url: str
    colour: ColourView | None
    group_text: str | None
    group_url: str | None
    ungrouped_url: str
    clear_url: str
    columns_url: str
    summary_url: str | None
    chart_url: str | None
    bulk_url: str | None
    links_url: str | None
    hidden_count: int
    visible_count: int
    exports: list[Export]
    original_url: str | None
    may_search: bool
    is_importing: bool
    terms: list[str]
    place: Place
    live: Live
