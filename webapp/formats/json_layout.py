"""Where the rows of a JSON file are: one object a line, items of an array, members of an object, or parallel arrays.

A file of one object is searched for the table in it: services wrap their rows into objects of many shapes.
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from webapp.formats.errors import ImportFileError
from webapp.formats.json_detection import BLANK, SUFFIXES, WHOLE_SAMPLE
from webapp.formats.json_text import JsonReader, decoder
from webapp.formats.source import JsonLayout, Remark

_SEPARATOR = "\x1e"  # may stand before each value (RFC 7464)
_SAMPLE_LINES = 50
_FEATURES, _PROPERTIES = "features", "properties"  # of GeoJSON (RFC 7946)
_MAX_LEVELS = 3  # of objects in which rows are looked for
_MAX_KEYS = 20_000  # different keys of members that are compared
_LISTED = 10
_MIN_SHARED = 0.5  # of the keys of all rows, those that a row has on average
# Members in which services put their rows: a single one, or a table without rows, is one only there.
_USUAL = {
    "content", "data", "docs", "documents", "edges", "elements", "entities", "entries", "features", "hits", "items",
    "list", "nodes", "objects", "observations", "payload", "records", "response", "result", "results", "rows",
    "table", "value", "values",
}  # fmt: skip
_TITLES = ("columns", "fields", "header", "headers", "column_names", "columnNames", "names")  # of rows that are arrays


@dataclass(slots=True)
class Arrangement:
    """Where the rows of a JSON file are, and what a person should know about that."""

    layout: JsonLayout = "lines"
    rows_at: str = ""  # the member with the rows
    rows_within: tuple[str, ...] = ()  # the objects around it, outermost first
    key_title: str = ""  # of the column that holds the keys of rows that are members of an object
    positional: bool = False  # rows are arrays
    names: list[str] = field(default_factory=list)  # of the columns of such rows, where the file has them elsewhere
    promoted: str = ""
    notes: list[Remark] = field(default_factory=list)


def arrange(path: Path, encoding: str, sample: str, filename: str) -> Arrangement:
    """Find the rows. Raises ImportFileError if there are none."""
    is_named_lines = filename.lower().endswith(SUFFIXES)
    kinds = _kinds_of_lines(sample)
    if len(kinds) > 1 and set(kinds) == {list}:
        return Arrangement("values", positional=True)
    if (kinds[:1] == [dict] and (len(kinds) > 1 or is_named_lines)) or kinds.count(dict) * 2 >= max(len(kinds), 3):
        return Arrangement("values" if _SEPARATOR in sample[:10] or _have_commas(sample) else "lines")
    with closing(JsonReader(path, encoding)) as reader:
        first = reader.peek(BLANK)
        if first == "[":
            return _arrange_array(path, encoding)
        if first != "{":
            return Arrangement()
        first_line = reader.line
        found = _Object(reader, ())
        is_on_one_line = reader.line == first_line
        if reader.peek(" \t\r\n,\x1e"):
            return Arrangement("lines" if is_on_one_line and reader.line > first_line else "values")
    table = found.table
    if table is None or is_named_lines:
        return Arrangement("values")
    return _described(table, found)


def _have_commas(sample: str) -> bool:
    """Whether a comma follows the objects on the lines, as in an array without its brackets."""
    lines = [line for line in sample.split("\n")[:_SAMPLE_LINES] if line.strip()]
    return len(lines) > 1 and lines[0].lstrip(BLANK).startswith("{") and lines[0].rstrip().endswith("},")


def _kinds_of_lines(sample: str) -> list[type]:
    """What each of the first lines is by itself: `dict`, `list`, another type, or None's if it is no value."""
    kinds: list[type] = []
    lines = sample.split("\n")
    has_commas = _have_commas(sample)
    if len(sample) >= WHOLE_SAMPLE and len(lines) > 1:
        lines.pop()  # it may be cut off
    for line in lines[:_SAMPLE_LINES]:
        if text := line.strip(BLANK):
            try:
                kinds.append(type(decoder.decode(text.removesuffix(",") if has_commas else text)))
            except (ValueError, RecursionError):
                kinds.append(type(None))
    return kinds


def _arrange_array(path: Path, encoding: str) -> Arrangement:
    with closing(JsonReader(path, encoding)) as reader:
        reader.peek(BLANK)
        kinds: list[type] = []
        second: list[type] = []  # the types of the items of the second item
        count = 0
        for item in reader.items():
            if type(item.value) not in kinds:
                kinds.append(type(item.value))
            if count == 1 and isinstance(item.value, list):
                second = [*{type(value) for value in item.value}]
            count += 1
        if reader.peek(" \t\r\n,\x1e"):
            if dict in kinds:
                raise reader.error("there is more after the end of the array")
            return Arrangement("values", positional=True)
    if kinds == [dict, list] and count == 2 and second == [dict]:  # as statistical services answer: what, and the rows
        note = Remark(
            "beside", "The rows are the second item of the file; the first, which describes them, is left out."
        )
        return Arrangement("second", notes=[note])
    if dict in kinds:
        return Arrangement("array")
    if list in kinds:
        return Arrangement("array", positional=True)
    if not count:
        raise ImportFileError("This JSON array is empty: there are no rows in it.")
    raise ImportFileError(
        "This JSON array holds no objects with keys and no rows, so it has no columns. A list of single values can be"
        " uploaded as a text file with one a line."
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows found in an object: `rows` of them, at `path`; those of an array of arrays are positional."""

    layout: JsonLayout
    path: tuple[str, ...]
    rows: int
    positional: bool = False
    width: int = 0  # of the widest row that is an array
    names: tuple[str, ...] = ()
    key_title: str = ""
    has_features: bool = False


class _Object:
    """An object of a file, whose brace is next: what its members are, and the largest table in it."""

    def __init__(self, reader: JsonReader, path: tuple[str, ...]) -> None:
        self.path = path
        self.keys: list[str] = []  # the first of them
        self.count = self.objects = self.flat_arrays = self.scalars = 0
        self.lengths: set[int] = set()
        self._arrays: list[_Table] = []
        self._nested: _Table | None = None
        self._inner: Counter[str] = Counter()  # keys of its members
        self._inner_count = 0
        self._are_numbered = True  # the keys of each member are 0, 1, 2, ...
        self.names: tuple[str, ...] = ()  # of columns, described here or further in
        self._described: list[_Table] = []  # what describes columns, and is the table only if nothing else is
        self._type: Any = None
        for key in reader.members():
            self.count += 1
            if len(self.keys) < _LISTED * 10:
                self.keys.append(key)
            self._add(reader, key)
        self.table = self._find()

    def _add(self, reader: JsonReader, key: str) -> None:
        match reader.peek():
            case "[":
                self._add_array(reader, key)
            case "{" if len(self.path) < _MAX_LEVELS:
                self._add_object(_Object(reader, (*self.path, key)))
            case "{":
                self.objects += 1
                value = reader.item().value
                self._count_inner(value if isinstance(value, dict) else {})
            case _:
                value = reader.item().value
                self.scalars += 1
                self._type = value if key == "type" else self._type

    def _add_array(self, reader: JsonReader, key: str) -> None:
        kinds: Counter[type] = Counter()
        names: list[str] = []
        width = 0
        for item in reader.items():
            kinds[type(item.value)] += 1
            if isinstance(item.value, list):
                width = max(width, len(item.value))
            elif key in _TITLES and len(names) < _MAX_KEYS and (name := _name(item.value)):
                names.append(name)
        rows, count = (*self.path, key), kinds.total()
        if names and len(names) == count and len(set(names)) == count:
            self.names = tuple(names)
        if kinds[dict]:
            has_features = key == _FEATURES and self._type == "FeatureCollection"
            table = _Table("member", rows, kinds[dict], has_features=has_features)
            (self._described if key in _TITLES else self._arrays).append(table)
        elif kinds[list]:
            self._arrays.append(_Table("member", rows, kinds[list], positional=True, width=width))
        else:
            self.flat_arrays += 1
            self.lengths.add(count)
            if not count and key in _USUAL:
                self._arrays.append(_Table("member", rows, 0))

    def _add_object(self, member: "_Object") -> None:
        self.objects += 1
        self._count_inner(member.keys)
        self.names = self.names or member.names
        found = member.table
        if found is not None and (self._nested is None or found.rows > self._nested.rows):
            self._nested = found

    def _count_inner(self, keys: Any) -> None:
        self._are_numbered = self._are_numbered and all(key == str(number) for number, key in enumerate(keys))
        if len(self._inner) < _MAX_KEYS:
            self._inner.update(keys)
            self._inner_count += 1

    def _find(self) -> _Table | None:
        records = [table for table in self._arrays or self._described if not table.positional]
        best = max(records, key=lambda table: (table.has_features, table.rows), default=None)
        if best is not None and (best.rows > 1 or best.has_features or (best.rows and best.path[-1] in _USUAL)):
            return best
        arrays = [table for table in self._arrays if table.positional]
        arrays = [table for table in arrays if table.path[-1] in _USUAL or table.width == len(self.names)]
        if arrays:
            longest = max(arrays, key=lambda table: table.rows)
            return replace(longest, names=self.names if len(self.names) == longest.width else ())
        if (not self.path or self.path[-1] in _USUAL) and (table := self._find_by_members()):
            return table
        if self._nested is not None:
            return self._nested
        return best if best is not None and not best.rows and not self.objects else None

    def _find_by_members(self) -> _Table | None:
        """The members themselves are columns, or rows with keys."""
        if self._arrays or self._described or self.scalars:
            return None
        if self.flat_arrays > 1 and not self.objects and len(self.lengths) == 1 and min(self.lengths) > 1:
            return _Table("columns", self.path, min(self.lengths))
        if self.objects < 2 or self.flat_arrays or not self._inner:
            return None
        share = self._inner.total() / (len(self._inner) * self._inner_count)
        if self._are_numbered and share == 1 and len(self._inner) > 1 and not all(map(str.isdigit, self.keys)):
            return _Table("columns", self.path, len(self._inner))
        if share <= _MIN_SHARED:
            return None
        titles = ("key", *(f"key {number}" for number in range(2, len(self._inner) + 3)))
        return _Table("keyed", self.path, self.objects, key_title=next(key for key in titles if key not in self._inner))


def _name(value: Any) -> str:
    """A title among others: a text, or the name of an object that describes a column."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("name", "id", "title", "label", "fieldName") if key in value), "")
    return value if type(value) is str else ""


def _described(table: _Table, found: _Object) -> Arrangement:
    path = table.path
    shown = ".".join(path)
    if not table.rows:
        raise ImportFileError(f"“{shown}” of this JSON file is empty: there are no rows in it.")
    text = {
        "member": f"The rows are the {table.rows:,} {'item' if table.rows == 1 else 'items'} of “{shown}”.",
        "keyed": f"The rows are the {table.rows:,} members of “{shown}”; “{table.key_title}” holds their keys."
        if path
        else f"The rows are the {table.rows:,} members of the object; “{table.key_title}” holds their keys.",
        "columns": "The columns are the members of " + (f"“{shown}”." if path else "the object."),
    }[table.layout]
    notes = [Remark("rows_at", text)]
    top = path[0] if path else ""
    others = [key for key in found.keys if key != top and not (table.has_features and key == "type")] if path else []
    if others:
        listed = ", ".join(f"“{key[:40]}”" for key in others[:_LISTED])
        more = " and more" if len(others) > _LISTED else ""
        notes.append(Remark("beside", f"Beside them the file has {listed}{more}, left out.", len(others)))
    is_member = table.layout == "member"
    return Arrangement(
        table.layout,
        path[-1] if is_member else "",
        path[:-1] if is_member else path,
        table.key_title,
        table.positional,
        list(table.names),
        _PROPERTIES if table.has_features else "",
        notes,
    )
