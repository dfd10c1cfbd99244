"""Where a table starts below its preamble, and whether its first row is a header."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from webapp.formats import preamble

_MAX_PREAMBLE = 30  # records that are neither comments nor blank
_MIN_NAMED = 2  # rows whose names can differ
_NAMES_OF_ROWS = {"id", "name", "key", "code", "no", "nr", "index", "#"}  # titles of columns that name rows
_COUNT = re.compile("[0-9]{1,15}")
_FEW = 3  # columns
_MIN_BELOW = 5  # rows that agree in their width, below a line of more cells
_FIRST_COLUMN = 2  # its title says more than others: it names the rows, and has few exceptions
_MIN_SHARE = 0.8  # of the cells of a column that are of its kind
_KINDS = {
    "missing": r"na|n/a|nan|null|\\N|\.|#[A-Z0-9/]{2,15}[!?]?",
    "yes or no": r"true|false",
    "number": r"[^A-Za-z0-9]*[0-9][^A-Za-z]*"
    r"|[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)[ed][-+]?[0-9]+|[-+]?inf(?:inity)?",
    "time": r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[T ][0-9:.,]+\s?(?:[ap]\.?m\.?)?(?:Z|UTC|[-+][0-9:]+)?)?"
    r"|[0-9]{1,2}:[0-9:.,]+(?:\s?[ap]\.?m\.?)?"
    r"|[0-9]{1,2}[-\s./][a-z]{3,9}\.?[-\s./,]+[0-9]{2,4}(?:\s[0-9:.]+)?|[a-z]{3,9}\.?\s[0-9]{1,2},?\s[0-9]{4}",
    "address": r"[^@\s]+@[^@\s]+\.[a-z]+|https?://.*|(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}|(?:[0-9a-f]{2}:){5})[0-9a-f]{2,12}",
}
_ORDER = ("time", "missing", "yes or no", "number", "address")
_PATTERNS = [(kind, re.compile(_KINDS[kind], re.IGNORECASE)) for kind in _ORDER]
_YES_OR_NO = {"yes", "no", "y", "n", "t", "f"}
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}")
_LONGEST = 100  # characters of a cell that are looked at
_UNIT = re.compile(r"[(\[{<].{0,20}[)\]}>]|[a-zµ°%²³]{1,4}(?:[/*·^ ][a-z0-9µ°²³-]{1,5})*|[%$€£¥°#-]|", re.IGNORECASE)


def detect(
    rows: Sequence[Sequence[str]], has_header: bool | None = None, row: int | None = None, comments: int = 0
) -> tuple[bool, int, str]:
    """Whether there is a header, the number of records above the table, and the reason.

    `rows` are the first non-blank rows of the file below `comments` records that are left out anyhow; the other
    arguments are what is already decided.
    """
    start = _first_row(rows) if row is None else min(max(row - comments, 0), max(len(rows) - 1, 0))
    if row is not None and row < comments:
        comments = row  # a comment was chosen as the titles
        return has_header is not False, row, f"row, as you chose{_above(row)}"
    if has_header is not None:
        return (
            has_header,
            comments + start,
            f"{'row' if has_header else 'no header'}, as you chose{_above(comments + start)}",
        )
    if not rows:
        return False, 0, "there are no rows"
    if row is None and (below := _below_wider_line(rows, start)):
        start = below
    is_header, reason = _judge(rows[start], rows[start + 1 :])
    is_row_above = row is None and start > 0 and _may_be_titles(rows[start - 1], rows[start])
    if not is_header and is_row_above and _judge(rows[start - 1], rows[start:])[0]:
        start, reason = start - 1, "the row above the values reads like titles"
        if len(rows[start]) < len(rows[start + 1]):
            reason += ", though of fewer columns"
        return True, comments + start, reason + _above(comments + start)
    return is_header, comments + start, reason + _above(comments + start)


def has_names_of_rows(head: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether every row has one cell more than there are titles: its name first, as R writes it and pandas reads it.

    Names are all different, and texts or numbers that count the rows. After a delimiter at the end of each row the last
    cells are all empty.
    """
    rows = [row for row in below if row]
    if not head or len(rows) < _MIN_NAMED or any(len(row) != len(head) + 1 for row in rows):
        return False
    names = [row[0].strip() for row in rows]
    is_counting = all(map(_COUNT.fullmatch, names)) and all(int(b) == int(a) + 1 for a, b in pairwise(names))
    is_named = is_counting or all(kind_of(name) == "text" for name in names)
    has_own_title = head[0].strip().casefold() in _NAMES_OF_ROWS
    return is_named and not has_own_title and len(set(names)) == len(names) and any(row[-1].strip() for row in rows)


def _below_wider_line(rows: Sequence[Sequence[str]], start: int) -> int:
    """The row below a first line with more cells than all rows, if that reads like titles; else 0.

    Loggers write about themselves there.
    """
    below = rows[start + 1 :]
    if len(below) < _MIN_BELOW or len(rows[start]) <= max(map(len, below)):
        return 0
    titles, first = below[0], below[1:]
    is_alike = len({len(row) for row in below}) == 1
    has_values = any(_kind_of_column(_column(first, index)) in ("number", "time") for index in range(len(titles)))
    is_text = all(kind_of(title) == "text" for title in titles if title.strip())
    return start + 1 if is_alike and has_values and is_text else 0


def _may_be_titles(row: Sequence[str], below: Sequence[str]) -> bool:
    """Whether the row above the values has several cells; if it is a comment, as many as they."""
    filled = sum(bool(cell.strip()) for cell in row)
    return filled > 1 and (len(row) == len(below) or not preamble.comment_mark(row[0]))


def _above(start: int) -> str:
    return f"; {start:,} {'line' if start == 1 else 'lines'} above it left out" if start else ""


def _first_row(rows: Sequence[Sequence[str]]) -> int:
    """The first record as wide as most; title rows of a report are narrow, or have a single filled cell."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return _below_comments(rows)
    width = max(counts, key=lambda width: (counts[width], width))
    begin = _below_comments(rows)
    for index, row in enumerate(rows[begin : begin + _MAX_PREAMBLE], begin):
        if len(row) >= width and (filled[index] > 1 or width == 2 or max(filled) <= 1):
            return index
    return begin


def _below_comments(rows: Sequence[Sequence[str]]) -> int:
    """The first row that is no comment; 0 if all of them look like comments."""
    lines = [next((cell for cell in row if cell.strip()), "") for row in rows]
    count = next((index for index, line in enumerate(lines) if not preamble.comment_mark(line)), 0)
    has_end = next((index for index, line in enumerate(lines) if line.strip().endswith("*/")), None)
    if lines and lines[0].strip().startswith("/*") and has_end is not None:
        count = max(count, has_end + 1)
    return count if count < len(rows) else 0


def kind_of(cell: str) -> str:
    """What a cell holds: a number, a time, an address, yes or no, missing, or text."""
    cell = cell.strip()[:_LONGEST]
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(cell)), "text")


def is_second_header(head: Sequence[str], first: Sequence[str], below: Sequence[Sequence[str]]) -> str:
    """What the first row is, if it belongs to the titles: `units` or `titles`; empty if it is a row like the others."""
    if len(below) < 2 or len(first) != len(head):
        return ""
    typed = [index for index in range(len(head)) if _kind_of_column(_column(below, index)) in ("number", "time")]
    if not typed or any(kind_of(first[index]) != "text" for index in typed if first[index].strip()):
        return ""
    if not any(first[index].strip() for index in typed):
        return ""
    return "units" if all(_UNIT.fullmatch(first[index].strip()) for index in typed) else "titles"


def _column(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    return [row[index] for row in rows if index < len(row) and row[index].strip()]


def _kind_of_column(cells: Sequence[str]) -> str:
    """The kind of most cells; text if they have none in common, empty if there are none."""
    counts = Counter(map(kind_of, cells))
    missing = counts.pop("missing", 0)
    if not counts:
        return "missing" if missing else ""
    kind, times = counts.most_common(1)[0]
    if kind == "text" and {cell.strip().lower() for cell in cells} <= _YES_OR_NO:
        return "yes or no"
    return kind if times + missing >= _MIN_SHARE * len(cells) else "text"


def _judge(head: Sequence[str], below: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Whether `head` is a header of the rows below it, and the reason."""
    if has_names_of_rows(head, below):
        head = ["", *head]
    filled = [cell.strip() for cell in head if cell.strip()]
    values = [cell for cell in filled if kind_of(cell) != "text"]
    if not below:
        return (not values, "the only row holds no values" if not values else f"the only row holds {values[0]}")
    if _has_blank_corner(head, below):
        return True, "the first cell is blank above the names of the rows"
    if _counts_columns(head, below):
        return True, "the first row counts the columns"
    others = [row for row in below if list(row) != list(head)]  # a header may come again further down
    votes = sum(
        _vote(title, _column(others, index)) * (1 if index else _FIRST_COLUMN) for index, title in enumerate(head)
    )
    if votes > 0:
        return True, "the first row differs in kind from the rows below it"
    if votes < 0:
        return False, f"the first row holds values like the rows below it{f', such as {values[0]}' if values else ''}"
    if not filled or (values and not all(map(_YEAR.fullmatch, values))):
        return False, "the first row holds values"
    if any(title in _column(below, index) for index, title in enumerate(head) if title.strip()):
        return _recurring(head, below)
    return True, "the first row reads like titles"


def _counts_columns(head: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the titles are 0, 1, 2 and so on, as pandas writes them, above cells of another kind.

    Above numbers they count more than three columns, none of which is a column of whole numbers.
    """
    titles = [title.strip() for title in head]
    if titles not in ([*map(str, range(len(head)))], [*map(str, range(1, len(head) + 1))]) or len(head) == 1:
        return False
    columns = [_column(below, index) for index in range(len(head))]
    if any(_kind_of_column(column) not in ("number", "missing", "") for column in columns):
        return True
    return len(head) > _FEW and not any(all(map(str.isdigit, column)) for column in columns)


def _recurring(head: Sequence[str], below: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """For a row of texts of which some come again below it: titles do not, or only one of many."""
    columns = [(title.strip(), _column(below, index)) for index, title in enumerate(head) if title.strip()]
    recurring = [
        title for title, cells in columns if len(cells) > 2 and title in cells and len(set(cells)) < len(cells)
    ]
    if 2 * len(recurring) > len(columns) or (recurring and len(columns) == 1):
        return False, f"the first row holds values like the rows below it, such as {recurring[0]}"
    return True, "the first row reads like titles"


def _has_blank_corner(head: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether only the first title is blank, as above the names of rows, and each of these is another one."""
    titles = [cell.strip() for cell in head[1:]]
    names = [row[0].strip() for row in below if row]
    return (
        len(head) > 1 and not head[0].strip() and all(titles) and len(set(titles)) == len(titles)
        and all(names) and len(set(names)) == len(names)
    )  # fmt: skip


def _vote(title: str, cells: Sequence[str]) -> int:
    """For a header if a title stands above values of another kind; against it if the first row holds such a value too.

    A text above values says more than a number above numbers, which may be the title of a measurement.
    """
    title = title.strip()
    if not cells or not title:
        return 0
    kind, own = _kind_of_column(cells), kind_of(title)
    if own == "missing":
        return 0
    if own != "text":
        is_year = _YEAR.fullmatch(title) and not all(map(_YEAR.fullmatch, map(str.strip, cells)))
        if kind in ("text", "missing") or is_year:
            return 0
        return -1 if own == kind or kind == "" else 1
    if kind == "yes or no" and title.lower() in _YES_OR_NO:
        return -1
    if kind not in ("text", "missing", ""):
        return 2 if len(cells) > 2 else 1
    digits = sum(any(map(str.isdigit, cell)) for cell in cells) / len(cells)
    return 1 if digits > 0.9 and not any(map(str.isdigit, title)) else 0
