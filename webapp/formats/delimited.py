"""Delimited text (CSV, TSV and similar) as rows of equal width."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

from webapp.formats import aligned, header, preamble, titles
from webapp.formats.aligned import DrawnParser, FixedParser, is_rule
from webapp.formats.blocks import escape_undecodable, is_damaged, read_blocks
from webapp.formats.encoding import BLOCK, label
from webapp.formats.errors import ImportFileError
from webapp.formats.records import Parser, RecordParser, Records, count_line_ends
from webapp.formats.source import MAX_COLUMNS, Account, Batch, ReadOptions, Reject, Row, in_batches

_HEAD_BYTES = 64 * 1024
_EXAMINED_ROWS = 100  # that determine the width of a table without a header


def make_parser(options: ReadOptions) -> RecordParser:
    if options.layout == "fixed":
        return FixedParser(options)
    return DrawnParser(options) if options.layout == "drawn" else Parser(options)


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
        self._raw_titles = [*map(escape_undecodable, head)] if options.header else [""] * len(head)
        self.titles = titles.clean(self._raw_titles)
        self.account = Account()
        self._lines = 0

    def _head(self) -> Sequence[str]:
        """The header; without one, the widest of the first rows."""
        rows: list[list[str]] = []
        skip = self._options.header_row
        for records in self._records(_HEAD_BYTES):
            rows += [row for row in records.rows if row]
            if len(rows) > skip + _EXAMINED_ROWS:
                break
        rows = [row for row in rows[skip : skip + _EXAMINED_ROWS] if not _is_rule(row) or not self._options.header]
        if not rows:
            return []
        if not self._options.header:
            return max(rows, key=len)
        head = self._titles(rows[0])
        usual, times = Counter(map(len, rows[1:])).most_common(1)[0] if rows[1:] else (0, 0)
        # If most rows are wider than the header, it lacks titles; if only a few are, those rows are wrong.
        if header.has_names_of_rows(head, rows[1:]):
            return ["", *head]
        missing = usual - len(head) if times * 2 > len(rows[1:]) else 0
        return [*head, *repeat("", missing)]

    def _titles(self, row: list[str]) -> Sequence[str]:
        """The cells of the row of titles. Those of a log are divided by spaces even where its rows are by tabs."""
        prefix = self._options.title_prefix
        if prefix and row[0] == prefix:
            return row[1:]
        if prefix == preamble.FIELDS and row[0].startswith(prefix):
            return row[0].removeprefix(prefix).split()
        return aligned.split_titles(row, self._options.gaps) if self._options.layout == "fixed" else row

    def _records(self, size: int = BLOCK) -> Iterator[Records]:
        file = self._file or self._path.open("rb")
        try:
            file.seek(0)
            parser = make_parser(self._options)
            yield from parser.parse(read_blocks(file, self._options.encoding, size))
            self._lines = parser.line - 1
        finally:
            if self._file is None:
                file.close()

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        self.account = Account()
        return in_batches(self._parts(), size, len(self.titles))

    def _parts(self) -> Iterator[Batch]:
        above, header, is_first = self._options.header_row, self._options.header, True
        for records in self._records():
            lines = None
            if above or header or is_first:
                lines = list(records.lines())
                above = self._drop_above(records, lines, above)
                if header and not above:
                    header = not self._drop_titles(records, lines)
                is_first = is_first and not records.rows
            rows: list[Row] = [*records.rows]
            rejected = records.rejected
            if records.is_damaged or not self.titles or set(map(len, rows)) - {len(self.titles)}:
                rows, rejected = self._check_rows(records, lines)
            if rows:
                self.account.last_row = rows[-1]
                self._find_titles(rows, records)
                if records.line_count > len(records.rows) + len(records.rejected) and self._options.quote:
                    self._find_joined(records, lines)
            yield Batch(rows, rejected, records.bytes_read)
        self.account.lines = self._lines

    def _drop_above(self, records: Records, lines: list[int], count: int) -> int:
        """Drop the next `count` records that are not blank, and the lines of a frame; return how many still to drop."""
        index = 0
        while index < len(records.rows) and count:
            row = records.rows[index]
            count -= bool(row)
            if row:
                passage = self.account.drawn if self._is_drawn and _is_rule(row) else self.account.above
                passage.add(lines[index], self._as_text(row))
            else:
                self.account.blank_lines += 1
            index += 1
        del records.rows[:index], lines[:index]
        return count

    def _drop_titles(self, records: Records, lines: list[int]) -> bool:
        """Drop the row of titles and a line drawn below it; return False if it has not come yet."""
        for index, row in enumerate(records.rows):
            if row and not (self._is_drawn and _is_rule(row)):
                self.account.title_lines = 1 + sum(map(count_line_ends, row))
                self.account.changed_titles = [
                    (raw, title)
                    for raw, title in zip(self._raw_titles, self.titles, strict=True)
                    if raw != title and raw.strip()
                ]
                del records.rows[: index + 1], lines[: index + 1]
                if records.rows and _is_rule(records.rows[0]):
                    self.account.drawn.add(lines[0], self._as_text(records.rows[0]))
                    del records.rows[0], lines[0]
                return True
            if row:
                self.account.drawn.add(lines[index], row[0])
            else:
                self.account.blank_lines += 1
        records.rows.clear()
        lines.clear()
        return False

    def _find_titles(self, rows: list[Row], records: Records) -> None:
        """Count the rows that equal the titles, as where files were put together."""
        if not self._options.header or not (times := rows.count(self._raw_titles)):
            return
        for _ in range(times):
            self.account.repeated.add(records.line)

    def _find_joined(self, records: Records, lines: list[int] | None) -> None:
        width, delimiter = len(self.titles), self._options.delimiter
        if not delimiter or width < 2:
            return
        # Few rows have several lines: looking at whole rows finds them in a tenth of the time of looking at each cell.
        for index in (index for index, text in enumerate(map("".join, records.rows)) if "\n" in text):
            row = records.rows[index]
            if any("\n" in cell and delimiter in cell for cell in row):
                texts = delimiter.join(row).splitlines()
                if all(text.count(delimiter) == width - 1 for text in texts):
                    lines = lines or list(records.lines())
                    self.account.joined.add(lines[index], texts[0])

    @property
    def _is_drawn(self) -> bool:
        return self._options.layout == "drawn"

    def _as_text(self, row: Row) -> str:
        return escape_undecodable((self._options.delimiter or " ").join(row))

    def _check_rows(self, records: Records, lines: list[int] | None) -> tuple[list[Row], list[Reject]]:
        """Row by row: pad short ones, reject those that are too long or undecodable."""
        width = len(self.titles)
        rows: list[Row] = []
        rejected = list(records.rejected)
        for row, line in zip(records.rows, records.lines() if lines is None else lines, strict=True):
            if reason := self._defect(row, line, records.is_damaged):
                rejected.append(Reject(line, reason, row))
            elif not row:
                self.account.blank_lines += 1
            elif len(row) == width:
                rows.append(row)
            elif self._is_drawn and _is_rule(row):
                self.account.drawn.add(line, row[0])
            else:
                self.account.short.add(line, self._as_text(row))
                rows.append([*row, *repeat("", width - len(row))])
        rejected.sort(key=lambda reject: reject.line)
        return rows, rejected

    def _defect(self, row: Row, line: int, may_be_damaged: bool) -> str:
        width = len(self.titles)
        if len(row) != width and row and self._options.comment and row[0].lstrip().startswith(self._options.comment):
            return f"Line {line:,} is a comment."
        if len(row) > width:
            what = "the header has" if self._options.header else "the table has"
            return f"Line {line:,} has {len(row):,} cells, {what} {width:,}."
        if may_be_damaged and (bad := next((cell for cell in row if is_damaged(cell)), None)) is not None:
            quoted = escape_undecodable(bad[:60])[:60]
            return f"Line {line:,} holds bytes that are not {label(self._options.encoding)}: “{quoted}”."
        return ""


def _is_rule(row: Row) -> bool:
    """Whether a row only draws: each of its cells is a run of dashes."""
    cells = [cell for cell in row if cell.strip()]
    return (
        len("".join(cells)) > len(row) and all(map(is_rule, cells))
        if len(cells) > 1
        else bool(cells) and is_rule(cells[0])
    )
