"""How much of its rows a page gets: a cell may hold 16 million characters, and a table may have 2,000 columns.

Long cells are cut by the database, so that the rest is never fetched; fewer rows come before more bytes do.
"""

from collections.abc import Iterable, Sequence

PAGE_BYTES = 600_000  # of the cells of a page, as markup; a page has at least one row
MAX_CELL = 1_000  # characters of a cell in a page of rows: several times what a column of the grid is wide
_ROW_CHARACTERS = 100_000  # of all cells of a row: with more than 100 columns each gets fewer
_CELL_MARKUP = 16  # bytes around a cell
_SPECIAL = "&<>\"'"  # one byte each, written as up to five in markup
_SPECIAL_BYTES = 4  # more


def cell_limit(columns: int) -> int:
    """Characters of each cell in a page of rows of so many columns."""
    return min(MAX_CELL, row_cell_limit(columns))


def row_cell_limit(columns: int) -> int:
    """Characters of each cell where a row of so many columns is shown by itself."""
    return _ROW_CHARACTERS // max(columns, 1)


def weigh_at_most(rows: Sequence[Sequence[str]]) -> int:
    """What the cells of these rows weigh at most, found out a good deal faster."""
    return (1 + _SPECIAL_BYTES) * len("".join(map("".join, rows))) + _CELL_MARKUP * sum(map(len, rows))


def count_that_fit(rows: Iterable[Sequence[str]], room: int) -> int:
    """How many of these rows a page has, at least one."""
    count = 0
    for cells in rows:
        room -= weigh(cells)
        if room < 0:
            break
        count += 1
    return max(count, 1)


def weigh(cells: Sequence[str]) -> int:
    """The bytes of these cells as markup."""
    text = "".join(cells)
    return _SPECIAL_BYTES * sum(map(text.count, _SPECIAL)) + weigh_markup(cells)


def weigh_markup(cells: Sequence[str]) -> int:
    """The same, of cells that are markup already."""
    return len("".join(cells).encode()) + _CELL_MARKUP * len(cells)
