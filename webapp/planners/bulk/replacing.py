"""Finding and replacing in a text: words as they are, or a regular expression.

Regular expressions come from people, so they are RE2's: its time grows with the text and never with the expression's
cleverness, and its memory has a limit. Whatever the engine, no text grows beyond what a cell may have.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.db.errors import UserError
from webapp.rowstore.cell_input import MAX_TEXT, TextTooLong

MAX_PATTERN = 1_000  # characters
SECONDS = 5.0  # for all texts of a preview, or of a change that is made at once
_MAX_STEPS = 300_000_000  # instructions of an expression times bytes of a text: some seconds
_MEMORY = 1024 * 1024  # bytes of an expression
_TEMPLATE = re.compile(r"\\(?:g<(?P<name>\w+)>|(?P<number>\d{1,2})|(?P<letter>.))|\$(?P<dollar>\d{1,2}|\$)", re.DOTALL)
_DIGITS = 5  # more are no number of a group
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


class TooMuchWork(UserError):
    def __init__(self) -> None:
        super().__init__("What is looked for is too long or too complicated for a text as long as this one.")


def words_replacer(
    find: str, replacement: str, *, match_case: bool, whole_cell: bool, limit: TimeLimit | None = None
) -> Replacer:
    """Replaces each occurrence of `find`; or with `whole_cell` only a text that is nothing else. When it is called, it
    raises `TextTooLong`, `TooMuchWork` and `TooSlow`.
    """
    if not match_case:
        pattern = _compile(find, match_case=False, is_literal=True)
        if whole_cell:
            return lambda text: replacement if pattern.fullmatch(text) else text
        return _replacer(pattern, [replacement], limit or TimeLimit())

    def replace(text: str) -> str:
        if whole_cell:
            return replacement if text == find else text
        if len(replacement) > len(find):
            _ensure_short(len(text) + text.count(find) * (len(replacement) - len(find)))
        return text.replace(find, replacement)

    return replace


def regex_replacer(
    find: str, replacement: str, *, match_case: bool, whole_cell: bool, limit: TimeLimit | None = None
) -> Replacer:
    """`replacement` may name groups: `$1` or `\\1`, `$0` for all that was found. Raises `PatternRefused`; and when it
    is called, `TextTooLong`, `TooMuchWork` and `TooSlow`.
    """
    pattern = _compile(f"^(?:{find})$" if whole_cell else find, match_case=match_case)
    return _replacer(pattern, list(_template(replacement, pattern)), limit or TimeLimit())


def _replacer(pattern: Any, parts: Sequence[str | int], limit: TimeLimit) -> Replacer:
    """`parts` of what each match is replaced with: texts, and groups as their numbers."""

    def replace(text: str) -> str:
        _ensure_short(len(text))
        _ensure_feasible(pattern, text)
        limit.check()
        pieces, end, length = list[str](), 0, 0
        for match in pattern.finditer(text):
            limit.check()  # looking for one may take as long as reading the text
            start, stop = match.span()
            found = [part if isinstance(part, str) else match.group(part) or "" for part in parts]
            pieces += [text[end:start], *found]
            length += start - end + sum(map(len, found))
            _ensure_short(length)
            end = stop
        if not pieces:
            return text
        _ensure_short(length + len(text) - end)
        return "".join([*pieces, text[end:]])

    return replace


def _ensure_feasible(pattern: Any, text: str) -> None:
    """RE2's time is at most the product of both, and nobody looks at the clock meanwhile."""
    size = pattern.programsize
    if 4 * len(text) * size > _MAX_STEPS and len(text.encode()) * size > _MAX_STEPS:
        raise TooMuchWork


def _ensure_short(length: int) -> None:
    if length > MAX_TEXT:
        raise TextTooLong(length)


def _compile(pattern: str, *, match_case: bool, is_literal: bool = False) -> Any:
    if len(pattern) > MAX_PATTERN:
        raise PatternRefused(f"A regular expression can have at most {MAX_PATTERN:,} characters.")
    import re2  # with the first pattern: 1.5 MB

    options = re2.Options()
    options.log_errors = False  # texts of people do not belong into the log
    options.case_sensitive, options.literal, options.max_mem = match_case, is_literal, _MEMORY
    re2.purge()  # it would keep the last 128 of all people
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
    name = match["dollar"] or match["number"] or match["name"]
    if name.isdecimal() and len(name) < _DIGITS:
        group = int(name) if int(name) <= pattern.groups else None
    else:
        group = pattern.groupindex.get(name)
    if group is None:
        raise PatternRefused(
            f"The replacement names the group “{match[0]}”, which the expression does not have. Put the part that it"
            " stands for in brackets, or write $$ for a dollar sign."
        )
    return int(group)
