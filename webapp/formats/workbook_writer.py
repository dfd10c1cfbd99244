"""Writes an Excel workbook (.xlsx, ECMA-376) as a stream: finished XML of rows goes in, bytes of the ZIP file come out.

Python's `zipfile` writes to an output that cannot seek: sizes and checksums follow each part. So there is no temporary
file, and memory holds one block. XlsxWriter and pyexcelerate need the whole sheet in a file or in memory; a library
for ZIP streams would add nothing. The parts that name the sheets come last, because until then nobody knows how many
there are; openpyxl orders its files in the same way.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

MAX_ROWS = 1_048_576  # of a sheet, the titles included
MAX_CHARACTERS = 32_767  # of a cell, as UTF-16 counts them
# Of a sheet's XML: some readers do not know the larger sizes of ZIP64, which `zipfile` would need for more.
MAX_SHEET_BYTES = 2_000_000_000
MAX_NUMBER_FORMATS = 200  # of a workbook
ROW, ROW_END, EMPTY_CELL = "<row>", "</row>", "<c/>"
TEXT, TEXT_END = '<c t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"

# Fast compression: the usual level, 6, takes a quarter more time for a seventh less.
_LEVEL = 2
_FIRST_NUMBER_FORMAT = 164  # lower numbers are those of Excel
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# What XML cannot hold or would change. An underscore is written so where it would begin such an escape, whatever
# follows: the character behind it may become one.
_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4})")
_STARTS_OF_ROWS = re.compile(re.escape(ROW.encode()))


def escape_text(text: str) -> str:
    """As a text in a cell: characters that XML cannot hold are written as Excel does, `_x0001_`."""
    return escape(_ESCAPED.sub(lambda match: f"_x{ord(match[0]):04X}_", text))


def is_too_long(text: str) -> bool:
    """Whether Excel would refuse the file, or cut the cell."""
    if len(text) <= MAX_CHARACTERS // 2:
        return False
    return len(text) + sum(character > "\uffff" for character in text) > MAX_CHARACTERS


def text_cell(text: str) -> str:
    """Never a formula, whatever it begins with."""
    return f"{TEXT}{escape_text(text)}{TEXT_END}" if text else EMPTY_CELL


def row(cells: Iterable[str]) -> str:
    return f"{ROW}{''.join(cells)}{ROW_END}"


@dataclass
class Styles:
    """The number formats of a workbook; cells name them by the index that `use` returns."""

    codes: list[str] = field(default_factory=list)

    def use(self, code: str) -> int:
        """0, which means no format, for an empty code, and once there is no room for another."""
        if code and code not in self.codes and len(self.codes) < MAX_NUMBER_FORMATS:
            self.codes.append(code)
        return self.codes.index(code) + 1 if code in self.codes else 0

    @property
    def xml(self) -> str:
        numbers = range(_FIRST_NUMBER_FORMAT, _FIRST_NUMBER_FORMAT + len(self.codes))
        formats = "".join(
            f'<numFmt numFmtId="{number}" formatCode={quoteattr(code)}/>'
            for number, code in zip(numbers, self.codes, strict=True)
        )
        uses = "".join(
            f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
            for number in numbers
        )
        return (
            f'{_XML}<styleSheet xmlns="{_MAIN}">'
            + (f'<numFmts count="{len(numbers)}">{formats}</numFmts>' if formats else "")
            + '<fonts count="1"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>'
            '<fills count="2"><fill><patternFill patternType="none"/></fill>'
            '<fill><patternFill patternType="gray125"/></fill></fills>'
            '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
            '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
            f'<cellXfs count="{len(numbers) + 1}"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
            f"{uses}</cellXfs>"
            '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
        )


def write_workbook(
    titles: Sequence[str],
    blocks: Iterable[bytes],
    styles: Styles,
    widths: Sequence[int] = (),
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_SHEET_BYTES,
) -> Iterator[bytes]:
    """The file, in pieces. `blocks` are whole `row`s, any number in each; `widths` are those of columns, in
    characters, 0 for Excel's own.

    Each sheet has the titles in its first row. Rows that do not fit on one sheet continue on the next.
    """
    output = _Output()
    head, tail = _sheet_head(titles, widths), b"</sheetData></worksheet>"
    with ZipFile(output, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        _add(archive, "_rels/.rels", _relationships([("officeDocument", "xl/workbook.xml")]))
        _add(archive, "xl/styles.xml", styles.xml)
        sheets, pieces = 0, _Pieces(blocks, max_rows - 1, max_bytes - len(head) - len(tail))
        while sheets == 0 or pieces.has_more:
            sheets += 1
            with archive.open(_sheet_path(sheets), "w") as part:
                yield from output.write_all(part, head)
                for piece in pieces.of_one_sheet():
                    yield from output.write_all(part, piece)
                yield from output.write_all(part, tail)
        for path, xml in _naming_parts(sheets).items():
            _add(archive, path, xml)
    yield output.take()


def _add(archive: ZipFile, path: str, xml: str) -> None:
    """Without the time, which `writestr` adds: equal rows make equal files."""
    with archive.open(path, "w") as part:
        part.write(xml.encode())


class _Output:
    """What `zipfile` writes, until it is taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        """It belongs to whoever takes the rest."""

    def take(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data

    def write_all(self, part: IO[bytes], data: bytes) -> Iterator[bytes]:
        part.write(data)
        if self._written:
            yield self.take()


class _Pieces:
    """Blocks of rows, cut where a sheet is full."""

    def __init__(self, blocks: Iterable[bytes], max_rows: int, max_bytes: int) -> None:
        self._blocks = iter(blocks)
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._rest = b""

    @property
    def has_more(self) -> bool:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._rest = block
        return True

    def of_one_sheet(self) -> Iterator[bytes]:
        rows, size = self._max_rows, self._max_bytes
        while rows and self.has_more:
            block = self._rest
            end = self._fitting(block, rows, size)
            if not end and rows == self._max_rows:  # not even one row fits on an empty sheet: `zipfile` may refuse it
                end = self._fitting(block, 1, len(block))
            if not end:
                return
            self._rest = block[end:]
            rows, size = rows - block.count(ROW.encode(), 0, end), size - end
            yield block[:end]

    def _fitting(self, block: bytes, rows: int, size: int) -> int:
        """How many bytes of the block are whole rows that still fit."""
        if len(block) <= size and block.count(ROW.encode()) <= rows:
            return len(block)
        ends = [*[match.start() for match in _STARTS_OF_ROWS.finditer(block)][1:], len(block)]
        return max((end for end in ends[:rows] if end <= size), default=0)


def _sheet_head(titles: Sequence[str], widths: Sequence[int]) -> bytes:
    """The row of titles stays in view."""
    columns = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(widths, 1)
        if width
    )
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        + (f"<cols>{columns}</cols>" if columns else "")
        + f"<sheetData>{row(map(text_cell, titles))}"
    ).encode()


def _naming_parts(sheets: int) -> dict[str, str]:
    numbers = range(1, sheets + 1)
    names = "".join(f'<sheet name="Sheet{number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers)
    targets = [*(("worksheet", f"worksheets/sheet{number}.xml") for number in numbers), ("styles", "styles.xml")]
    parts = [("xl/workbook.xml", "sheet.main"), ("xl/styles.xml", "styles")]
    parts += [(_sheet_path(number), "worksheet") for number in numbers]
    overrides = "".join(f'<Override PartName="/{path}" ContentType="{_TYPE}.{kind}+xml"/>' for path, kind in parts)
    return {
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relationships(targets),
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
    }


def _sheet_path(number: int) -> str:
    return f"xl/worksheets/sheet{number}.xml"


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    found = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{found}</Relationships>'
