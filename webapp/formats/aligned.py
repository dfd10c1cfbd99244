"""Tables for the eye: columns aligned with spaces, and tables drawn with bars and dashes.

A cell is what stands between the spaces that align it. A line that does not keep to the columns is set aside.
"""

import io
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from webapp.formats import preamble
from webapp.formats.blocks import Block
from webapp.formats.records import Records
from webapp.formats.source import ReadOptions, Reject

_MIN_LINES = 3
_MIN_PADDED = 0.5  # of the lines: a gap between columns is at least two spaces wide there
_EXAMINED = 300  # lines
_MAX_COLUMNS = 200
_MAX_ABOVE = 10  # lines, down to the dashes below the titles
_MIN_KEPT = 0.7  # of the lines below the dashes: the others are what a program adds at the end
_DASHES = re.compile(r" *(?:-+|=+)(?: +(?:-+|=+))+ *")
_MAX_LINE = 10_000  # characters
_WORD = re.compile(r"[^ ]+")
_RULE = frozenset(" |+:=-─│┼├┤┌┐└┘┬┴═║╪╞╡╔╗╚╝╠╣╬╦╩")
_SHORT_RULE = re.compile(r"\|(?::?-:?\|)+")  # of a Markdown table; with spaces it would be a row of dashes
_BAR = re.compile(r"(?<!\\)[|│║]")


def is_rule(line: str) -> bool:
    """Whether a line only draws, as `+----+----+` does."""
    if not _RULE.issuperset(line):
        return False
    return any(pair in line for pair in ("--", "==", "──", "══")) or _SHORT_RULE.fullmatch(line.strip()) is not None


class LineParser(ABC):
    """Each line is a record. `_cut` divides it, and raises ValueError with the end of a sentence."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self.line = 1

    def parse(self, blocks: Iterable[Block]) -> Iterator[Records]:
        for block in blocks:
            records = Records(self.line, bytes_read=block.bytes_read, is_damaged=block.is_damaged)
            for text in io.StringIO(block.text, newline=""):
                self._add(records, text.rstrip("\r\n"))
                self.line += 1
            yield records

    def _add(self, records: Records, text: str) -> None:
        try:
            records.rows.append(self._cut(text) if text.strip() else [])
        except ValueError as error:
            records.reject(Reject(self.line, f"Line {self.line:,} {error}.", [text]))

    @abstractmethod
    def _cut(self, text: str) -> list[str]: ...


class FixedParser(LineParser):
    """Between two columns there is a gap, which a cell may enter from one side but not fill. A comment may."""

    def _cut(self, text: str) -> list[str]:
        cells, begin = [], 0
        for start, end in self._options.gaps:
            space = text.rfind(" ", start, end) if len(text) > start else len(text)
            if space < 0 and preamble.comment_mark(text):
                return [text.strip(" ")]
            if space < 0:
                raise ValueError("does not keep to the columns: a cell reaches into the next one")
            cells.append(text[begin:space].strip(" "))
            begin = space
        return [*cells, text[begin:].strip(" ")]


class DrawnParser(LineParser):
    """Bars stand between the cells, and perhaps around them; lines of dashes are records of one cell."""

    def _cut(self, text: str) -> list[str]:
        text = text.strip(" ")
        if is_rule(text) or not _BAR.search(text):
            return [text]
        cells = _BAR.split(text)
        cells = cells[1:] if not cells[0] else cells
        cells = cells[:-1] if not cells[-1] else cells
        return [cell.strip(" ").replace("\\|", "|") for cell in cells]


def split_titles(row: Sequence[str], gaps: Sequence[Sequence[int]]) -> Sequence[str]:
    """The words of a row without the mark of a comment, if they are as many as the columns; else the row.

    Titles need not stand exactly above columns that spaces align.
    """
    text = " ".join(row).strip()
    words = text.removeprefix(preamble.comment_mark(text)).split()
    return words if len(words) == len(gaps) + 1 else row


def is_drawn(lines: Sequence[str]) -> bool:
    """Whether these lines are a table drawn with bars, with a line of dashes under its titles or above them."""
    lines = [line.rstrip("\r\n") for line in lines[:_EXAMINED] if line.strip()]
    rules = [index for index, line in enumerate(lines) if is_rule(line)]
    if not rules or rules[0] > 5:
        return False
    if not re.search(r"[|+│┼├┌╪╞╔]", lines[rules[0]]) and not _is_framed(lines, rules):
        return False
    crossings = len(re.findall(r"[+┼]", lines[rules[0]].strip("| +")))
    if rules[0] and crossings and crossings == len(_BAR.findall(lines[rules[0] - 1].strip("| "))):
        return True
    widths = Counter(len(_BAR.findall(line)) for line in lines[rules[0] :] if not is_rule(line))
    bars = len(_BAR.findall(lines[rules[0] - 1])) if rules[0] else 0
    if rules[0]:
        widths[bars] += 1
    usual, times = widths.most_common(1)[0] if widths else (0, 0)
    return usual > 0 and times >= 2 and times >= 0.7 * widths.total()


def _is_framed(lines: Sequence[str], rules: Sequence[int]) -> bool:
    """Whether lines of dashes stand above and below titles between bars."""
    titles = [line.strip() for line in lines[rules[0] + 1 : rules[1]]] if len(rules) > 1 else []
    return bool(titles) and all(len(line) > 1 and _BAR.match(line[0]) and _BAR.match(line[-1]) for line in titles)


def find_ruled_gaps(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The spaces between the dashes of a line below the titles, as databases print it; nothing if there is none."""
    lines = [line.rstrip("\r\n") for line in lines if line.strip()][:_EXAMINED]
    index = next((index for index, line in enumerate(lines[:_MAX_ABOVE]) if _DASHES.fullmatch(line)), 0)
    if not index:
        return []
    runs = [run.span() for run in re.finditer("[-=]+", lines[index])]
    gaps = [(left[1], right[0]) for left, right in pairwise(runs)]
    kept = sum(all(not line[start:end].strip() for start, end in gaps) for line in lines[index:])
    titles = lines[index - 1]
    is_titled = len(titles) > gaps[0][1] and all(not titles[start:end].strip() for start, end in gaps)
    return gaps if is_titled and kept >= _MIN_KEPT * len(lines[index:]) and len(gaps) < _MAX_COLUMNS else []


def find_gaps(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The spaces that all lines have between the columns; nothing if they are not aligned."""
    lines = [line.rstrip("\r\n") for line in lines if line.strip()][:_EXAMINED]
    if len(lines) < _MIN_LINES or any("\t" in line for line in lines):
        return []
    longest = min(max(map(len, lines)), _MAX_LINE)
    filled = bytearray(longest)
    for line in lines:
        for word in _WORD.finditer(line[:longest]):
            filled[word.start() : word.end()] = b"\1" * len(word[0])
    free = [run.span() for run in re.finditer(rb"\0+", bytes(filled)) if run.start() > 0 and run.end() < longest]
    gaps = [(start, end) for start, end in free if _is_padded(lines, start, end)]
    return gaps if len(gaps) < _MAX_COLUMNS else []


def _is_padded(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether most lines have more than one space there: words that end alike by chance have one."""
    reaching = [line for line in lines if len(line) > end]
    padded = sum(end - start > 1 or "  " in line[start - 1 : end + 1] for line in reaching)
    return len(reaching) >= _MIN_LINES and padded >= _MIN_PADDED * len(reaching)
