"""Whether a character divides lines into cells, or only occurs in the text of a file with one column."""

import re
from collections.abc import Sequence

from webapp.formats import header, preamble
from webapp.formats.source import ReadOptions

_MOST = 0.6  # of the rows: at least so many are divided, if the first line is
_NEARLY_ALL = 0.9
_FEW = 5  # rows that agree: with fewer, nothing above them is left out of a table of two columns
_MIN_WIDE = 2  # rows that agree, for a table of three or more columns below lines that are not divided
# As names of months begin in languages of Western Europe.
_MONTH = (
    r"(?:jan|ene|gen|f[eé]b|f[eé]v|m[aä]r|mrz|mrt|maa|a[pvb]r|ma[yigj]|mei|jun|jui|giu|jul|lug|aug|ago|ao[uû]"
    r"|sep|set|o[ckt]t|out|nov|d[eéi][cz])\w*\.?"
)
_OF = r"(?:de\s|of\s)?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+|,[0-9]{3}(?:[0-9]{3})?)?)?(?:\s?[ap]\.?m\.?)?"
_NUMBER = re.compile(
    r"[-+(]?[$€£¥]?\s?[-+]?(?:[0-9][0-9.,']*|[.,][0-9]+)(?:[eEdD][-+]?[0-9]+)?\s?[%€$)]?|-?nan|-?inf|na|null|\\N", re.I
)
_COMMA_IN_PROSE = re.compile(r",(?:\s|$)")
_DIGIT = re.compile("[0-9]")
_GROUPS = re.compile(r"[0-9]{2,4}(?:[ -][0-9]{2,4}){2,5}")
_TIMELIKE = re.compile(r"[0-9]{1,4}[-/.:][0-9]{1,2}(?:[-/.:][0-9:.]+)?")
# A whole line that is one value, though it has spaces, colons or commas.
_ONE_VALUE = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"[0-9]{{1,4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,4}}[T ,]+{_CLOCK}\s?(?:Z|UTC|[-+][0-9:]+)?",
        _CLOCK,
        r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}",
        r"(?:https?|ftp)://\S+|[\w.-]+:[0-9]{2,5}",
        rf"{_MONTH}\s[0-9]{{1,2}},?\s[0-9]{{2,4}}(?:[ ,]+{_CLOCK}.*)?",
        r"(?:\w{2,10}\.?,?\s)?[0-9]{1,2}(?:\.|er|st|nd|rd|th)?"
        rf"\s{_OF}{_MONTH},?\s{_OF}[0-9]{{2,4}}(?:[ ,]+{_CLOCK}.*)?",
        r"[-+]?[$€£¥]?\s?[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]+)?\s?[%€$]?",
        r"(?:\+|\(\+?|0)[0-9]{0,4}\)?(?:[ -]\(?[0-9]{1,5}\)?){2,5}",
        rf"{_CLOCK}\s?(?:-->?|–)\s?{_CLOCK}",
        r"[-+]?[0-9]+(?:[.,][0-9]+)?(?:\s?[-–]\s?[0-9]+(?:[.,][0-9]+)?)? ?(?:[a-zµ°²³/%]{1,6}|€|\$)",
    )
]


def may_divide(
    rows: Sequence[Sequence[str]], start: int, width: int, options: ReadOptions, lines: Sequence[str]
) -> bool:
    """Whether `options.delimiter` may be one. `start` is the first row of `width` cells, the usual number."""
    delimiter = options.delimiter
    filled = [line.strip() for line in lines[preamble.count_comments(lines) :] if line.strip()]
    if delimiter in " :" and not _is_rare_delimiter(rows, width, delimiter):
        return False
    if delimiter in " :,-/" and _is_one_value(filled, delimiter):
        return False
    if len(rows[0]) > 1:
        if delimiter == "," and _is_prose(filled):
            return sum(len(row) == width for row in rows) >= _NEARLY_ALL * len(rows)
        return sum(len(row) > 1 for row in rows) >= _MOST * len(rows)
    return _is_table_below(rows, start, width, options, lines)


def _is_rare_delimiter(rows: Sequence[Sequence[str]], width: int, delimiter: str) -> bool:
    """Spaces and colons occur in any text: they divide the first line like the others, and leave values."""
    if delimiter == " " and len(rows[0]) == width - 1 and header.has_names_of_rows(rows[0], rows[1:]):
        return all(map(_is_value, (cell for row in rows[1:] for cell in row[1:])))
    if len(rows[0]) != width:
        return False
    if delimiter == ":":
        return width > 2 or _has_values(rows)
    return _has_values(rows)


def _has_values(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column holds numbers or times below its first row."""
    columns = zip(*(row for row in rows[1:] if len(row) == len(rows[0])), strict=True)
    for column in columns:
        values = sum(map(_is_value, column))
        if values >= _NEARLY_ALL * len(column):
            return True
    return False


def _is_value(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None or _TIMELIKE.fullmatch(cell) is not None


def _is_one_value(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the lines below the first are each a value of the same kind.

    A comma in the titles, unlike a space, shows that those below it stand between cells: `2010-01-01 00:00,394`.
    """
    first, *below = [line.strip('"') for line in lines[:200]]
    if delimiter == "," and delimiter in first and not any(pattern.fullmatch(first) for pattern in _ONE_VALUE):
        return False
    lines = below or [first]
    if _have_equal_groups(lines):
        return True
    return any(
        sum(pattern.fullmatch(line) is not None for line in lines) >= _NEARLY_ALL * len(lines) for pattern in _ONE_VALUE
    )


def _have_equal_groups(lines: Sequence[str]) -> bool:
    """Whether the lines are digits in the same groups each, as the numbers of phones and cards are."""
    shape = _DIGIT.sub("0", lines[0])
    return (
        _GROUPS.fullmatch(lines[0]) is not None
        and len(lines) > 1
        and sum(_DIGIT.sub("0", line) == shape for line in lines) >= _NEARLY_ALL * len(lines)
    )


def _is_table_below(
    rows: Sequence[Sequence[str]], start: int, width: int, options: ReadOptions, lines: Sequence[str]
) -> bool:
    """Whether the rows from `start` are a table below lines that the delimiter does not divide."""
    if _NEARLY_ALL * len(rows[start:]) <= sum(map(_cuts_brackets, rows[start:])):
        return False
    below = [len(row) for row in rows[start:]]
    agreeing = below.count(width)
    while below and below[-1] == 1 and len(below) > agreeing:  # notes below a table
        below.pop()
    is_set_apart = _is_set_apart(lines, options)
    if agreeing < (_MOST if is_set_apart else _NEARLY_ALL) * len(below):
        return False
    if options.delimiter == "," and _is_prose(lines) and width < 4:
        return False
    if is_set_apart:
        return True
    if width > 2:
        return agreeing >= _MIN_WIDE
    return agreeing >= _FEW and (start > 1 or _has_titles(rows[start:]))


def _is_prose(lines: Sequence[str]) -> bool:
    """Whether a space or the end of the line follows each comma."""
    return all(_COMMA_IN_PROSE.sub("", line).find(",") < 0 for line in lines)


def _cuts_brackets(row: Sequence[str]) -> bool:
    """Whether a bracket opens in a cell and closes in a later one: `POLYGON ((1 2`, `3 4))`."""
    opened = next((index for index, cell in enumerate(row) if cell.count("(") > cell.count(")")), len(row))
    return any(cell.count(")") > cell.count("(") for cell in row[opened + 1 :])


def _has_titles(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is texts above values, which no line of a single column of numbers is."""
    return not any(map(str.isdigit, "".join(rows[0]))) and all(cell.strip() for cell in rows[0]) and _has_values(rows)


def _is_set_apart(lines: Sequence[str], options: ReadOptions) -> bool:
    """Whether a blank line or a comment stands right above the table."""
    for index, line in enumerate(lines):
        if options.delimiter in line:
            above = lines[index - 1] if index else ""
            return index > 0 and (not above.strip() or bool(preamble.comment_mark(above)) or "*/" in above)
    return False
