"""Detects delimiter and quote character: the pair that yields the most table-like result."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace

from webapp.formats.records import parser_arguments
from webapp.formats.source import ReadOptions

_DELIMITERS = ",;\t|:~^ \x1f\x01\xa7\xa6"
# How much better a delimiter must do to be chosen over a more usual one.
_WEIGHT = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 0.97, "~": 0.8, "^": 0.8, "\x1f": 1.0, "\x01": 1.0, ":": 0.55, " ": 0.5}
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", ":": "colon", " ": "space"}
_USUAL = ",;\t|"
_MIN_SHARE = 0.9  # of rows that an unusual delimiter must split alike
_MIN_ROWS = 3  # required for that
_MAX_ERRORS = 3  # broken quotes, from which on quotes are taken for text
_MAX_RECORDS = 500  # examined
_MAX_PREAMBLE = 30  # records of a preamble, which need not look like a table
# What a table cell usually is; a wrong delimiter leaves fragments that match none of it.
_PLAUSIBLE_CELL = re.compile(
    r"\s*(?:"
    r"|[-+(]?[$€£¥]?\s?[-+]?[0-9][0-9.,' ]*(?:[eE][-+]?[0-9]+)?\s?[%€$)]?"  # numbers, money
    r"|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[T ][0-9:.]+(?:\s?[AP]M)?(?:Z|[-+][0-9:]+)?)?"  # days, times
    r"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:\s?[AP]M)?"
    r"|[^\s@,;|\t]+@[^\s@,;|\t]+"  # addresses
    r"|(?:https?|ftp)://[^\s|\t]+"
    r"|[^,;|\t\"~^]*(?:, [^,;|\t\"~^]*)*"  # text with commas followed by a space
    r")\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    options: ReadOptions
    score: float = 0.0
    width: int = 1
    share: float = 0.0  # of the rows that have this width
    errors: int = 0


def detect(sample: str, delimiter: str | None = None, quote: str | None = None) -> tuple[ReadOptions, str]:
    """The options for delimiter and quotes, and the reason.

    `sample` is whole lines from the beginning; `delimiter` and `quote` are what is already decided.
    """
    lines = list(io.StringIO(sample, newline=""))[: _MAX_RECORDS * 4]
    delimiters = [delimiter] if delimiter else [character for character in _DELIMITERS if character in sample]
    candidates = [_best_quoting(lines, sample, character, quote) for character in delimiters]
    best = max(candidates, key=lambda candidate: candidate.score, default=None)
    if delimiter and best:
        return best.options, f"{_name(delimiter)}, as you chose"
    if best is None or not best.score:
        one_column = ReadOptions(quote='"' if quote is None else quote)
        return one_column, "one column: no character divides the lines alike"
    how_many = "every row" if best.share == 1 else f"{min(best.share, 0.99):.0%} of the rows looked at"
    return best.options, f"{_name(best.options.delimiter)}: it divides {how_many} into {best.width:,} cells"


def _name(delimiter: str) -> str:
    return _NAMES.get(delimiter) or (delimiter if delimiter.isprintable() else f"character {ord(delimiter)}")


def _best_quoting(lines: list[str], sample: str, delimiter: str, chosen: str | None) -> _Candidate:
    """The usual quoting for this delimiter, unless it fails repeatedly. `chosen` is a quote decided by the user."""
    options = ReadOptions(delimiter=delimiter, quote='"' if chosen is None else chosen)
    usual = _score(lines, options)
    others = []
    if usual.errors and '\\"' in sample and options.quote:
        others.append(replace(options, escape="\\"))
    if f'{delimiter} "' in sample and delimiter != " " and options.quote == '"':
        others.append(replace(options, spaced=True))
    if chosen is None and usual.errors >= _MAX_ERRORS:
        others.append(replace(options, quote=""))
    if chosen is None and not _count_quoted_cells(sample, delimiter, '"'):
        single = _count_quoted_cells(sample, delimiter, "'")
        if single > 1 and (usual.share < 1 or single * 2 >= len(lines)):
            others.append(replace(options, quote="'"))
    return max([usual, *(_score(lines, other) for other in others)], key=lambda candidate: candidate.score)


def _count_quoted_cells(sample: str, delimiter: str, quote: str) -> int:
    edge = re.escape(delimiter)
    cell = rf"(?:^|{edge}){quote}[^{quote}\r\n]+{quote}(?={edge}|\s*$)"
    return len(re.findall(cell, sample, re.MULTILINE))


def _score(lines: list[str], options: ReadOptions) -> _Candidate:
    delimiter = options.delimiter
    rows, errors = _parse(lines, options)
    widths = [len(row) for row in rows]
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return _Candidate(options, errors=errors)
    width = max(counts, key=lambda width: (counts[width], width))
    start = min(widths.index(width), _MAX_PREAMBLE) if delimiter in _USUAL else 0
    below = widths[start:]
    share = below.count(width) / (len(below) + errors)
    if delimiter not in _USUAL and (share < _MIN_SHARE or len(below) < _MIN_ROWS):
        return _Candidate(options, errors=errors)
    cells = [cell for row in rows[start : start + 100] for cell in row]
    plausible = sum(_is_plausible(cell, options.quote) for cell in cells) / len(cells)
    coverage = (len(below) / len(widths)) ** 0.5
    score = share**1.5 * coverage * plausible**2 * _WEIGHT.get(delimiter, 0.6) * (1 - 1 / (width + 1))
    return _Candidate(options, score, width, share, errors)


def _is_plausible(cell: str, quote: str) -> bool:
    """A quote inside a cell is fine if it is text; quotes around a cell show that this quoting is wrong."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and quote != '"':
        return False
    if len(cell) > 1 and cell[0] == cell[-1] == "'" and quote != "'":
        return False
    return len(cell) > 100 or _PLAUSIBLE_CELL.fullmatch(cell.replace('"', "")) is not None


def _parse(lines: list[str], options: ReadOptions) -> tuple[list[list[str]], int]:
    """Some records, and how many could not be parsed; the parser continues with the next line by itself."""
    reader = csv.reader(lines, **parser_arguments(options))
    rows: list[list[str]] = []
    errors = 0
    while len(rows) + errors < _MAX_RECORDS:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            errors += 1
        else:
            if row:
                rows.append(row)
    return rows, errors
