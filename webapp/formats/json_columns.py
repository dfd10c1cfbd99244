"""What columns the objects of a JSON file make, and how each cell is written so that an export gives back what came in.

A cell is a text, but in JSON `5` is not `"5"`, and null, a missing key and `""` are three things. A column of strings
has the strings as its cells, a column of anything else the JSON of its values. Where both kinds meet, or more than one
kind of emptiness, the column is *mixed*: its cells are JSON, and strings stand without quotes unless they would read
as JSON themselves. Which kind a column is, and what its empty cells are, is stored with it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.formats.errors import ImportFileError
from webapp.formats.json_text import MAX_DEPTH, SPACE, Constant, DuplicateKey, Number, decoder
from webapp.formats.source import MAX_COLUMNS

JSON = "json"  # the key under which a column's format holds its `JsonColumn`
MAX_NESTED = 4  # levels of objects whose members become columns of their own
MAX_MEMBERS = 200  # of such an object; one of more is a dictionary, not a record
_MAX_FLAT = 500  # columns, nested ones too; where there would be more, nested objects stay JSON
_MAX_SHAPES = 10_000  # of objects, remembered
_FIRST_OF_JSON = frozenset('-0123456789tfn"{[')

# What is in a column, as flags.
_STRING, _OTHER, _OBJECT, _NULL, _EMPTY = 1, 2, 4, 8, 16
_FLAG: dict[type, int] = {str: _STRING, Constant: _STRING, dict: _OBJECT, type(None): _NULL}

_MISSING: Any = object()


def source_of(format: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a column's format that says where its cells were in JSON: it stays whatever the type becomes."""
    return {JSON: format[JSON]} if JSON in format else {}


@dataclass(slots=True)
class Member:
    """A key of the objects, and everything seen below it."""

    key: str
    flags: int = 0
    count: int = 0  # of objects with the key
    nulls: int = 0
    empties: int = 0  # empty strings
    members: dict[str, "Member"] = field(default_factory=dict)


class Survey:
    """Sees all objects, then says which columns they make."""

    def __init__(self) -> None:
        self.root = Member("")
        self._shapes: dict[tuple[tuple[str, ...], tuple[type, ...]], int] = {}
        self._nested = 0  # members of nested objects

    def add(self, members: Mapping[str, Any]) -> None:
        """Objects of the same shape, without empty strings, are counted only: most files have few shapes."""
        values = members.values()
        shape = (tuple(members), tuple(map(type, values)))
        known = self._shapes.get(shape)
        if known is not None and "" not in values:
            self._shapes[shape] = known + 1
            return
        self._count(self.root, members, 1, 1)
        if len(self._shapes) < _MAX_SHAPES and dict not in shape[1]:
            self._shapes.setdefault(shape, 0)
        self._ensure_few(self.root.members)

    def columns(self, promoted: str = "") -> list["JsonColumn"]:
        """`promoted` is an object whose members are columns by their own names. Raises ImportFileError."""
        for (keys, types), count in self._shapes.items():
            self.root.count += count
            for key, type_ in zip(keys, types, strict=True):
                member = self.root.members[key]
                member.count += count
                member.nulls += count if type_ is type(None) else 0
        self._shapes.clear()
        columns = list(self._below(self.root, (), (), nested=True, promoted=promoted))
        if len(columns) > max(_MAX_FLAT, len(self.root.members)):
            columns = list(self._below(self.root, (), (), nested=False, promoted=""))
        return columns

    def _count(self, parent: Member, members: Mapping[str, Any], count: int, depth: int) -> None:
        parent.count += count
        for key, value in members.items():
            member = parent.members.get(key)
            if member is None:
                member = parent.members[key] = Member(key)
                self._nested += depth > 1
            flag = _FLAG.get(type(value), _OTHER)
            member.flags |= flag
            if flag == _OBJECT:
                is_record = 0 < len(value) <= MAX_MEMBERS  # a dictionary may have millions, which are not remembered
                if (
                    is_record
                    and depth <= MAX_NESTED
                    and len(member.members) <= MAX_MEMBERS
                    and self._nested < MAX_COLUMNS
                ):
                    self._count(member, value, count, depth + 1)
                    continue
                member.flags |= _EMPTY  # it has no members that are columns
            elif flag == _NULL:
                member.nulls += count
            elif flag == _STRING and not value:
                member.empties += count
            member.count += count

    def _ensure_few(self, members: Mapping[str, Member]) -> None:
        if len(members) > MAX_COLUMNS:
            raise ImportFileError(
                f"The objects have more than {MAX_COLUMNS:,} different keys, and each would be a column."
                f" A table here has at most {MAX_COLUMNS:,}."
            )

    def _below(
        self, parent: Member, path: tuple[str, ...], absent: tuple[str, ...], *, nested: bool, promoted: str
    ) -> Iterable["JsonColumn"]:
        rows = self.root.count
        for member in parent.members.values():
            inner = (*path, member.key)
            is_record = not promoted or bool(path) or member.key == promoted  # of GeoJSON, the properties only
            if nested and is_record and self._is_group(member):
                kind = "null" if member.nulls else "missing"
                yield from self._below(member, inner, (*absent, kind), nested=True, promoted=promoted)
                continue
            yield _column(member, rows, inner, absent, promoted)

    def _is_group(self, member: Member) -> bool:
        """Whether all of its values are objects with members; where some are null, it must never be missing too."""
        if member.flags & ~_NULL != _OBJECT or not member.members or len(member.members) > MAX_MEMBERS:
            return False
        return not member.nulls or member.count == self.root.count


@dataclass(frozen=True, slots=True)
class JsonColumn:
    """Where the cells of a column are in an object, and how they are written: plain data, stored as JSON.

    `kind` is "string", "other" or "mixed"; `empty` what an empty cell is: "null", "missing" or "string"; `absent` what
    each object on the path is where it has no members, "null" or "missing".
    """

    path: tuple[str, ...]
    kind: str = "mixed"
    empty: str = "null"
    absent: tuple[str, ...] = ()
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "path": list(self.path),
            "kind": self.kind,
            "empty": self.empty,
            "absent": list(self.absent),
            "title": self.title,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "JsonColumn":
        return cls(**{**data, "path": tuple(data["path"]), "absent": tuple(data["absent"])})

    @property
    def cell(self) -> Callable[[Any], str]:
        """Writes a value, or `missing`, as a cell. Raises ValueError with the end of a sentence."""
        if self.kind != "mixed":
            return plain_cell
        return _MIXED[self.empty]


def plain_cell(value: Any) -> str:
    """A string as it is, anything else as JSON, with numbers unchanged; nothing for null and what is missing."""
    if isinstance(value, str):
        return str(value)
    if value is None or value is _MISSING:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    try:
        text = _dump(value)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("is nested too deeply")
    return text


def _mixed_cell(empty: str) -> Callable[[Any], str]:
    def cell(value: Any) -> str:
        if value is _MISSING:
            return ""
        if value is None:
            return "" if empty == "null" else "null"
        if isinstance(value, Number) or not isinstance(value, str):
            return plain_cell(value)
        if value == "" and empty == "string":
            return ""
        return json.dumps(value, ensure_ascii=False) if _reads_as_json(value) else str(value)

    return cell


_MIXED = {empty: _mixed_cell(empty) for empty in ("null", "missing", "string")}


def _reads_as_json(text: str) -> bool:
    """Whether a string without its quotes would be taken for a value, by this parser or by the database's."""
    bare = text.strip()
    if not bare or "\0" in text:
        return True
    if bare[0] not in _FIRST_OF_JSON:
        return False
    if bare[0] == '"':
        return True
    try:
        json.loads(bare)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def members_at(value: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The value at the path, or `missing`."""
    for key in path:
        if not isinstance(value, dict):
            return _MISSING
        value = value.get(key, _MISSING)
    return value


def parse_line(text: str) -> Mapping[str, Any]:
    """The object on a line. Raises ValueError with the end of a sentence that starts with the line number."""
    try:
        # `decode` looks for white space on both sides with regular expressions, which takes a third of its time.
        text = text.strip(SPACE)
        members, end = decoder.raw_decode(text)
        if end != len(text):
            raise ValueError
    except DuplicateKey:
        raise ValueError("has the same key twice in an object") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("is not valid JSON") from None
    if not isinstance(members, dict):
        raise ValueError("is JSON but not an object with keys")
    return members


def _column(member: Member, rows: int, path: tuple[str, ...], absent: tuple[str, ...], promoted: str) -> JsonColumn:
    missing = rows - member.count
    voids = {"missing": missing, "null": member.nulls, "string": member.empties}
    kinds = [name for name, count in voids.items() if count]
    empty = "missing" if missing else max(kinds, key=voids.__getitem__, default="null")
    has_strings = bool(member.flags & _STRING) and member.empties < member.count - member.nulls
    has_others = bool(member.flags & (_OTHER | _OBJECT))
    kind = "mixed" if len(kinds) > 1 or (has_strings and has_others) else "other" if has_others else "string"
    shown = path[1:] if path[0] == promoted and len(path) > 1 else path
    return JsonColumn(path, kind, empty, absent, ".".join(shown))


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
    return depth


def _dump(value: Any) -> str:
    """Back to JSON, with numbers unchanged."""
    if isinstance(value, dict):
        members = (f"{json.dumps(key, ensure_ascii=False)}:{_dump(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
