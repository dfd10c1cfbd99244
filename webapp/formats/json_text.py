"""Reads JSON values one by one from a text of any size: the items of an array, or values one after another.

The parser is the standard library's, which sees each number as it is written and two equal keys in an object; those
that stream (ijson) make numbers of the texts, and keep the last of the two. Memory is bounded by the largest item.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.formats.blocks import MAX_LINE
from webapp.formats.blocks import decoder as incremental_decoder
from webapp.formats.encoding import byte_order_mark
from webapp.formats.errors import ImportFileError

BLOCK = 1024 * 1024  # bytes
MAX_DEPTH = 500  # objects and arrays inside each other; less than Python's parser and SQLite's can take
SPACE = " \t\r\n"
_BETWEEN = SPACE + ",\x1e"  # between values: nothing, white space, commas, or record separators (RFC 7464)
_WORD = re.compile(r"[A-Za-z_$][\w$]{0,30}")
_NEAR_END = 16  # characters: an error this close to the end may be a value that is cut off


class Number(str):
    """A number, exactly as written in the file."""

    __slots__ = ()


class Constant(str):
    """NaN or Infinity, which are no JSON but are written by some programs."""

    __slots__ = ()


class DuplicateKey(ValueError):
    """The same key twice in an object: Python would silently keep the last of the two."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DuplicateKey
    return members


decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Constant)
_any_decoder = json.JSONDecoder(parse_int=Number, parse_float=Number)  # finds where an object with equal keys ends


@dataclass(slots=True)
class Item:
    """A value, or why it cannot be read (`reason`, the end of a sentence)."""

    line: int
    text: str
    value: Any = None
    reason: str = ""


class JsonReader:
    """A position in a JSON text. Methods raise ImportFileError, with the line, where it is not JSON."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._file = path.open("rb")
        mark, marked = byte_order_mark(self._file.read(4))
        self._file.seek(len(mark) if marked == encoding else 0)
        self._decoder = incremental_decoder(encoding)
        self._text, self._at, self._is_complete = "", 0, False
        self._line, self._counted = 1, 0

    def close(self) -> None:
        self._file.close()

    @property
    def bytes_read(self) -> int:
        return self._file.tell()

    @property
    def line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self, skipped: str = SPACE) -> str:
        """The next character that is not skipped; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in skipped:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_more():
                return ""

    def expect(self, character: str, where: str) -> None:
        found = self.peek()
        if found != character:
            raise self.error(f"there is {_shown(found)} {where}, where “{character}” should be")
        self._at += 1

    def item(self) -> Item:
        """The next value."""
        self.peek()
        line = self.line
        value, end, reason = self._decode()
        item = Item(line, self._text[self._at : end], value, reason)
        self._at = end
        return item

    def items(self) -> Iterator[Item]:
        """The items of an array, whose bracket is next."""
        self.expect("[", "at the beginning of the array")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            if self.peek() in ("]", ","):
                what = "a comma is followed by no item: delete it" if self.peek() == "]" else "there are two commas"
                raise self.error(what)
            yield self.item()
            if self.peek() == "]":
                self._at += 1
                return
            self.expect(",", "after an item of the array")

    def items_of_second(self) -> Iterator[Item]:
        """The items of an array that is the second of two items."""
        self.expect("[", "at the beginning of the array")
        self.skip()
        self.expect(",", "after an item of the array")
        yield from self.items()
        self.expect("]", "at the end of the array")

    def values(self) -> Iterator[Item]:
        """Values one after another."""
        while self.peek(_BETWEEN):
            yield self.item()

    def members(self) -> Iterator[str]:
        """The keys of an object, whose brace is next; the caller reads or skips each value before the next key."""
        self.expect("{", "at the beginning of the object")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                what = _odd(self._text, self._at) or f"there is {_shown(self.peek())} where a key in quotes should be"
                raise self.error(what)
            key = self.item().value
            self.expect(":", "after a key")
            yield str(key)
            if self.peek() == "}":
                self._at += 1
                return
            self.expect(",", "after a member of the object")

    def skip(self) -> None:
        """The next value; an array of any length."""
        if self.peek() == "[":
            for _ in self.items():
                pass
        else:
            self.item()

    def ensure_end(self) -> None:
        if found := self.peek():
            raise self.error(f"there is {_shown(found)} after the end of the table")

    def error(self, what: str) -> ImportFileError:
        if self.peek() == "":
            return ImportFileError(f"This JSON file ends in the middle, at line {self.line:,}. It may be incomplete.")
        return ImportFileError(f"This JSON file is not valid at line {self.line:,}: {what}.")

    def _decode(self) -> tuple[Any, int, str]:
        """The value, where it ends, and why it cannot be a row."""
        while True:
            try:
                value, end, reason = self._decode_waiting()
            except RecursionError:
                raise ImportFileError(f"Line {self.line:,} of this JSON file is nested too deeply.") from None
            except json.JSONDecodeError as error:
                is_cut = error.pos >= len(self._text) - _NEAR_END or error.msg.startswith("Unterminated string")
                if is_cut and self._read_more(twice=True):
                    continue
                raise self._invalid(error) from None
            if end < len(self._text) or not self._read_more(twice=True):
                return value, end, reason

    def _decode_waiting(self) -> tuple[Any, int, str]:
        """The same, of what has been read. An inner object may have equal keys before the end of the outer one is."""
        try:
            return *decoder.raw_decode(self._text, self._at), ""
        except DuplicateKey:
            return None, _any_decoder.raw_decode(self._text, self._at)[1], "has the same key twice in an object"

    def _invalid(self, error: json.JSONDecodeError) -> ImportFileError:
        if not self._text[error.pos :].strip() or error.msg.startswith("Unterminated string"):
            line = self.line + self._text.count("\n", self._at)
            return ImportFileError(f"This JSON file ends in the middle, at line {line:,}. It may be incomplete.")
        line = self.line + self._text.count("\n", self._at, error.pos)
        odd = _odd(self._text, error.pos) if error.msg.startswith(("Expecting", "Illegal trailing")) else ""
        what = odd or _MESSAGES.get(error.msg) or "it is written in another way than JSON is"
        return ImportFileError(f"This JSON file is not valid at line {line:,}: {what}.")

    def _read_more(self, *, twice: bool = False) -> bool:
        """Append what follows in the file; with `twice` as much as is waiting, so that long values cost no more."""
        if self._is_complete:
            return False
        waiting = len(self._text) - self._at
        if waiting > MAX_LINE:
            raise ImportFileError(
                f"An item at line {self.line:,} of this JSON file has more than {MAX_LINE // 1024 // 1024} million"
                " characters, which no row has. Is it a table at all?"
            )
        raw = self._file.read(max(BLOCK, waiting if twice else 0))
        self._line += self._text.count("\n", self._counted, self._at)
        self._text = self._text[self._at :] + self._decoder.decode(raw, not raw)
        self._at = self._counted = 0
        self._is_complete = not raw
        return True


_MESSAGES = {
    "Expecting value": "a value is missing, or is written in another way than JSON has",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing after a key",
    "Expecting property name enclosed in double quotes": "a key in double quotes is missing",
    "Extra data": "there is more text after a value",
    "Invalid control character at": "a text has a line break or a tab in it, which JSON writes as \\n and \\t",
    "Invalid \\escape": "a backslash is followed by another character than JSON has there; write it twice",
    "Invalid \\uXXXX escape": "\\u is not followed by four hexadecimal digits",
}


def _odd(text: str, at: int) -> str:
    """What is written at this position that is common, and no JSON; empty if it is something else."""
    following = text[at : at + 100].lstrip(SPACE + ",")
    before = text[max(0, at - 100) : at + 1].rstrip(SPACE + "}]")
    if following[:1] in ("}", "]") and before.endswith(","):
        return f"a comma is followed by no {'member' if following[0] == '}' else 'item'}: delete it"
    if following.startswith(("//", "/*", "#")):
        return "it has a comment, which JSON does not have: delete all comments"
    if following.startswith("'"):
        return "a text stands in single quotes, and JSON has only double ones: save it as JSON (in Python: json.dumps)"
    if word := _WORD.match(following):
        return f"“{word[0]}” stands without quotes: texts and keys need double ones, and nothing is written null"
    return ""


def _shown(character: str) -> str:
    return f"“{character}”" if character.isprintable() and character else "something else"
