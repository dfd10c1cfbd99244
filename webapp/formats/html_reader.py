"""The tables of a web page (HTML), read as it arrives.

A page of a million unclosed tags takes no more memory than its longest cell.
"""

import re
from html.parser import HTMLParser

from webapp.formats.blocks import MAX_LINE, decoder, escape_undecodable
from webapp.formats.errors import ImportFileError
from webapp.formats.markup_table import Row, TableInfo
from webapp.formats.source import MAX_TABLES

_MAX_DEPTH = 50  # tables inside tables
_MAX_SPAN = 1000  # columns and rows (HTML Standard, 4.9.11: colspan)
_NOT_SHOWN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_LINES = re.compile(r" ?\n ?")
_MAX_CAPTION = 1000  # characters, white space included, that are read
_BREAK = "\x00"  # a line break that is meant, until white space is collapsed


class _OpenTable:
    """A table of a page while its rows arrive."""

    def __init__(self, number: int, is_wanted: bool) -> None:
        self.info = TableInfo(number, f"Table {number}")
        self.is_wanted = is_wanted
        self.row: Row | None = None
        self.text: list[str] | None = None  # of the open cell
        self.length = 0  # characters of it
        self.caption: str | None = None  # while it is open
        self.column = 0
        self.span = (1, 1)  # columns, rows of the open cell
        self.below: dict[int, int] = {}  # columns taken by cells from above -> rows they still take

    def start_row(self) -> None:
        self.row, self.column = Row(), 0

    def start_cell(self, columns: int, rows: int) -> None:
        if self.row is None:
            self.start_row()
        while self.column in self.below:
            self.column += 1
        self.text, self.length, self.span = [], 0, (columns, rows)

    def add_text(self, text: str) -> None:
        if self.text is None:
            return
        self.length += len(text)
        if self.length > MAX_LINE:
            raise ImportFileError("A cell of this web page (HTML) has over 16 million characters.")
        self.text.append(text)

    def end_cell(self) -> None:
        if self.text is None or self.row is None:
            return
        text, (columns, rows) = _collapse("".join(self.text)), self.span
        self.row.put(self.column + columns - 1, "")
        self.row.cells[self.column] = text
        self.info.facts.merged += columns > 1 or rows > 1
        if rows > 1:
            self.below.update(dict.fromkeys(range(self.column, self.column + columns), rows))
        self.column += columns
        self.text = None

    def end_row(self) -> list[str] | None:
        self.end_cell()
        if self.row is None:
            return None
        cells, self.row = self.row.cells, None
        self.below = {column: left - 1 for column, left in self.below.items() if left > 1}
        return cells if self.info.add(cells) else None


class HtmlReader(HTMLParser):
    """Cells end where the next one begins, as browsers read them; a table inside a cell is one of its own."""

    _HIDDEN = ("script", "style", "template", "noscript", "title")
    _LINE = ("br", "p", "div", "li")
    _STRUCTURE = ("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption")
    _VOID = ("br", "img", "input", "hr", "wbr", "col", "link", "meta")

    def __init__(self, codec: str, wanted: int) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[TableInfo] = []
        self.ready: list[list[str]] = []
        self._decoder = decoder(codec)
        self._wanted = wanted
        self._open: list[_OpenTable] = []
        self._ignored = 0  # open tables deeper than any real one
        self._number = 0
        self._hidden = ""
        self._unseen = ""  # an element in a cell that a page does not show, and how many of its name are open in it
        self._unseen_depth = 0
        self._has_frames = False

    def feed(self, data: bytes | str) -> None:
        super().feed(data if isinstance(data, str) else self._decoder.decode(data))
        if len(self.rawdata) > MAX_LINE:
            raise ImportFileError("This web page (HTML) has a tag or a text of over 16 million characters.")

    def close(self) -> None:
        super().close()
        while self._open:
            self._end_table()
        if self._has_frames and not self.tables and not self._wanted:
            raise ImportFileError(
                "This web page only shows other pages in frames, as Excel's do, which lie in a folder beside it. Upload"
                " the page of the sheet from that folder, or save the workbook as .xlsx and upload that."
            )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden = tag
        self._has_frames = self._has_frames or tag == "frame"
        if tag == "table" or (tag == "tr" and not self._open and not self._ignored):
            self._start_table()  # what is pasted may be rows alone
        if not self._open:
            return
        table = self._open[-1]
        if tag in self._STRUCTURE:
            self._unseen = ""
        elif tag == self._unseen:
            self._unseen_depth += 1
        elif not self._unseen and _NOT_SHOWN.search(dict(attrs).get("style") or "") and tag not in self._VOID:
            self._unseen, self._unseen_depth = tag, 1
        if tag == "tr":
            self._end_row(table)
            table.start_row()
        elif tag in ("td", "th"):
            table.end_cell()
            spans = dict(attrs)
            table.start_cell(_span(spans.get("colspan")), _span(spans.get("rowspan")))
        elif tag in ("thead", "tbody", "tfoot"):
            self._end_row(table)
        elif tag == "caption":
            table.caption = ""
        elif tag in self._LINE and table.text and not self._unseen:
            table.add_text(_BREAK)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        if tag == self._unseen:
            self._unseen_depth -= 1
            self._unseen = self._unseen if self._unseen_depth else ""
        if not self._open:
            return
        table = self._open[-1]
        if tag == "table":
            if self._ignored:
                self._ignored -= 1
            else:
                self._end_table()
        elif tag in ("tr", "thead", "tbody", "tfoot"):
            self._end_row(table)
        elif tag in ("td", "th"):
            table.end_cell()
        elif tag == "caption" and table.caption is not None:
            table.info.name = _collapse(table.caption)[:80] or table.info.name
            table.caption = None

    def handle_data(self, data: str) -> None:
        if self._hidden or self._unseen or not self._open:
            return
        table = self._open[-1]
        if table.caption is not None:
            table.caption = (table.caption + data)[:_MAX_CAPTION]
        elif table.text is not None:
            table.add_text(data.replace(_BREAK, "\ufffd"))

    def _start_table(self) -> None:
        if len(self._open) >= _MAX_DEPTH:
            self._ignored += 1
            return
        self._number += 1
        self._open.append(_OpenTable(self._number, self._number == self._wanted))

    def _end_table(self) -> None:
        table = self._open.pop()
        self._end_row(table)
        table.info.name = escape_undecodable(table.info.name)
        if table.info.rows and not self._wanted:
            if len(self.tables) >= MAX_TABLES:
                raise ImportFileError(f"This web page (HTML) has more than {MAX_TABLES:,} tables.")
            self.tables.append(table.info)

    def _end_row(self, table: _OpenTable) -> None:
        cells = table.end_row()
        if cells and table.is_wanted:
            self.ready.append([escape_undecodable(cell) for cell in cells])


def _span(value: str | None) -> int:
    text = (value or "").strip()
    return min(max(int(text), 1), _MAX_SPAN) if text.isascii() and text.isdigit() and len(text) < 20 else 1


def _collapse(text: str) -> str:
    """White space as a browser shows it; a lone no-break space is how empty cells are written."""
    text = _LINES.sub("\n", _SPACE.sub(" ", text).replace(_BREAK, "\n")).strip(" \n")
    return "" if text == "\xa0" else text
