"""Finding and replacing in a text: words as they are, or a regular expression.

Regular expressions come from people, so they are RE2's: its time grows with the text and never with the expression's
cleverness, and its memory has a limit. Whatever the engine, no text grows beyond what a cell may have.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import re2

from webapp.db.errors import UserError
from webapp.rowstore.cell_input import MAX_TEXT, TextTooLong

MAX_PATTERN = 1_000  # characters
SECONDS = 5.0  # for all texts of a preview, or of a change that is made at once
_CHECKED = 256  # matches between two looks at the clock
_TEMPLATE = re.compile(r"\\(?:g<(?P<name>\w+)>|(?P<number>\d{1,2})|(?P<letter>.))|\$(?P<dollar>\d{1,2}|\$)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "\\": "\\"}


class PatternRefused(UserError):
    """There is no such regular expression, or its replacement names a group that it does not have."""


class TooSlow(UserError):
    def __init__(self) -> None:
        super().__init__(
            "Looking for this takes too long in texts like these. Make the expression simpler, or choose fewer rows."
        )


@dataclass
class TimeLimit:
    """Running out of time raises `TooSlow`. The time begins with the first look at it."""

    seconds: float = SECONDS
    _end: float | None = field(default=None, init=False)

    def check(self) -> None:
        now = time.monotonic()
        if self._end is None:
            self._end = now + self.seconds
        elif now > self._end:
            raise TooSlow


Replacer = Callable[[str], str]


def words_replacer(find: str, replacement: str, *, match_case: bool, whole_cell: bool) -> Replacer:
    """Replaces each occurrence of `find`; or with `whole_cell` only a text that is nothing else. Raises `TextTooLong`
    when it is called.
    """
    # An expression of nothing but letters has no branches to try.
    pattern = re.compile(re.escape(find), re.NOFLAG if match_case else re.IGNORECASE)

    def replace(text: str) -> str:
        if whole_cell:
            return replacement if pattern.fullmatch(text) else text
        if len(replacement) > len(find):
            count = sum(1 for _ in pattern.finditer(text))
            _ensure_short(len(text) + count * (len(replacement) - len(find)))
        return pattern.sub(lambda match: replacement, text)

    return replace


def regex_replacer(
    find: str, replacement: str, *, match_case: bool, whole_cell: bool, limit: TimeLimit | None = None
) -> Replacer:
    """`replacement` may name groups: `$1` or `\\1`, `$0` for all that was found. Raises `PatternRefused`; and when it
    is called, `TextTooLong` and `TooSlow`.
    """
    limit = limit or TimeLimit()
    pattern = _compile(f"^(?:{find})$" if whole_cell else find, match_case=match_case)
    parts = list(_template(replacement, pattern))

    def replace(text: str) -> str:
        if len(text) > MAX_TEXT:
            raise TextTooLong(len(text))
        limit.check()
        pieces, end, length = list[str](), 0, 0
        for count, match in enumerate(pattern.finditer(text), 1):
            start, stop = match.span()
            found = [part if isinstance(part, str) else match.group(part) or "" for part in parts]
            pieces += [text[end:start], *found]
            length += start - end + sum(map(len, found))
            _ensure_short(length)
            end = stop
            if not count % _CHECKED:
                limit.check()
        if not pieces:
            return text
        _ensure_short(length + len(text) - end)
        return "".join([*pieces, text[end:]])

    return replace


def _ensure_short(length: int) -> None:
    if length > MAX_TEXT:
        raise TextTooLong(length)


def _compile(pattern: str, *, match_case: bool) -> Any:
    if len(pattern) > MAX_PATTERN:
        raise PatternRefused(f"A regular expression can have at most {MAX_PATTERN:,} characters.")
    options = re2.Options()
    options.log_errors = False  # texts of people do not belong into the log
    options.case_sensitive = match_case
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else ""
        raise PatternRefused(f"This is no regular expression that can be used here: {reason or 'unknown'}.") from error


def _template(replacement: str, pattern: Any) -> Iterator[str | int]:
    """The pieces of a replacement, groups as their numbers."""
    end = 0
    for match in _TEMPLATE.finditer(replacement):
        yield replacement[end : match.start()]
        end = match.end()
        yield _piece(match, pattern)
    yield replacement[end:]


def _piece(match: re.Match[str], pattern: Any) -> str | int:
    if match["dollar"] == "$":
        return "$"
    if match["letter"] is not None:
        return _LETTERS.get(match["letter"], match[0])
    if match["name"] is not None and not match["name"].isdigit():
        group = pattern.groupindex.get(match["name"])
    else:
        number = int(match["dollar"] or match["number"] or match["name"])
        group = number if number <= pattern.groups else None
    if group is None:
        raise PatternRefused(
            f"The replacement names the group “{match[0]}”, which the expression does not have. Put the part that it"
            " stands for in brackets, or write $$ for a dollar sign."
        )
    return int(group)
