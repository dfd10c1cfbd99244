"""Tables in markup: those of a web page (HTML), and the sheets of a workbook that Excel 2003 saved as XML.

Both are parsed as they arrive, twice: once to see which tables there are, once for the rows of one.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from webapp.formats import encoding
from webapp.formats.blocks import can_decode
from webapp.formats.excel_2003 import SPREADSHEET, Excel2003Reader
from webapp.formats.html_reader import HtmlReader
from webapp.formats.markup_table import TableInfo

Markup = Literal["html", "spreadsheetml"]

_HEAD = 4096  # bytes in which the kind and the encoding of a document are found
_BLOCK = 256 * 1024
_LEADING = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype\s+html|(?:html|head|body|meta|title|style|link|table|script)\b)", re.IGNORECASE)
# A piece of a page, or what a browser puts on the clipboard.
_PIECE = re.compile(
    rb"(?:Version:[\d.]+\s+StartHTML:|<(?:[a-z][a-z0-9]*\b[^<>]*>|!--))"
    rb"(?=.*?<t(?:able|body|head|r)\b[^<>]*>\s*(?:<[^<>]*>\s*){0,50}?<t[rdh]\b)",
    re.IGNORECASE | re.DOTALL,
)
_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>\s*<[A-Za-z_!]")
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


class _Reader(Protocol):
    """Fills `tables`; the rows of the table with the number `wanted` (0: of none) wait in `ready`."""

    tables: list[TableInfo]
    ready: list[list[str]]

    def feed(self, data: bytes) -> None: ...
    def close(self) -> None: ...


def detect(head: bytes, tail: bytes = b"") -> Markup | Literal["opendocument", "xml", "svg", ""]:
    """What kind of markup a file is, by its first bytes, and the last of a file of XML that does not say so; empty if
    it is none.
    """
    text = head
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            text = head[2:].decode(codec, "ignore").encode()
    text = text.removeprefix(codecs.BOM_UTF8)
    start = text[_leading(text) :]
    is_declared = text.lstrip().startswith(b"<?xml")
    if _HTML.match(start):
        return "html"
    if is_declared or re.match(rb"<(?:[A-Za-z_][\w.-]*:)?(?:Workbook|svg)\b", start):
        if SPREADSHEET.encode() in text or b'progid="Excel.Sheet"' in text:
            return "spreadsheetml"
        if _OPEN_DOCUMENT in text:
            return "opendocument"
        return "svg" if start.startswith(b"<svg") else "xml"
    if _PIECE.match(start):
        return "html"
    root = _ROOT.match(start)
    closing = b"</" + root[1] + b">" if root else b""
    return (
        "xml" if closing and tail.rstrip().endswith(closing) and closing not in start.rstrip()[: -len(closing)] else ""
    )


def _leading(text: bytes) -> int:
    found = _LEADING.match(text)
    return found.end() if found else 0


def tables(path: Path, kind: Markup) -> list[TableInfo]:
    """All tables with rows, in order of appearance, with different names. Raises ImportFileError."""
    reader = _reader(path, kind, 0)
    for _ in _fed(path, reader):
        pass
    taken: dict[str, int] = {}
    reader.tables.sort(key=lambda table: table.number)
    for table in reader.tables:
        taken[table.name] = taken.get(table.name, 0) + 1
        if taken[table.name] > 1:
            table.name = f"{table.name} ({taken[table.name]})"
    return reader.tables


def rows(path: Path, kind: Markup, number: int) -> Iterator[list[str]]:
    """The rows of the table with this number."""
    reader = _reader(path, kind, number)
    for _ in _fed(path, reader):
        yield from reader.ready
        reader.ready.clear()
    yield from reader.ready


def _reader(path: Path, kind: Markup, wanted: int) -> _Reader:
    return HtmlReader(_html_encoding(path), wanted) if kind == "html" else Excel2003Reader(wanted)


def _fed(path: Path, reader: _Reader) -> Iterator[None]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            reader.feed(block)
            yield
    reader.close()


def _html_encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    mark, marked = encoding.byte_order_mark(head[:4])
    if mark:
        return marked
    if found := _CHARSET.search(head):
        try:
            codec = encoding.codec_name(found[1].decode())
        except (LookupError, ValueError):
            codec = ""
        if codec and not codec.startswith("utf-16") and can_decode(codec):
            return codec
    return encoding.detect(path)[0]
