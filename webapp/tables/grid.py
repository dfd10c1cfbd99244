"""The grid's body: the hot loop of every page, so it is joined in Python and escaped once per page.

A row is `<tr id=r12><th scope=row><input ..><a ..>12</a><td>..<td>..`, without attributes on cells. What a
whole column has in common is declared once, by `<col width>` and a style sheet generated from the columns' kinds.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat

from markupsafe import Markup, escape

from webapp.rowstore.page_budget import MAX_CELL, PAGE_BYTES, weigh_markup
from webapp.rowstore.table_ref import Field

Row = tuple[int, Sequence[str]]

MIN_WIDTH, MAX_WIDTH = 60, 360  # pixels
_CHARACTER, _PADDING, _ICONS = 8.2, 22, 64  # pixels: a character, the padding of a cell, the icons of a header
_KINDS = {"integer": "n", "decimal": "n", "boolean": "b"}
EDITION = 1  # of the rules: browsers cache the style sheet for a year, so each edition has its own URL
_RULES = {"n": "text-align:right", "b": "text-align:center"}
_SEPARATOR = "\0"
_SYMBOL_FOR_NUL = "\u2400"  # shown instead of a NUL, which separates cells here
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", re.ASCII)
_EXAMINED_ROWS = 20  # to decide whether a column may contain links


def render_rows(
    rows: Sequence[Row],
    fields: Sequence[Field],
    row_url: Callable[[str], str],
    cell_limit: int = MAX_CELL,
    *,
    has_boxes: bool = True,
    tints: Mapping[int, tuple[str, str]] | None = None,
) -> Markup:
    """The `<tr>`s of `rows`, whose cells were cut beyond `cell_limit` characters; `row_url("12")` is row 12's URL.
    `has_boxes`: each row can be chosen. `tints` are classes of rows, and what their numbers say in a title.
    """
    before, after = (str(escape(part)) for part in row_url(_SEPARATOR).split(_SEPARATOR))
    cells, width = _escape_cells(list(chain.from_iterable(cells for _, cells in rows))), len(fields)
    for index, column in [*_booleans(cells, fields), *_links(cells, fields, cell_limit)]:
        cells[index::width] = column
    each_row = zip(*[iter(cells)] * width, strict=True) if width else repeat(())
    # Without quotation marks, and end tags that HTML can do without: a page has a hundred rows. "Row" is what the
    # column of the box is called.
    html = [
        f"<tr id=r{number}{css}><th scope=row>"
        f"{f'<input type=checkbox form=b name=r value={number} aria-label={number}>' if has_boxes else ''}"
        f'<a href="{before}{number}{after}"{title}>{number}</a><td>{"<td>".join(row)}'
        for (number, _), row, (css, title) in zip(rows, each_row, _tint(rows, tints), strict=width > 0)
    ]
    return Markup("".join(html))  # noqa: S704  (escaped all together)


def _tint(rows: Sequence[Row], tints: Mapping[int, tuple[str, str]] | None) -> Sequence[tuple[str, str]]:
    """The attributes of each row and of the link in it."""
    if tints is None:
        return [("", "")] * len(rows)
    found = [tints.get(number, ("", "")) for number, _ in rows]
    return [(f" class={css}" if css else "", f' title="{escape(title)}"' if title else "") for css, title in found]


def _escape_cells(cells: Sequence[str]) -> list[str]:
    """All of a page in one go: a call for each of a thousand cells takes five times as long."""
    text = _SEPARATOR.join(cells)
    if text.count(_SEPARATOR) != len(cells) - 1:
        text = _SEPARATOR.join(cell.replace(_SEPARATOR, _SYMBOL_FOR_NUL) for cell in cells)
    return str(escape(text)).split(_SEPARATOR) if cells else []


def _booleans(cells: Sequence[str], fields: Sequence[Field]) -> Iterator[tuple[int, list[str]]]:
    """The columns of booleans: the word as it was written, for which the style sheet draws a check mark.

    Of `cells`, escaped, each row has one a field.
    """
    for index, field in enumerate(fields):
        if field.type == "boolean":
            yes = str(escape(field.kind.print(1, field.format)))
            column = cells[index :: len(fields)]
            yield index, [f"<b>{cell}</b>" if cell == yes else f"<i>{cell}</i>" if cell else cell for cell in column]


def _links(cells: Sequence[str], fields: Sequence[Field], cell_limit: int) -> Iterator[tuple[int, list[str]]]:
    """The columns of addresses, as links while the page has room: a link has its address twice.

    What was cut is longer than `cell_limit`, escaped all the more, and no address any more.
    """
    room: int | None = None
    for index, field in enumerate(fields):
        column = cells[index :: len(fields)]
        if field.type != "text" or not _may_contain_links(column[:_EXAMINED_ROWS]):
            continue
        linked = _linked(column, cell_limit)
        room = PAGE_BYTES - weigh_markup(cells) if room is None else room
        room -= weigh_markup(linked) - weigh_markup(column)
        if room >= 0:
            yield index, linked


def _may_contain_links(cells: Sequence[str]) -> bool:
    """Most columns have neither a mark of mail nor one of the web, which is found out for all cells at once."""
    text = _SEPARATOR.join(cells)
    return ("@" in text or "://" in text) and any(map(address_of, cells))


def _linked(column: Sequence[str], cell_limit: int) -> list[str]:
    """A mail program opens no page that would have to be another one."""
    return [
        cell
        if address is None or len(cell) > cell_limit
        else f'<a href="{address}" rel=noreferrer target=_blank>{cell}</a>'
        if address is cell
        else f'<a href="{address}">{cell}</a>'
        for cell, address in zip(column, map(address_of, column), strict=True)
    ]


def address_of(cell: str) -> str | None:
    """The link of a cell whose whole text is a URL or an e-mail address. Never a scheme that could run code."""
    if cell.startswith(("https://", "http://")) and len(cell) > 8 and cell.split() == [cell]:
        return cell
    return f"mailto:{cell}" if "@" in cell and _EMAIL.fullmatch(cell) else None


def width_of(title: str, characters: int) -> int:
    """The width of a column in pixels: as its content needs, within limits."""
    needed = max(characters * _CHARACTER + _PADDING, min(len(title), 24) * _CHARACTER + _ICONS)
    return round(min(max(needed, MIN_WIDTH), MAX_WIDTH))


def kinds_of(fields: Iterable[Field]) -> str:
    """One letter per column, for the URL of the style sheet: n(umber), b(oolean), t(ext and the rest)."""
    return "".join(_KINDS.get(field.type, "t") for field in fields) or "t"


def style_sheet(kinds: str) -> str:
    """The rules for columns of these kinds. The policy allows no style in the page itself."""
    places: dict[str, list[str]] = {}
    for place, kind in enumerate(kinds, 2):
        if kind in _RULES:
            places.setdefault(kind, []).append(f".grid td:nth-child({place})")
    return "\n".join(f"{','.join(selectors)}{{{_RULES[kind]}}}" for kind, selectors in places.items())
