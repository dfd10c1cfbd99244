"""JSON: a row is an object, wherever the objects are. NDJSON has one a line; other files an array of them, or one after
another. The columns are the keys of all objects, in order of first appearance.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from webapp.formats import titles
from webapp.formats.blocks import is_damaged, read_blocks
from webapp.formats.errors import ImportFileError
from webapp.formats.json_columns import JsonColumn, Survey, members_at, parse_line, plain_cell
from webapp.formats.json_text import Item, JsonReader
from webapp.formats.source import Account, Batch, ReadOptions, Reject, Row, in_batches

_ITEMS = 1000  # rows read at a time
_PROPERTIES = "properties"  # of a feature of GeoJSON (RFC 7946)
_MAX_PARALLEL = 5_000_000  # values of columns that stand one after another: all of them are in memory


class JsonSource:
    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path, self._options = path, options
        if options.members is not None:
            self._columns = [JsonColumn.from_json(member) for member in options.members]
        elif options.keys is not None:  # inspected by an older version
            self._columns = [JsonColumn((key,), kind="string", title=key) for key in options.keys]
        else:
            self._columns = find_columns(path, options)
        self._is_flat = all(len(column.path) == 1 and column.kind != "mixed" for column in self._columns)
        self._keys = [column.path[0] for column in self._columns]
        self._cells = [(column.path, column.cell) for column in self._columns]
        self.titles = titles.clean([column.title for column in self._columns])
        self.account = Account()

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        return in_batches(self._parts(), size, len(self.titles))

    def _parts(self) -> Iterator[Batch]:
        if self._options.json_layout == "lines" and self._is_flat:
            yield from self._plain_lines()
            return
        for items, bytes_read in _read_items(self._path, self._options):
            batch = Batch([], [], bytes_read)
            for item in items:
                self._add(item, batch)
            yield batch

    def _plain_lines(self) -> Iterator[Batch]:
        """Usual NDJSON, of which there may be a million lines: a row is made at once of what is parsed."""
        keys = self._keys
        for first, lines, bytes_read, may_be_damaged in _read_lines(self._path, self._options.encoding):
            batch = Batch([], [], bytes_read)
            rows = batch.rows
            for line, text in enumerate(lines, first):
                if may_be_damaged or "\\u" in text or not text.strip():
                    if text.strip():
                        self._add(_line(line, text, may_be_damaged), batch)
                    continue
                try:
                    get = parse_line(text).get
                    rows.append([plain_cell(get(key)) for key in keys])
                except ValueError as error:
                    batch.rejected.append(_rejected(line, text, error))
            yield batch

    def _add(self, item: Item, batch: Batch) -> None:
        try:
            batch.rows.append(self._row(item))
        except ValueError as error:
            batch.rejected.append(_rejected(item.line, item.text, error))

    def _row(self, item: Item) -> Row:
        members = _members(item, self._keys if self._options.positional else None)
        row = [cell(members_at(members, path)) for path, cell in self._cells]
        if "\\u" in item.text and any(map(is_damaged, [*members, *row])):
            raise ValueError("holds half a character (a lone surrogate)")
        return row


def find_columns(path: Path, options: ReadOptions, names: Sequence[str] | None = None) -> list[JsonColumn]:
    """The columns of all objects. `names` are those of rows that are arrays, where the file has them elsewhere.

    Raises ImportFileError.
    """
    survey = Survey()
    for items, _ in _read_items(path, options, with_titles=True):
        for item in items:
            if options.positional and names is None:
                names = _names(item, options)
                if options.header:
                    continue
            try:
                survey.add(_members(item, names))
            except ValueError:
                continue
    columns = survey.columns(_PROPERTIES if options.promoted else "")
    readable = [
        column for column in columns if not any(map(is_damaged, column.path))
    ]  # lines with other keys: rejected
    if options.promoted:
        readable = [column for column in readable if column.path != ("type",)]
    if not readable:
        raise ImportFileError("Nothing in this JSON file is an object with keys, so it has no columns.")
    return readable


def _names(item: Item, options: ReadOptions) -> list[str]:
    """Names of the columns of rows that are arrays."""
    cells = item.value if isinstance(item.value, list) else []
    if options.header:
        return titles.clean([str(cell) for cell in cells])
    return [f"column {number}" for number in range(1, len(cells) + 1)]


def has_titles(path: Path, options: ReadOptions) -> bool:
    """Whether the first of rows that are arrays holds titles: texts only, and different ones."""
    for items, _ in _read_items(path, options, with_titles=True):
        for item in items:
            cells = item.value
            return (
                isinstance(cells, list)
                and bool(cells)
                and all(type(cell) is str and cell for cell in cells)
                and len(set(cells)) == len(cells)
            )
    return False


def _members(item: Item, names: Sequence[str] | None) -> Mapping[str, Any]:
    """The object of a row. Raises ValueError with the end of a sentence that starts with the line."""
    if item.reason:
        raise ValueError(item.reason)
    value = item.value
    if names is not None:
        if not isinstance(value, list):
            raise ValueError("is not an array like the other rows")
        if len(value) > len(names):
            raise ValueError(f"has {len(value):,} items, the table has {len(names):,} columns")
        return dict(zip(names, value, strict=False))
    if not isinstance(value, dict):
        raise ValueError("is JSON but not an object with keys")
    return value


def _read_items(path: Path, options: ReadOptions, *, with_titles: bool = False) -> Iterator[tuple[list[Item], int]]:
    """The items of a file, and the bytes read so far."""
    if options.json_layout == "lines":
        for first, lines, bytes_read, may_be_damaged in _read_lines(path, options.encoding):
            yield (
                [_line(line, text, may_be_damaged) for line, text in enumerate(lines, first) if text.strip()],
                bytes_read,
            )
        return
    skip = options.positional and options.header and not with_titles
    with closing(JsonReader(path, options.encoding)) as reader:
        items: list[Item] = []
        for item in _items(reader, options):
            if skip:
                skip = False
                continue
            if not item.text.isascii() and is_damaged(item.text):
                item.reason = "holds bytes that are not text in this encoding"
            items.append(item)
            if len(items) >= _ITEMS:
                yield items, reader.bytes_read
                items = []
        yield items, reader.bytes_read


def _items(reader: JsonReader, options: ReadOptions) -> Iterable[Item]:
    reader.peek("\ufeff\x1e \t\r\n")
    if options.json_layout == "values":
        yield from reader.values()
        return
    if options.json_layout == "array":
        yield from reader.items()
    elif options.json_layout == "second":
        yield from reader.items_of_second()
    else:
        yield from _items_within(reader, options.rows_within, options)
    reader.ensure_end()


def _items_within(reader: JsonReader, within: Sequence[str], options: ReadOptions) -> Iterator[Item]:
    """The rows in the object that comes next, which may be in objects inside it."""
    if not within and options.json_layout == "columns":
        yield from _parallel(reader)
        return
    for key in reader.members():
        if within and key == within[0]:
            yield from _items_within(reader, within[1:], options)
        elif within:
            reader.skip()
        elif options.json_layout == "keyed":
            item = reader.item()
            if isinstance(item.value, dict):
                item.value = {options.key_title: key, **item.value}
            yield item
        elif key == options.rows_at:
            yield from reader.items()
        else:
            reader.skip()


def _parallel(reader: JsonReader) -> Iterator[Item]:
    """Rows of which each member of the object holds one value: in an array, or under the numbers of the rows."""
    columns: dict[str, list[Item]] = {}
    count = 0
    for key in reader.members():
        values = columns[key] = []
        for item in reader.items() if reader.peek() == "[" else (reader.item() for _ in reader.members()):
            values.append(item)
            count += 1
            if count > _MAX_PARALLEL:
                raise ImportFileError(
                    f"The columns of this JSON file stand one after another, and are more than {_MAX_PARALLEL:,}"
                    " values. Save it with one object a row (in pandas: orient='records'), or as CSV."
                )
    for items in zip(*columns.values(), strict=False):
        row = {key: item.value for key, item in zip(columns, items, strict=True)}
        reason = next((item.reason for item in items if item.reason), "")
        yield Item(items[0].line, ", ".join(item.text for item in items), row, reason)


def _read_lines(path: Path, encoding: str) -> Iterator[tuple[int, Sequence[str], int, bool]]:
    """Yield the number of the first line, the lines, the bytes read so far, and whether some may be undecodable.

    Lines of NDJSON end with \\n. A \\r before it, or anywhere between two values, is white space of JSON's.
    """
    line = 1
    with path.open("rb") as file:
        for block in read_blocks(file, encoding, lone_cr=False):
            lines = block.text.split("\n")
            if lines[-1] == "":
                lines.pop()
            yield line, lines, block.bytes_read, block.is_damaged
            line += len(lines)


def _rejected(line: int, text: str, error: ValueError) -> Reject:
    return Reject(line, f"Line {line:,} {error}.", [text.rstrip("\r")])


def _line(number: int, text: str, may_be_damaged: bool) -> Item:
    if may_be_damaged and is_damaged(text):
        return Item(number, text, None, "holds bytes that are not text in this encoding")
    try:
        return Item(number, text, parse_line(text))
    except ValueError as error:
        return Item(number, text, None, str(error))
