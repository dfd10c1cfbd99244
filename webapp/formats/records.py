"""Splits lines into records with the standard library's parser, and rejects what it cannot parse.

An unclosed quote would swallow the rest of the file; here it costs one line. Each block of lines is parsed separately;
a record that is incomplete at its end waits for the next block, up to a limit.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from webapp.formats.blocks import MAX_LINE, Block
from webapp.formats.errors import ImportFileError
from webapp.formats.source import ReadOptions, Reject

csv.field_size_limit(MAX_LINE)

_INCOMPLETE = "unexpected end of data"
_MAX_LINES = 100_000  # a record of more lines has an unclosed quote
_MAX_UNCLOSED = 100  # unclosed quotes; each costs a scan of all those lines


@dataclass(slots=True)
class Records:
    """Records of some lines. Lines are counted from `line`; a record's line is computed on demand."""

    line: int
    rows: list[list[str]] = field(default_factory=list)
    rejected: list[Reject] = field(default_factory=list)
    bytes_read: int = 0
    is_damaged: bool = False
    _starts: list[tuple[int, int]] = field(default_factory=list)  # (index of a row, its line) after each gap

    def reject(self, line: int, text: str, error: csv.Error) -> None:
        self.rejected.append(_reject(line, text, error))
        self._starts.append((len(self.rows), line + 1))

    def lines(self) -> Iterator[int]:
        """The line each row starts on."""
        starts = dict(self._starts)
        line = self.line
        for index, row in enumerate(self.rows):
            line = starts.get(index, line)
            yield line
            line += 1 + sum(map(_count_line_ends, row))


def _count_line_ends(cell: str) -> int:
    if "\n" not in cell and "\r" not in cell:
        return 0
    return cell.count("\n") + cell.count("\r") - cell.count("\r\n")


class Parser:
    """Turns blocks into records, in order."""

    def __init__(self, options: ReadOptions) -> None:
        self._arguments = parser_arguments(options)
        self._lone_escape = re.compile(rf"\\(?:([\\{options.quote}])|)") if options.quote and options.escape else None
        self._unclosed = 0
        self._waiting: list[str] = []
        self._min_lines = 0  # lines a waiting record may grow to before it is checked again
        self._line = 1

    def parse(self, blocks: Iterable[Block]) -> Iterator[Records]:
        for block in blocks:
            lines = self._waiting + list(io.StringIO(self._guard_escapes(block.text), newline=""))
            if len(lines) < self._min_lines and not block.is_last:
                self._waiting = lines
                continue
            yield self._records(lines, block)

    def _records(self, lines: list[str], block: Block) -> Records:
        records = Records(self._line, bytes_read=block.bytes_read, is_damaged=block.is_damaged or bool(self._waiting))
        self._waiting, self._min_lines = [], 0
        start = 0
        while start < len(lines):
            parsed = len(records.rows)
            rest = map(lines.__getitem__, range(start, len(lines))) if start else lines
            try:
                records.rows.extend(csv.reader(rest, **self._arguments))
                start = len(lines)
            except csv.Error as error:  # the rows before it have been collected
                start += _count_lines(records.rows[parsed:])
                if self._may_continue(error, lines, start, block):
                    break
                records.reject(self._line + start, lines[start], error)
                start += 1
        self._line += start
        return records

    def _may_continue(self, error: csv.Error, lines: list[str], start: int, block: Block) -> bool:
        """Whether the rest of the record may still come. Checked each time it has doubled, not at each block."""
        if str(error) != _INCOMPLETE:
            return False
        rest = lines[start:]
        if not block.is_last and len(rest) <= _MAX_LINES and sum(map(len, rest)) <= MAX_LINE:
            self._waiting, self._min_lines = rest, 2 * len(rest)
            return True
        self._unclosed += 1
        if self._unclosed > _MAX_UNCLOSED:
            raise ImportFileError(
                f"More than {_MAX_UNCLOSED} quotes in this file open and never end, the last at line"
                f" {self._line + start:,}. Choose “no quotes” if they are part of the text."
            )
        return False

    def _guard_escapes(self, text: str) -> str:
        """A backslash escapes a quote or itself; before anything else it is text, but the parser would drop it."""
        if self._lone_escape is None or "\\" not in text:
            return text
        return self._lone_escape.sub(lambda match: match[0] if match[1] else "\\\\", text)


def parser_arguments(options: ReadOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {"delimiter": options.delimiter, "skipinitialspace": options.spaced, "strict": True}
    if not options.quote:
        return arguments | {"quoting": csv.QUOTE_NONE, "quotechar": None}
    arguments["quotechar"] = options.quote
    return arguments | ({"escapechar": options.escape} if options.escape else {})


def _count_lines(rows: list[list[str]]) -> int:
    return len(rows) + sum(_count_line_ends(cell) for row in rows for cell in row)


def _reject(line: int, text: str, error: csv.Error) -> Reject:
    if str(error) == _INCOMPLETE:
        reason = f"Unclosed quote at line {line:,}: the quote that opens there never ends."
    elif "field larger" in str(error):
        reason = f"Line {line:,} begins a cell of more than {MAX_LINE // 1024 // 1024} million characters."
    else:
        reason = f"Broken quotes at line {line:,}: a closing quote is followed by more text."
    return Reject(line, reason, [text.rstrip("\r\n")])
