"""Splits lines into records with the standard library's parser, and rejects what it cannot parse.

An unclosed quote would swallow the rest of the file; here it costs one line. Each block of lines is parsed separately;
a record that is incomplete at its end waits for the next block, up to a limit.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.formats.blocks import MAX_LINE, Block
from webapp.formats.errors import ImportFileError
from webapp.formats.source import ReadOptions, Reject

csv.field_size_limit(MAX_LINE)

# Stands for a delimiter where there is none of one character: no text of a file decodes to it.
ONE_CELL = "\ud800"
_INCOMPLETE = "unexpected end of data"
_MAX_REPAIRED = 1_000_000  # characters of a line
_MAX_LOOK_AHEAD = 500  # characters of a cell without quotes after a quoted one
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
    line_count: int = 0
    _starts: list[tuple[int, int]] = field(default_factory=list)  # (index of a row, its line) after each gap

    def reject(self, reject: Reject) -> None:
        """Set a line aside; the next row begins on the line after it."""
        self.rejected.append(reject)
        self._starts.append((len(self.rows), reject.line + 1))

    def skip(self, line: int) -> None:
        """The next row begins on the line after this one."""
        self._starts.append((len(self.rows), line + 1))

    def lines(self) -> Iterator[int]:
        """The line each row starts on."""
        starts = dict(self._starts)
        line = self.line
        for index, row in enumerate(self.rows):
            line = starts.get(index, line)
            yield line
            line += 1 + sum(map(count_line_ends, row))


def count_line_ends(cell: str) -> int:
    if "\n" not in cell and "\r" not in cell:
        return 0
    return cell.count("\n") + cell.count("\r") - cell.count("\r\n")


class RecordParser(Protocol):
    """Turns blocks into records, in order; `line` is the number of the next line."""

    line: int

    def parse(self, blocks: Iterable[Block]) -> Iterator[Records]: ...


class Parser:
    """The parser of text with delimiters, and of lines that are one cell each."""

    def __init__(self, options: ReadOptions) -> None:
        self._arguments = parser_arguments(options)
        self._delimiter = options.delimiter if len(options.delimiter) > 1 and options.layout == "delimited" else ""
        self._lone_escape = _lone_escape(options) if options.escape else None
        self._repair = QuoteRepair(options) if options.quote and not options.escape else None
        self._width = 0  # of the last record
        self._unclosed = 0
        self._waiting: list[str] = []
        self._min_lines = 0  # lines a waiting record may grow to before it is checked again
        self.line = 1

    def parse(self, blocks: Iterable[Block]) -> Iterator[Records]:
        for block in blocks:
            lines = self._waiting + list(io.StringIO(self._prepare(block.text), newline=""))
            if len(lines) < self._min_lines and not block.is_last:
                self._waiting = lines
                continue
            records = self._records(lines, block)
            if self._delimiter:
                records.rows = [restore_delimiter(row, self._delimiter) for row in records.rows]
            yield records

    def _records(self, lines: list[str], block: Block) -> Records:
        records = Records(self.line, bytes_read=block.bytes_read, is_damaged=block.is_damaged or bool(self._waiting))
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
                if repaired := self._repaired(error, lines[start], records):
                    records.rows.append(repaired)
                else:
                    text = lines[start].replace(ONE_CELL, self._delimiter) if self._delimiter else lines[start]
                    records.reject(_reject(self.line + start, text, error))
                start += 1
        self.line += start
        records.line_count = start
        if records.rows and records.rows[-1]:
            self._width = len(records.rows[-1])
        return records

    def _repaired(self, error: csv.Error, line: str, records: Records) -> list[str]:
        """The cells of a line with quotes inside quoted cells, if they are as many as those of the row above it."""
        if self._repair is None or str(error) == _INCOMPLETE:
            return []
        width = len(records.rows[-1]) if records.rows and records.rows[-1] else self._width
        return self._repair.cells(line, width)

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
                f" {self.line + start:,}. Choose “no quotes” if they are part of the text."
            )
        return False

    def _prepare(self, text: str) -> str:
        """The parser takes delimiters of one character, and drops a backslash that escapes nothing."""
        if self._delimiter:
            text = text.replace(self._delimiter, ONE_CELL)
        if self._lone_escape is None or "\\" not in text:
            return text
        return self._lone_escape.sub(lambda match: match[0] if match[1] else "\\\\", text)


def _lone_escape(options: ReadOptions) -> re.Pattern[str]:
    """Any backslash, with what it escapes: itself, a quote, a delimiter or the end of a line."""
    delimiter = options.delimiter if len(options.delimiter) == 1 else ONE_CELL
    return re.compile(rf"\\(?:([\\\n{re.escape(options.quote + delimiter)}])|)")


def parser_arguments(options: ReadOptions) -> dict[str, Any]:
    delimiter = options.delimiter if options.layout == "delimited" and len(options.delimiter) == 1 else ONE_CELL
    arguments: dict[str, Any] = {"delimiter": delimiter, "skipinitialspace": options.spaced, "strict": True}
    escape = {"escapechar": options.escape} if options.escape else {}
    if not options.quote:
        return arguments | {"quoting": csv.QUOTE_NONE, "quotechar": None} | escape
    return arguments | {"quotechar": options.quote} | escape


def restore_delimiter(row: list[str], delimiter: str) -> list[str]:
    """A delimiter of several characters inside a quoted cell is text again."""
    return [cell.replace(ONE_CELL, delimiter) if ONE_CELL in cell else cell for cell in row]


class QuoteRepair:
    """Reads a line whose quoted cells hold quotes that are not doubled: a cell ends with a quote and a delimiter.

    Not with every such pair: what follows must be another quoted cell, or one without any quote.
    """

    def __init__(self, options: ReadOptions) -> None:
        arguments = parser_arguments(options)
        delimiter, quote = re.escape(arguments["delimiter"]), re.escape(options.quote)
        self._delimiter, self._quote = arguments["delimiter"], options.quote
        space = " *" if options.spaced else ""
        next_cell = rf"{delimiter}{space}(?:{quote}|[^{quote}{delimiter}]{{0,{_MAX_LOOK_AHEAD}}}(?:{delimiter}|$))"
        after = " *" if arguments["delimiter"] != " " else ""
        self._end = re.compile(rf"{quote}{after}(?=$|{next_cell})")
        self._start = re.compile(rf"{space}{quote}")

    def cells(self, line: str, width: int) -> list[str]:
        """The cells, exactly `width` of them; nothing if it cannot be."""
        text = line.rstrip("\r\n")
        if len(text) > _MAX_REPAIRED or text.count(self._delimiter) + 1 < width:
            return []
        cells: list[str] = []
        position = 0
        while len(cells) < width:
            cell, position = self._cell(text, position)
            if position < 0:
                return []
            cells.append(cell)
            if position == len(text):
                return cells if len(cells) == width else []
            position += 1  # the delimiter
        return []

    def _cell(self, text: str, position: int) -> tuple[str, int]:
        """A cell, and the position after it; -1 if its quote is never closed."""
        if opened := self._start.match(text, position):
            closed = self._end.search(text, opened.end())
            return (self._content(text[opened.end() : closed.start()]), closed.end()) if closed else ("", -1)
        end = text.find(self._delimiter, position)
        end = len(text) if end < 0 else end
        return text[position:end], end

    def _content(self, text: str) -> str:
        """Quotes are single again if all of them are doubled."""
        doubled = self._quote * 2
        return text.replace(doubled, self._quote) if self._quote not in text.replace(doubled, "") else text


def _count_lines(rows: list[list[str]]) -> int:
    return len(rows) + sum(count_line_ends(cell) for row in rows for cell in row)


def _reject(line: int, text: str, error: csv.Error) -> Reject:
    if str(error) == _INCOMPLETE:
        reason = f"Unclosed quote at line {line:,}: the quote that opens there never ends."
    elif "field larger" in str(error):
        reason = f"Line {line:,} begins a cell of more than {MAX_LINE // 1024 // 1024} million characters."
    else:
        reason = f"Broken quotes at line {line:,}: a closing quote is followed by more text."
    return Reject(line, reason, [text.rstrip("\r\n")])
