"""Rows that somebody has chosen one by one, as an address has them: `1-5,9,12-40`."""

import re
from collections.abc import Iterable, Sequence

from webapp.rowstore.errors import QueryError

RowRanges = tuple[tuple[int, int], ...]  # the first and the last id of each, in order, with gaps between them

MAX_CHOSEN = 100_000  # rows that are named by their ids
MAX_RANGES_TEXT = 9_000  # characters of an address, which has room for 16 kB with everything else
_RANGE = re.compile(r"([1-9]\d{0,17})(?:-([1-9]\d{0,17}))?", re.ASCII)


def parse_ranges(text: str) -> RowRanges:
    """Raises `QueryError`."""
    ids = []
    for part in filter(None, text.split(",")):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise QueryError("The address names rows that cannot be read. Choose the rows again.", "rows")
        ids.append((int(match[1]), int(match[2] or match[1])))
    ranges = merge_ranges(ids)
    if count_rows(ranges) > MAX_CHOSEN:
        raise QueryError(
            f"At most {MAX_CHOSEN:,} rows can be chosen one by one. Search or filter, and choose all that match.",
            "rows",
        )
    return ranges


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> RowRanges:
    merged = list[tuple[int, int]]()
    for first, last in sorted(ranges):
        if last < first:
            continue
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def format_ranges(ranges: RowRanges) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def count_rows(ranges: RowRanges) -> int:
    """How many ids they name, whether there are such rows or not."""
    return sum(last - first + 1 for first, last in ranges)


def ids_of(ranges: Sequence[tuple[int, int]]) -> list[int]:
    return [row_id for first, last in ranges for row_id in range(first, last + 1)]
