"""The sheets of a workbook that Excel 2003 saved as XML, read as it arrives."""

from webapp.formats import number_format
from webapp.formats.blocks import MAX_LINE
from webapp.formats.errors import ImportFileError
from webapp.formats.markup_table import Row, TableInfo
from webapp.formats.source import MAX_COLUMNS, MAX_NAME, MAX_TABLES
from webapp.formats.xml_reader import XmlReader

SPREADSHEET = "urn:schemas-microsoft-com:office:spreadsheet"  # the namespace of its elements
_NO_DAY = ("1899-12-31", "1899-12-30")  # of a time


class Excel2003Reader(XmlReader):
    """Excel 2003 XML: `Workbook > Worksheet > Table > Row > Cell > Data`, where rows and cells may have an index."""

    def __init__(self, wanted: int) -> None:
        super().__init__("Excel 2003 XML file", "Save it anew as .xlsx or CSV.")
        self.tables: list[TableInfo] = []
        self.ready: list[list[str]] = []
        self._wanted = wanted
        self._info: TableInfo | None = None
        self._row: Row | None = None
        self._columns = self._column = self._across = 0
        self._text: list[str] | None = None
        self._length = 0
        self._type = ""
        self._style = ""  # that is described, later that of the cell
        self._codes: dict[str, str] = {}  # number formats by style
        self._is_formula = False
        self._visible: str | None = None  # while it is open

    def close(self) -> None:
        super().close()
        self.tables = [table for table in self.tables if table.rows]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if tag == "Visible":
            self._visible = ""
        if space and space != SPREADSHEET:
            return
        values = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if tag == "Worksheet":
            number = len(self.tables) + 1
            if number > MAX_TABLES:
                raise ImportFileError(f"This Excel 2003 XML file has more than {MAX_TABLES:,} sheets.")
            self._info = TableInfo(number, values.get("Name", "")[:MAX_NAME] or f"Table {number}")
            self.tables.append(self._info)
            self._columns = 0
        elif tag == "Style":
            self._style = values.get("ID", "")
        elif tag == "NumberFormat":
            self._codes[self._style] = values.get("Format", "")
        elif tag == "Column" and self._info:
            self._add_columns(self._info, values)
        elif tag == "Row":
            self._row, self._column = Row(), 0  # its index shows only how many empty rows above it are left out
            if self._info:
                self._info.facts.hidden_rows += values.get("Hidden") == "1"
        elif tag == "Cell" and self._row is not None:
            self._column = max(_index(values.get("Index")) - 1, self._column)
            self._across = min(_index(values.get("MergeAcross")), MAX_COLUMNS)
            if self._info and ("MergeAcross" in values or "MergeDown" in values):
                self._info.facts.merged += 1
            self._row.put(self._column, "")
            self._style, self._is_formula = values.get("StyleID", ""), "Formula" in values
        elif tag == "Data":
            self._is_formula = False
            self._text, self._length, self._type = [], 0, values.get("Type", "String")

    def _add_columns(self, info: TableInfo, values: dict[str, str]) -> None:
        first, count = max(_index(values.get("Index")) - 1, self._columns), 1 + _index(values.get("Span"))
        if values.get("Hidden") == "1":
            info.facts.hide_columns(first, count)
        self._columns = first + count

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "Data" and self._text is not None:
            if self._row is not None:
                self._row.put(self._column, _typed("".join(self._text), self._type, self._codes.get(self._style, "")))
            if self._info:
                self._info.facts.errors += self._type == "Error"
            self._text = None
        elif tag == "Visible" and self._visible is not None:
            if self._info:
                self._info.is_hidden = self._visible in ("SheetHidden", "SheetVeryHidden")
            self._visible = None
        elif tag == "Cell" and self._row is not None:
            self._column += 1 + self._across
            if self._info:
                self._info.facts.formulas_without_value += self._is_formula
        elif tag == "Row":
            self._end_row()

    def _end_row(self) -> None:
        row, self._row = self._row, None
        if row is None or self._info is None:
            return
        if self._info.add(row.cells) and self._info.number == self._wanted:
            self.ready.append(row.cells)

    def _characters(self, data: str) -> None:
        if self._visible is not None:
            self._visible = (self._visible + data)[:20]
        elif self._text is not None:
            self._length += len(data)
            if self._length > MAX_LINE:
                raise ImportFileError("A cell of this XML file has over 16 million characters.")
            self._text.append(data)


def _index(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 8 else 0


def _typed(text: str, type_: str, code: str) -> str:
    """As people see it: TRUE for 1, the day alone where there is no time, the zeros of the number format `code`."""
    if type_ == "Boolean":
        return {"1": "TRUE", "0": "FALSE"}.get(text, text)
    if type_ == "DateTime":
        text = text.removesuffix(".000")
        if text.startswith(_NO_DAY) and "T" in text:
            return text.partition("T")[2]
        return text.removesuffix("T00:00:00").replace("T", " ")
    if type_ == "Number" and number_format.kind(0, code) == "zeros":
        return number_format.with_zeros(text, code) or text
    return text
