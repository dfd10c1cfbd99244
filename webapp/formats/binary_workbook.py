"""The cells of .xls and .xlsb workbooks that their reader leaves empty or shows without zeros, as texts.

The reader knows no errors in them and no number formats but those of dates. The records are walked through once, for
these cells and for what is hidden and merged; all other values are its own. Sources: [MS-XLS] 2.4 (records), [MS-XLSB]
2.3.
"""

import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from webapp.formats import number_format
from webapp.formats.compound_file import UnknownStructureError, workbook_stream
from webapp.formats.package import MAX_DIRECTORY_PART, SheetFacts

_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
_MAX_TEXTS = 2_000_000  # cells that are told apart; more are left to the reader
_MAX_SHEET = 1024 * 1024 * 1024  # bytes of a part of .xlsb
_NO_TEXT = 0xFFFFFFFF  # instead of a length

Records = Iterator[tuple[int, bytes]]


@dataclass(slots=True)
class SheetCells:
    """`texts` are by row and column, from 0."""

    facts: SheetFacts = field(default_factory=SheetFacts)
    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    formulas: int = 0
    empty_formulas: int = 0  # whose stored value is an empty text
    count: int = 0

    def put(self, row: int, column: int, text: str) -> None:
        self.count += 1
        if self.count <= _MAX_TEXTS:
            self.texts.setdefault(row, {})[column] = text

    def put_error(self, row: int, column: int, code: int) -> None:
        self.facts.errors += 1
        self.put(row, column, _ERRORS.get(code, "#N/A"))

    def finish(self) -> None:
        """Some formulas have an empty text as their value; where all have, nobody has calculated them."""
        if self.formulas and self.formulas == self.empty_formulas:
            self.facts.formulas_without_value = self.formulas


def cells(path: Path, kind: Literal["xls", "xlsb"], index: int, count: int) -> SheetCells:
    """Of the worksheet with this index, of `count` in all. Raises UnknownStructureError."""
    try:
        return _cells_of_xls(path, index, count) if kind == "xls" else _cells_of_xlsb(path, index, count)
    except (struct.error, IndexError, KeyError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise UnknownStructureError(str(error)) from error


class _Formats:
    """Which cell formats show zeros in front of numbers."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._cell_formats: list[int] = []

    def add_code(self, number: int, code: str) -> None:
        self._codes[number] = code

    def add_cell_format(self, number: int) -> None:
        self._cell_formats.append(number)

    def zeros(self) -> dict[int, str]:
        """The codes by the index of the cell format."""
        return {
            index: self._codes[number]
            for index, number in enumerate(self._cell_formats)
            if number in self._codes and number_format.kind(number, self._codes[number]) == "zeros"
        }


class _Sheet:
    def __init__(self, zeros: dict[int, str]) -> None:
        self.cells = SheetCells()
        self._zeros = zeros

    def number(self, row: int, column: int, style: int, value: float) -> None:
        code = self._zeros.get(style)
        text = number_format.with_zeros(repr(value), code) if code else None
        if text is not None:
            self.cells.put(row, column, text)


def _rk(number: int) -> float:
    """A number in 30 bits ([MS-XLS] 2.5.122): an integer or the first half of a double, perhaps in hundredths."""
    if number & 2:
        value: float = struct.unpack("<i", struct.pack("<I", number))[0] >> 2
    else:
        (value,) = struct.unpack("<d", struct.pack("<II", 0, number & 0xFFFFFFFC))
    return value / 100 if number & 1 else value


# .xls


def _records(stream: bytes, at: int) -> Records:
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _cells_of_xls(path: Path, index: int, count: int) -> SheetCells:
    stream = workbook_stream(path.read_bytes())
    formats, starts, is_8 = _Formats(), [], True
    for kind, data in _records(stream, 0):
        if kind == 0x0809:
            is_8 = struct.unpack_from("<H", data)[0] == 0x0600
        elif kind == 0x0085 and data[5] == 0:  # a worksheet, not a chart
            starts.append(struct.unpack_from("<I", data)[0])
        elif kind == 0x041E:
            number = struct.unpack_from("<H", data)[0]
            formats.add_code(number, _text_of_8(data[2:]) if is_8 else data[3 : 3 + data[2]].decode("latin-1"))
        elif kind == 0x00E0:
            formats.add_cell_format(struct.unpack_from("<H", data, 2)[0])
        elif kind == 0x000A:
            break
    _ensure_count(starts, count)
    return _sheet_of_xls(_records(stream, starts[index]), formats.zeros())


def _text_of_8(data: bytes) -> str:
    length, flags = struct.unpack_from("<HB", data)
    return data[3 : 3 + 2 * length].decode("utf-16-le") if flags & 1 else data[3 : 3 + length].decode("latin-1")


def _sheet_of_xls(records: Records, zeros: dict[int, str]) -> SheetCells:
    sheet, depth = _Sheet(zeros), 0
    found = sheet.cells
    for kind, data in records:
        if kind == 0x0809:
            depth += 1
        elif kind == 0x000A:
            depth -= 1
            if not depth:
                break
        elif depth == 1:
            _add_record(sheet, kind, data)
    found.finish()
    return found


def _add_record(sheet: _Sheet, kind: int, data: bytes) -> None:
    found = sheet.cells
    if kind in (0x0205, 0x0203, 0x027E, 0x0006):
        row, column, style = struct.unpack_from("<HHH", data)
    if kind == 0x0205:
        if data[7]:
            found.put_error(row, column, data[6])
    elif kind == 0x0203:
        sheet.number(row, column, style, struct.unpack_from("<d", data, 6)[0])
    elif kind == 0x027E:
        sheet.number(row, column, style, _rk(struct.unpack_from("<I", data, 6)[0]))
    elif kind == 0x00BD:
        row, column = struct.unpack_from("<HH", data)
        for offset, at in enumerate(range(4, len(data) - 7, 6)):
            style, number = struct.unpack_from("<HI", data, at)
            sheet.number(row, column + offset, style, _rk(number))
    elif kind == 0x0006:
        found.formulas += 1
        if data[12:14] != b"\xff\xff":
            sheet.number(row, column, style, struct.unpack_from("<d", data, 6)[0])
        elif data[6] == 2:
            found.put_error(row, column, data[8])
        else:
            found.empty_formulas += data[6] == 3
    elif kind == 0x0208:
        found.facts.hidden_rows += bool(struct.unpack_from("<H", data, 12)[0] & 0x20)
    elif kind == 0x007D and struct.unpack_from("<H", data, 8)[0] & 1:
        first, last = struct.unpack_from("<HH", data)
        found.facts.hide_columns(first, last - first + 1)
    elif kind == 0x00E5:
        found.facts.merged += struct.unpack_from("<H", data)[0]


# .xlsb


def _binary_records(data: bytes) -> Records:
    """Numbers and lengths of records are written in groups of 7 bits ([MS-XLSB] 2.1.4)."""
    at = 0
    while at < len(data):
        kind = data[at] & 0x7F
        if data[at] & 0x80:
            at += 1
            kind |= (data[at] & 0x7F) << 7
        at += 1
        length = shift = 0
        while True:
            length |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80 or shift > 21:
                break
        yield kind, data[at : at + length]
        at += length


def _wide(data: bytes, at: int) -> tuple[str, int]:
    """A text, and where it ends."""
    length = struct.unpack_from("<I", data, at)[0]
    end = at + 4 + (2 * length if length != _NO_TEXT else 0)
    return data[at + 4 : end].decode("utf-16-le", "replace"), end


def _cells_of_xlsb(path: Path, index: int, count: int) -> SheetCells:
    with zipfile.ZipFile(path) as archive:
        names = {name.replace("\\", "/").lstrip("/").lower(): name for name in archive.namelist()}

        def part(name: str, limit: int = MAX_DIRECTORY_PART) -> bytes:
            info = archive.getinfo(names[name.lower()])
            if info.file_size > limit:
                raise UnknownStructureError("a part that is too large to be held in memory")
            with archive.open(info) as file:
                return file.read()

        zeros = _formats_of_xlsb(part("xl/styles.bin")).zeros()
        relations = part("xl/_rels/workbook.bin.rels").decode("utf-8", "replace")
        targets = {}
        for element in re.findall(r"<\w*:?Relationship\s[^>]*>", relations):
            values = dict(re.findall(r"(\w+)\s*=\s*[\"']([^\"']*)", element))
            targets[values.get("Id", "")] = values.get("Target", "")
        sheets = []
        for kind, data in _binary_records(part("xl/workbook.bin")):
            if kind == 156:
                relation, _ = _wide(data, 8)
                target = posixpath.normpath(posixpath.join("/xl", targets[relation])).lstrip("/")
                if "worksheets/" in target.lower():
                    sheets.append(target)
        _ensure_count(sheets, count)
        return _sheet_of_xlsb(_binary_records(part(sheets[index], _MAX_SHEET)), zeros)


def _ensure_count(sheets: Sequence[object], count: int) -> None:
    if len(sheets) != count:
        raise UnknownStructureError("other sheets than the reader finds")


def _formats_of_xlsb(data: bytes) -> _Formats:
    formats, is_cells = _Formats(), False
    for kind, record in _binary_records(data):
        if kind == 44:
            formats.add_code(struct.unpack_from("<H", record)[0], _wide(record, 2)[0])
        elif kind in (617, 618):
            is_cells = kind == 617
        elif kind == 47 and is_cells:
            formats.add_cell_format(struct.unpack_from("<H", record, 2)[0])
    return formats


def _sheet_of_xlsb(records: Records, zeros: dict[int, str]) -> SheetCells:
    sheet, row = _Sheet(zeros), 0
    found = sheet.cells
    for kind, data in records:
        if kind == 0:
            row = struct.unpack_from("<I", data)[0]
            found.facts.hidden_rows += bool(data[11] & 0x10)
        elif kind in (2, 3, 5, 9, 11):
            column, style = struct.unpack_from("<II", data)
            style &= 0xFFFFFF
            if kind in (3, 11):
                found.put_error(row, column, data[8])
            elif kind == 2:
                sheet.number(row, column, style, _rk(struct.unpack_from("<I", data, 8)[0]))
            else:
                sheet.number(row, column, style, struct.unpack_from("<d", data, 8)[0])
        elif kind == 60 and struct.unpack_from("<H", data, 16)[0] & 1:
            first, last = struct.unpack_from("<II", data)
            found.facts.hide_columns(first, last - first + 1)
        elif kind == 176:
            found.facts.merged += 1
    return found
