"""Delimited text (CSV, TSV and similar) as rows of equal width."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

from webapp.formats import titles
from webapp.formats.blocks import escape_undecodable, is_damaged, read_blocks
from webapp.formats.encoding import BLOCK, label
from webapp.formats.errors import ImportFileError
from webapp.formats.records import Parser, Records
from webapp.formats.source import MAX_COLUMNS, Batch, ReadOptions, Reject, Row, in_batches

_HEAD_BYTES = 64 * 1024
_EXAMINED_ROWS = 100  # that determine the width of a table without a header


class DelimitedSource:
    """The file is opened again for each reading; `file` is for a file that has no path."""

    def __init__(self, path: Path, options: ReadOptions, file: BinaryIO | None = None) -> None:
        self._path, self._options, self._file = path, options, file
        head = self._head()
        if len(head) > MAX_COLUMNS:
            raise ImportFileError(
                f"The table has {len(head):,} columns; a table here has at most {MAX_COLUMNS:,}."
                " Is this the right delimiter?"
            )
        self.titles = titles.clean([*map(escape_undecodable, head)] if options.header else [""] * len(head))

    def _head(self) -> Sequence[str]:
        """The header; without one, the widest of the first rows."""
        rows: list[list[str]] = []
        skip = self._options.header_row
        for records in self._records(_HEAD_BYTES):
            rows += [row for row in records.rows if row]
            if len(rows) > skip + _EXAMINED_ROWS:
                break
        rows = rows[skip : skip + _EXAMINED_ROWS]
        if not rows:
            return []
        if not self._options.header:
            return max(rows, key=len)
        usual, times = Counter(map(len, rows[1:])).most_common(1)[0] if rows[1:] else (0, 0)
        # If most rows are wider than the header, it lacks titles; if only a few are, those rows are wrong.
        missing = usual - len(rows[0]) if times * 2 > len(rows[1:]) else 0
        return [*rows[0], *repeat("", missing)]

    def _records(self, size: int = BLOCK) -> Iterator[Records]:
        file = self._file or self._path.open("rb")
        try:
            file.seek(0)
            yield from Parser(self._options).parse(read_blocks(file, self._options.encoding, size))
        finally:
            if self._file is None:
                file.close()

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        return in_batches(self._parts(), size, len(self.titles))

    def _parts(self) -> Iterator[Batch]:
        skip = self._options.header_row + self._options.header
        for records in self._records():
            lines = None
            if skip:
                lines, skip = _drop_head(records, skip)
            rows: list[Row] = [*records.rows]
            rejected = records.rejected
            if records.is_damaged or set(map(len, rows)) - {len(self.titles)}:
                rows, rejected = self._check_rows(records, lines)
            yield Batch(rows, rejected, records.bytes_read)

    def _check_rows(self, records: Records, lines: list[int] | None) -> tuple[list[Row], list[Reject]]:
        """Row by row: pad short ones, reject those that are too long or undecodable."""
        width = len(self.titles)
        rows: list[Row] = []
        rejected = list(records.rejected)
        for row, line in zip(records.rows, lines or records.lines(), strict=True):
            if reason := self._defect(row, line, records.is_damaged):
                rejected.append(Reject(line, reason, row))
            elif row:
                rows.append(row if len(row) == width else [*row, *repeat("", width - len(row))])
        rejected.sort(key=lambda reject: reject.line)
        return rows, rejected

    def _defect(self, row: Row, line: int, may_be_damaged: bool) -> str:
        if len(row) > len(self.titles):
            what = "the header has" if self._options.header else "the table has"
            return f"Line {line:,} has {len(row):,} cells, {what} {len(self.titles):,}."
        if may_be_damaged and (bad := next((cell for cell in row if is_damaged(cell)), None)) is not None:
            quoted = escape_undecodable(bad[:60])[:60]
            return f"Line {line:,} holds bytes that are not {label(self._options.encoding)}: “{quoted}”."
        return ""


def _drop_head(records: Records, skip: int) -> tuple[list[int], int]:
    """Drop the first `skip` non-blank records; return the remaining lines, and how many are still to drop."""
    lines = list(records.lines())
    index = 0
    while index < len(records.rows) and skip:
        skip -= bool(records.rows[index])
        index += 1
    del records.rows[:index]
    return lines[index:], skip
