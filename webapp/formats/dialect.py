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
_CERTAIN = 0.9  # share of rows that an unusual delimiter must split alike
_ENOUGH = 3  # rows required for that
_TOO_MANY = 3  # broken quotes, from which on quotes are taken for text
_RECORDS = 500  # records examined
_PREAMBLE = 30  # records of a preamble, which need not look like a table
# What a table cell usually is; a wrong delimiter leaves fragments that match none of it.
_ATOM = re.compile(
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
class Dialect:
    delimiter: str
    quote: str
    escape: str
    spaced: bool
    reason: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    options: ReadOptions
    score: float = 0.0
    width: int = 1
    share: float = 0.0
    errors: int = 0


def name_of(delimiter: str) -> str:
    return _NAMES.get(delimiter) or (delimiter if delimiter.isprintable() else f"character {ord(delimiter)}")


def detect(sample: str, delimiter: str | None = None, quote: str | None = None) -> Dialect:
    """`sample` is whole lines from the beginning; `delimiter` and `quote` are what is already decided."""
    lines = list(io.StringIO(sample, newline=""))[: _RECORDS * 4]
    delimiters = [delimiter] if delimiter else [one for one in _DELIMITERS if one in sample]
    candidates = [_quoted(lines, sample, one, quote) for one in delimiters]
    best = max(candidates, key=lambda candidate: candidate.score, default=None)
    if delimiter and best:
        return _dialect(best.options, f"{name_of(delimiter)}, as you chose")
    if best is None or not best.score:
        alone = ReadOptions(quote='"' if quote is None else quote)
        return _dialect(alone, "one column: no character divides the lines alike")
    return _dialect(best.options, _reason(best))


def _dialect(options: ReadOptions, reason: str) -> Dialect:
    return Dialect(options.delimiter, options.quote, options.escape, options.spaced, reason)


def _reason(best: _Candidate) -> str:
    how_many = "every row" if best.share == 1 else f"{min(best.share, 0.99):.0%} of the rows looked at"
    return f"{name_of(best.options.delimiter)}: it divides {how_many} into {best.width:,} cells"


def _quoted(lines: list[str], sample: str, delimiter: str, decided: str | None) -> _Candidate:
    """The best quoting for this delimiter: the usual one, unless it fails repeatedly."""
    options = ReadOptions(delimiter=delimiter, quote='"' if decided is None else decided)
    usual = _score(lines, options)
    others = []
    if usual.errors and '\\"' in sample and options.quote:
        others.append(replace(options, escape="\\"))
    if f'{delimiter} "' in sample and delimiter != " " and options.quote == '"':
        others.append(replace(options, spaced=True))
    if decided is None and usual.errors >= _TOO_MANY:
        others.append(replace(options, quote=""))
    if decided is None and not _quoted_cells(sample, delimiter, '"'):
        single = _quoted_cells(sample, delimiter, "'")
        if single > 1 and (usual.share < 1 or single * 2 >= len(lines)):
            others.append(replace(options, quote="'"))
    return max([usual, *(_score(lines, other) for other in others)], key=lambda candidate: candidate.score)


def _quoted_cells(sample: str, delimiter: str, quote: str) -> int:
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
    width = max(counts, key=lambda one: (counts[one], one))
    start = min(widths.index(width), _PREAMBLE) if delimiter in _USUAL else 0
    below = widths[start:]
    share = below.count(width) / (len(below) + errors)
    if delimiter not in _USUAL and (share < _CERTAIN or len(below) < _ENOUGH):
        return _Candidate(options, errors=errors)
    cells = [cell for row in rows[start : start + 100] for cell in row]
    atoms = sum(_is_atom(cell, options.quote) for cell in cells) / len(cells)
    coverage = (len(below) / len(widths)) ** 0.5
    quality = share**1.5 * coverage * atoms**2 * _WEIGHT.get(delimiter, 0.6) * (1 - 1 / (width + 1))
    return _Candidate(options, quality, width, share, errors)


def _is_atom(cell: str, quote: str) -> bool:
    """A quote inside a cell is fine if it is text; quotes around a cell show that this quoting is wrong."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and quote != '"':
        return False
    if len(cell) > 1 and cell[0] == cell[-1] == "'" and quote != "'":
        return False
    return len(cell) > 100 or _ATOM.fullmatch(cell.replace('"', "")) is not None


def _parse(lines: list[str], options: ReadOptions) -> tuple[list[list[str]], int]:
    """Some records, and how many could not be parsed; the parser continues with the next line by itself."""
    reader = csv.reader(lines, **parser_arguments(options))
    rows: list[list[str]] = []
    errors = 0
    while len(rows) + errors < _RECORDS:
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
