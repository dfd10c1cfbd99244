"""Detects delimiter and quote character: the pair that yields the most table-like result."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from webapp.formats import aligned, preamble, single_column
from webapp.formats.records import ONE_CELL, QuoteRepair, parser_arguments
from webapp.formats.source import Layout, ReadOptions

_DELIMITERS = ",;\t|:~^ \x1f\x01\xa7\xa6"
# How much better a delimiter must do to be chosen over a more usual one.
_WEIGHT = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 0.97, "~": 0.8, "^": 0.8, "\x1f": 1.0, "\x01": 1.0, ":": 0.55, " ": 0.5}
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", ":": "colon", " ": "space"}
_USUAL = ",;\t|"
_MIN_SHARE = 0.9  # of rows that an unusual delimiter must split alike
_MIN_ROWS = 3  # required for that
_MAX_ERRORS = 3  # broken quotes, from which on quotes are taken for text
_MAX_RECORDS = 500  # examined
_CERTAIN = 0.45  # the score from which on a delimiter is not questioned by the spaces in the lines
_WEAK = 0.3
_UNQUOTED = "\t|\x1f\x01"  # delimiters of files in which quotes are often text
_MANY = "\t\x1f\x01"  # characters that are delimiters wherever they divide lines
# The first line by which Excel is told the delimiter.
_SEP_LINE = re.compile(r'"?sep=([^\r\n"])"?[ ]*(?:\r\n|\r|\n)', re.IGNORECASE)
_LONG_DELIMITER = re.compile(r"""[^\w\s"'().,;\\/+\-]{2,5}|([|~^#@])[;,]\1""")
_BRACKETS = frozenset("()[]{}<>")
_QUOTED = re.compile(r'"[^"\r\n]*"')
_OPENING = re.compile(r'[ \[(]"[^"]+$')
_CLOSING = re.compile(r'[^"]+"(?: |$)')
_LAYOUTS: dict[str | None, Layout] = {"none": "lines", "fixed": "fixed", "drawn": "drawn"}
_LAYOUT_NAMES: dict[Layout, str] = {"lines": "one column", "fixed": "spaces at fixed places", "drawn": "drawn table"}
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
    repaired: int = 0
    is_whole: bool = False  # every row has this width, the first one too, and nothing failed
    joined: bool = False  # a quoted cell holds both a line end and the delimiter


def detect(sample: str, delimiter: str | None = None, quote: str | None = None) -> tuple[ReadOptions, str]:
    """The options for delimiter and quotes, and the reason.

    `sample` is whole lines from the beginning; `delimiter` and `quote` are what is already decided. A delimiter `none`
    means that each line is one cell, `fixed` that the cells are aligned with spaces, `drawn` that bars divide them.
    """
    lines = list(io.StringIO(sample, newline=""))[: _MAX_RECORDS * 4]
    if named := _SEP_LINE.match(sample):
        delimiter = delimiter or named[1]
        best = _best_quoting(lines[1:], sample[named.end() :], delimiter, quote)
        return best.options, f"{_name(delimiter)}, as the first line says"
    if delimiter in _LAYOUTS:
        return _aligned(lines, _LAYOUTS[delimiter], quote), f"{_LAYOUT_NAMES[_LAYOUTS[delimiter]]}, as you chose"
    if delimiter:
        return _best_quoting(lines, sample, delimiter, quote).options, f"{_name(delimiter)}, as you chose"
    if aligned.is_drawn(lines):
        return _aligned(lines, "drawn", quote), "vertical bars and lines that draw a table"
    if gaps := aligned.find_ruled_gaps(lines):
        options = _aligned(lines, "fixed", quote)
        return options, f"spaces: a line of dashes below the titles shows {len(gaps) + 1:,} columns"
    candidates = [_best_quoting(lines, sample, character, quote) for character in _candidates(sample, lines)]
    best = max(candidates, key=lambda candidate: candidate.score, default=_Candidate(ReadOptions()))
    if best.score < _CERTAIN and best.options.delimiter not in _MANY:
        options = _aligned(lines, "fixed", quote)
        if options.gaps and (best.options.delimiter not in _USUAL or best.score < _WEAK):
            return options, f"spaces: every line has them at the same {len(options.gaps):,} places"
    if not best.score:
        return _one_column(sample, quote)
    how_many = "every row" if best.share == 1 else f"{min(best.share, 0.99):.0%} of the rows looked at"
    return best.options, f"{_name(best.options.delimiter)}: it divides {how_many} into {best.width:,} cells"


def _one_column(sample: str, quote: str | None) -> tuple[ReadOptions, str]:
    """Each line is a cell. The delimiter is the usual one where that changes nothing."""
    lines = list(io.StringIO(sample, newline=""))[:_MAX_RECORDS]
    options = ReadOptions(quote='"' if quote is None else quote, layout="lines", delimiter="" if "," in sample else ",")
    if quote is None and _parse(lines, options)[1]:
        options = replace(options, quote="")
    return options, "one column: no character divides the lines alike"


def _aligned(lines: list[str], layout: Layout, quote: str | None) -> ReadOptions:
    if layout == "lines":
        return ReadOptions(quote='"' if quote is None else quote, layout="lines", delimiter="")
    gaps = aligned.find_ruled_gaps(lines) or _find_gaps(_without_comments(lines)) if layout == "fixed" else []
    return ReadOptions(quote="", layout=layout, delimiter="|" if layout == "drawn" else " ", gaps=gaps)


def _find_gaps(lines: list[str]) -> list[tuple[int, int]]:
    """A comment right above the rows may hold the titles, and not stand exactly above them."""
    return aligned.find_gaps(lines[1:] if lines and preamble.comment_mark(lines[0]) else lines)


def _candidates(sample: str, lines: list[str]) -> list[str]:
    """Characters and strings that may be the delimiter: one alone that all lines have several times.

    Brackets may be as regular in a log, and a pair of colons in addresses.
    """
    long = _long_delimiter(lines)
    filled = [line for line in lines if line.strip()]
    if long and not _BRACKETS & set(long) and min(map(_counter(long), filled)) > 1:
        return [long]
    single = [character for character in _DELIMITERS if character in sample and character not in long]
    return [*single, *filter(None, [long])]


def _counter(string: str) -> Callable[[str], int]:
    return lambda line: line.count(string)


def _long_delimiter(lines: list[str]) -> str:
    """A string such as `||` that nearly all lines have as often as the first one, outside quotes; empty if none is."""
    lines = [_QUOTED.sub('""', line) for line in _without_comments(lines) if line.strip()][:_MAX_RECORDS]
    if len(lines) < 2:
        return ""
    found: Counter[str] = Counter(run for line in lines[:20] for run in set(_long_runs(line)))
    for string, _ in sorted(found.items(), key=lambda item: (-item[1], len(item[0]))):
        count = lines[0].count(string)
        if count and sum(line.count(string) == count for line in lines) >= _MIN_SHARE * len(lines):
            return string
    return ""


def _long_runs(line: str) -> list[str]:
    return [match[0] for match in _LONG_DELIMITER.finditer(line)]


def _weight(delimiter: str, lines: list[str]) -> float:
    if len(delimiter) == 1:
        return _WEIGHT.get(delimiter, 0.6)
    rest = "".join(line.replace(delimiter, "") for line in lines)
    return 1.1 if any(character in rest for character in set(delimiter)) else 1.3


def _without_comments(lines: list[str]) -> list[str]:
    return lines[preamble.count_comments(lines) :]


def _name(delimiter: str) -> str:
    return (
        _NAMES.get(delimiter)
        or f"“{delimiter}”" * (len(delimiter) > 1)
        or (delimiter if delimiter.isprintable() else f"character {ord(delimiter)}")
    )


def _best_quoting(lines: list[str], sample: str, delimiter: str, chosen: str | None) -> _Candidate:
    """The usual quoting for this delimiter, unless it fails. `chosen` is a quote decided by the user."""
    options = ReadOptions(delimiter=delimiter, quote='"' if chosen is None else chosen)
    usual = _score(lines, options)
    is_odd = usual.errors or usual.repaired or usual.share < 1
    others = []
    if is_odd and "\\" in sample and _escaped(delimiter).search(sample):
        others.append(replace(options, escape="\\"))
        if chosen is None:
            others.append(replace(options, escape="\\", quote=""))
    if f'{delimiter} "' in sample and delimiter != " " and options.quote == '"':
        others.append(replace(options, spaced=True))
    quoted = _count_quoted_cells(sample, delimiter, '"') if chosen is None else 0
    unquoted = replace(options, quote="")
    if chosen is None and (usual.errors >= _MAX_ERRORS or (is_odd and not quoted and delimiter in _UNQUOTED)):
        others.append(unquoted)
    if chosen is None and usual.joined and (by_line := _score(lines, unquoted)).is_whole:
        return by_line  # every line is a row by itself: the quotes are text
    if chosen is None and not quoted:
        single = _count_quoted_cells(sample, delimiter, "'")
        if single > 1 and (usual.share < 1 or single * 2 >= len(lines)):
            others.append(replace(options, quote="'"))
    candidates = [usual, *(_score(lines, other) for other in others)]
    if not usual.is_whole:  # quotes that explain every row, the first one too, are no accident
        candidates = [other for other in candidates if other.is_whole and other.options.quote] or candidates
    return max(candidates, key=lambda candidate: candidate.score)


def _escaped(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\\)(?:\\\\)*\\(?:[\n\"]|{re.escape(delimiter)})")


def _count_quoted_cells(sample: str, delimiter: str, quote: str) -> int:
    edge = re.escape(delimiter)
    cell = rf"(?:^|{edge}){quote}[^{quote}\r\n]+{quote}(?={edge}|\s*$)"
    return len(re.findall(cell, sample, re.MULTILINE))


def _score(lines: list[str], options: ReadOptions) -> _Candidate:
    delimiter = options.delimiter
    rows, errors, repaired = _parse(lines, options)
    widths = [len(row) for row in rows]
    counts = Counter(width for width in widths if width > 1)
    failed = _Candidate(options, errors=errors, repaired=repaired)
    if not counts:
        return failed
    width = max(counts, key=lambda width: (counts[width], width))
    start = widths.index(width) if delimiter in _USUAL or len(delimiter) > 1 else 0
    below = widths[start:]
    share = below.count(width) / (len(below) + errors)
    if delimiter not in _USUAL and len(delimiter) == 1 and (share < _MIN_SHARE or len(below) < _MIN_ROWS):
        return failed
    if not single_column.may_divide(rows, start, width, options, lines):
        return failed
    cells = [cell for row in rows[start : start + 100] for cell in row]
    plausible = sum(_is_plausible(cell, options.quote) for cell in cells) / len(cells)
    plausible *= 1 - sum(map(_cuts_quotes, rows[start : start + 100])) / len(rows[start : start + 100])
    coverage = (len(below) / len(widths)) ** 0.5
    weight = _weight(delimiter, lines)
    score = share**1.5 * coverage * plausible**2 * weight * (1 - 1 / (width + 1)) * (1 - 0.1 * repaired / len(rows))
    joined = any("\n" in cell and delimiter in cell for row in rows for cell in row) if options.quote else False
    is_whole = not start and share == 1 and not repaired
    return _Candidate(options, score, width, share, errors, repaired, is_whole, joined)


def _cuts_quotes(row: list[str]) -> bool:
    """Whether a quote opens inside a cell and closes in a later one: `GET "Mozilla (X11` and ` Linux)"`."""
    is_open = False
    for cell in row:
        if is_open and _CLOSING.match(cell):
            return True
        is_open = (is_open and '"' not in cell) or _OPENING.search(cell) is not None
    return False


def _is_plausible(cell: str, quote: str) -> bool:
    """A quote inside a cell is fine if it is text; quotes around a cell show that this quoting is wrong."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and quote != '"':
        return False
    if len(cell) > 1 and cell[0] == cell[-1] == "'" and quote != "'":
        return False
    return len(cell) > 100 or _PLAUSIBLE_CELL.fullmatch(cell.replace('"', "")) is not None


def _parse(lines: list[str], options: ReadOptions) -> tuple[list[list[str]], int, int]:
    """Some records below leading comments, how many could not be parsed, and how many only by repairing their quotes.

    The parser continues with the next line by itself.
    """
    mark = preamble.comment_mark(lines[0]) if lines else ""
    lines = _without_comments(lines)
    if len(options.delimiter) > 1:
        lines = [line.replace(options.delimiter, ONE_CELL) for line in lines]
    reader = csv.reader(lines, **parser_arguments(options))
    repair = QuoteRepair(options) if options.quote and not options.escape else None
    rows: list[list[str]] = []
    errors = repaired = line = 0
    while len(rows) + errors < _MAX_RECORDS:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            width = len(rows[-1]) if rows else 0
            row = repair.cells(lines[line], width) if repair and reader.line_num == line + 1 else []
            errors += not row
            repaired += bool(row)
        line = reader.line_num
        if row and not (len(row) == 1 and mark and row[0].startswith(mark)):
            rows.append(row)
    while mark and len(rows) > 1 and rows[0][0].startswith(mark) and len(rows[0]) != len(rows[1]):
        del rows[0]
    return rows, errors, repaired
