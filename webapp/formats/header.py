"""Where a table starts below its preamble, and whether its first row is a header."""

import re
from collections import Counter
from collections.abc import Sequence

_MAX_PREAMBLE = 30  # records
_VALUE = re.compile(
    r"[^A-Za-z0-9]*[0-9][^A-Za-z]*|[^@\s]+@[^@\s]+\.[a-z]+|https?://.*|true|false|na|n/a|null", re.IGNORECASE
)
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}")


def detect(
    rows: Sequence[Sequence[str]], has_header: bool | None = None, row: int | None = None
) -> tuple[bool, int, str]:
    """Whether there is a header, the number of records above the table, and the reason.

    `rows` are the first non-blank rows of the file; the other arguments are what is already decided.
    """
    start = _first_row(rows) if row is None else min(row, max(len(rows) - 1, 0))
    above = f"; {start} {'line' if start == 1 else 'lines'} above it left out" if start else ""
    if has_header is not None:
        return has_header, start, f"{'row' if has_header else 'no header'}, as you chose{above}"
    if not rows:
        return False, 0, "there are no rows"
    is_header, reason = _judge(rows[start], rows[start + 1 :])
    is_row_above = row is None and start > 0 and len(rows[start - 1]) > 1
    if not is_header and is_row_above and _judge(rows[start - 1], rows[start:])[0]:
        above = f"; {start - 1} above it left out" if start > 1 else ""
        return True, start - 1, f"the row above the values reads like titles, though of fewer columns{above}"
    return is_header, start, reason + above


def _first_row(rows: Sequence[Sequence[str]]) -> int:
    """The first record as wide as most; title rows of a report are narrow, or have a single filled cell."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return 0
    width = max(counts, key=lambda width: (counts[width], width))
    for index, row in enumerate(rows[:_MAX_PREAMBLE]):
        if len(row) >= width and (filled[index] > 1 or width == 2 or max(filled) <= 1):
            return index
    return 0


def _judge(head: Sequence[str], below: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Whether `head` is a header of the rows below it, and the reason."""
    filled = [cell.strip() for cell in head if cell.strip()]
    values = [cell for cell in filled if _VALUE.fullmatch(cell)]
    if not below:
        return (not values, "the only row holds no values" if not values else f"the only row holds {values[0]}")
    votes = sum(_vote(title, [row[index] for row in below if index < len(row)]) for index, title in enumerate(head))
    if votes > 0:
        return True, "the first row differs in kind from the rows below it"
    if votes < 0:
        return False, f"the first row holds values like the rows below it{f', such as {values[0]}' if values else ''}"
    if not filled or (values and not all(map(_YEAR.fullmatch, values))):
        return False, "the first row holds values"
    return True, "the first row reads like titles"


def _vote(title: str, cells: Sequence[str]) -> int:
    """For a header if a title stands above typed values; against it if the first row holds such a value too."""
    cells = [cell.strip() for cell in cells if cell.strip()]
    title = title.strip()
    if not cells or not title:
        return 0
    share = sum(_VALUE.fullmatch(cell) is not None for cell in cells) / len(cells)
    if _VALUE.fullmatch(title):
        if share < 0.8 or (_YEAR.fullmatch(title) and not all(map(_YEAR.fullmatch, cells))):
            return 0
        return -1
    if share >= 0.8:
        return 1
    digits = sum(any(map(str.isdigit, cell)) for cell in cells) / len(cells)
    if digits > 0.9 and not any(map(str.isdigit, title)):
        return 1
    return -1 if len(cells) > 2 and title in cells and len(set(cells)) < len(cells) else 0
