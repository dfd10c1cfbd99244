"""OpenDocument spreadsheets (.ods, .ots, and .fods, which is not compressed): their cells as Python values.

Read here rather than by the reader of other workbooks, which leaves errors empty, joins the lines of a cell, and knows
neither hidden rows nor the zeros that a format shows. Source: OpenDocument 1.3 part 3, 9 (tables) and 6.1 (texts).
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from webapp.formats.blocks import MAX_LINE
from webapp.formats.errors import ImportFileError
from webapp.formats.opendocument_values import read_date, read_number, read_time
from webapp.formats.package import SheetFacts
from webapp.formats.source import MAX_COLUMNS, MAX_NAME, MAX_TABLES
from webapp.formats.xml_reader import XmlReader

_BLOCK = 256 * 1024
_MAX_ROWS = 16 * 1024 * 1024
_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
_PREFIXES = {
    f"{_NAMESPACE}table:1.0": "table",
    f"{_NAMESPACE}office:1.0": "office",
    f"{_NAMESPACE}text:1.0": "text",
    f"{_NAMESPACE}style:1.0": "style",
    "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0": "calcext",
}
_CELLS = ("table:table-cell", "table:covered-table-cell")
_EXTERNAL = re.compile(r"'file:.*'#\$")  # a copy of the sheet of another file that formulas refer to
_ERROR = re.compile(r"#[A-Z0-9/_]{2,20}[!?]?|Err:\d{3}")
_SPACE = re.compile(r"[ \t\r\n]+")


@dataclass(slots=True)
class Sheet:
    number: int  # in the file, from 1
    name: str
    is_hidden: bool = False
    rows: int = 0  # from the first to the last that is filled
    columns: int = 0
    wide_rows: int = 0  # with several filled cells
    filled_rows: int = 0
    facts: SheetFacts = field(default_factory=SheetFacts)


def sheets(path: Path) -> list[Sheet]:
    """All sheets, also those without cells. Raises ImportFileError."""
    reader = _Reader(0)
    for _ in _fed(path, reader):
        reader.ready.clear()
    return reader.sheets


def rows(path: Path, sheet: Sheet) -> Iterator[list[Any]]:
    """The rows of this sheet from the first to the last that is filled, each as wide as the sheet."""
    reader = _Reader(sheet.number)
    for _ in _fed(path, reader):
        for row in reader.ready:
            yield row + [""] * (sheet.columns - len(row))
        reader.ready.clear()


def _fed(path: Path, reader: "_Reader") -> Iterator[None]:
    with _contents(path) as file:
        while block := file.read(_BLOCK):
            reader.feed(block)
            yield
    reader.close()
    yield


@contextmanager
def _contents(path: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as plain:
            yield plain
        return
    with zipfile.ZipFile(path) as archive:
        with suppress(KeyError):
            if b"encryption-data" in archive.read("META-INF/manifest.xml"):
                raise ImportFileError(
                    "This OpenDocument file needs a password. Save it without one and upload it again."
                )
        with archive.open(posixpath.normpath("content.xml")) as file:
            yield file


class _Cell:
    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes
        self.lines: list[list[str]] = []
        self.length = 0

    def start_line(self) -> None:
        self._grow(1)
        self.lines.append([])

    def add(self, text: str) -> None:
        self._grow(len(text))
        self.lines[-1].append(text)

    def _grow(self, characters: int) -> None:
        self.length += characters
        if self.length > MAX_LINE:
            raise ImportFileError("A cell of this OpenDocument file has over 16 million characters.")

    @property
    def text(self) -> str:
        return "\n".join(_SPACE.sub(" ", "".join(line)).replace("\0", "\n") for line in self.lines).replace("\1", " ")


class _Reader(XmlReader):
    """Parses the contents as they come. The rows of the sheet with the number `wanted` (0: of none) wait in `ready`."""

    def __init__(self, wanted: int) -> None:
        super().__init__("OpenDocument file", "Save it anew, as .ods, .xlsx or CSV.")
        self.sheets: list[Sheet] = []
        self.ready: list[list[Any]] = []
        self._wanted = wanted
        self._path: list[str] = []
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._sheet: Sheet | None = None
        self._level = 0  # of the sheet's element
        self._number = 0
        self._row: list[Any] | None = None
        self._repeated = 1
        self._empty = 0  # rows since the last that is filled
        self._columns = 0
        self._cell: _Cell | None = None
        self._cell_level = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _short(name)
        self._path.append(tag)
        if self._cell is not None:
            self._start_in_cell(tag, attributes)
        elif tag in _CELLS and self._row is not None:
            self._cell, self._cell_level = _Cell(_named(attributes)), len(self._path)
        elif tag == "table:table-row" and self._sheet is not None:
            self._start_row(_named(attributes))
        elif tag == "table:table-column" and self._sheet is not None:
            self._add_columns(self._sheet, _named(attributes))
        elif tag == "table:table" and self._path[-2:-1] == ["office:spreadsheet"]:
            self._start_sheet(_named(attributes))
        elif tag == "style:style":
            self._style = _named(attributes).get("style:name", "")
        elif tag == "style:table-properties" and _named(attributes).get("table:display") == "false":
            self._hidden_styles.add(self._style)

    def _start_sheet(self, attributes: dict[str, str]) -> None:
        name = attributes.get("table:name", "")[:MAX_NAME]
        self._number += 1
        if self._number > MAX_TABLES:
            raise ImportFileError(f"This OpenDocument file has more than {MAX_TABLES:,} sheets.")
        is_hidden = attributes.get("table:style-name", "") in self._hidden_styles
        self._sheet = Sheet(self._number, name or f"Sheet {self._number}", is_hidden)
        self._level, self._empty, self._columns = len(self._path), 0, 0

    def _add_columns(self, sheet: Sheet, attributes: dict[str, str]) -> None:
        count = _count(attributes, "table:number-columns-repeated")
        if attributes.get("table:visibility") in ("collapse", "filter"):
            sheet.facts.hide_columns(self._columns, count)
        self._columns += count

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._row = []
        self._repeated = _count(attributes, "table:number-rows-repeated")
        self._is_hidden_row = attributes.get("table:visibility") in ("collapse", "filter")

    def _start_in_cell(self, tag: str, attributes: dict[str, str]) -> None:
        """Texts of comments and drawings stand deeper than those of the cell."""
        cell, depth = self._cell, len(self._path) - self._cell_level
        if cell is None or (tag == "text:p" and depth != 1):
            return
        if tag == "text:p":
            cell.start_line()
        elif self._path[self._cell_level : self._cell_level + 1] == ["text:p"]:
            if tag == "text:s":
                cell.add("\1" * min(_count(_named(attributes), "text:c"), 1000))
            elif tag in ("text:tab", "text:line-break"):
                cell.add("\t" if tag == "text:tab" else "\0")

    def _characters(self, data: str) -> None:
        if self._cell is None or "text:ruby-text" in self._path:
            return
        if self._path[self._cell_level : self._cell_level + 1] == ["text:p"] and "office:annotation" not in self._path:
            self._cell.add(data)

    def _end(self, name: str) -> None:
        tag = self._path.pop()
        if self._cell is not None:
            if tag in _CELLS and len(self._path) < self._cell_level:
                self._end_cell(self._cell)
                self._cell = None
        elif tag == "table:table-row" and self._row is not None:
            self._end_row(self._row)
            self._row = None
        elif tag == "table:table" and self._sheet is not None and len(self._path) < self._level:
            self._end_sheet(self._sheet)
            self._sheet = None

    def _end_cell(self, cell: _Cell) -> None:
        if self._row is None or self._sheet is None:
            return
        value = _value(cell, self._sheet.facts, self._repeated)
        count = _count(cell.attributes, "table:number-columns-repeated")
        is_merged = any(_count(cell.attributes, f"table:number-{what}-spanned") > 1 for what in ("columns", "rows"))
        self._sheet.facts.merged += is_merged
        if value != "" and len(self._row) + count > MAX_COLUMNS:
            raise ImportFileError(f"A row of this file has more than {MAX_COLUMNS:,} cells, which no table has.")
        self._row += [value] * min(count, MAX_COLUMNS - len(self._row))

    def _end_row(self, row: list[Any]) -> None:
        sheet = self._sheet
        while row and row[-1] == "":
            row.pop()
        if not row or sheet is None:
            self._empty += self._repeated
            return
        empty = self._empty if sheet.rows else 0
        self._empty = 0
        sheet.rows += empty + self._repeated
        sheet.columns = max(sheet.columns, len(row))
        sheet.filled_rows += self._repeated
        sheet.wide_rows += self._repeated if sum(cell != "" for cell in row) > 1 else 0
        sheet.facts.hidden_rows += self._repeated if self._is_hidden_row else 0
        if sheet.rows > _MAX_ROWS:
            raise ImportFileError(
                f"The sheet “{sheet.name}” has more than {_MAX_ROWS:,} rows, almost all of them empty."
            )
        if sheet.number == self._wanted:
            self.ready += [[]] * empty + [row] * self._repeated

    def _end_sheet(self, sheet: Sheet) -> None:
        if not _EXTERNAL.match(sheet.name):
            self.sheets.append(sheet)


def _short(name: str) -> str:
    space, _, tag = name.rpartition(" ")
    return f"{_PREFIXES.get(space, '')}:{tag}"


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {_short(name): value for name, value in attributes.items()}


def _count(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _value(cell: _Cell, facts: SheetFacts, rows: int) -> Any:
    """What is in the cell: a text, a number, a day, ...; an empty text if nothing. `rows` have it."""
    attributes, text = cell.attributes, cell.text
    kind = attributes.get("office:value-type", "")
    is_formula = "table:formula" in attributes
    if attributes.get("calcext:value-type") == "error" or (is_formula and _ERROR.fullmatch(text)):
        facts.errors += rows
        return text or "#VALUE!"
    if is_formula and not text and not kind:
        facts.formulas_without_value += rows
    value: Any = None
    if kind in ("float", "percentage", "currency"):
        value = read_number(attributes.get("office:value", ""), text)
    elif kind == "date":
        value = read_date(attributes.get("office:date-value", ""))
    elif kind == "time":
        value = read_time(attributes.get("office:time-value", ""))
    elif kind == "boolean":
        value = {"true": True, "false": False}.get(attributes.get("office:boolean-value", ""))
    elif kind == "string":
        value = attributes.get("office:string-value") or None
    return value if value is not None else text
