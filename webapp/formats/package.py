"""The parts of an Excel workbook (OOXML): what its reader would lose is written otherwise, the rest is counted.

The reader of workbooks leaves the cells of errors empty, refuses a sheet with one that is newer than itself, knows no
29 February 1900, and sees numbers without the zeros their format shows. Such cells are written as texts in a copy of
the workbook before it is read. A workbook without them is read as it is: then this costs a search of its sheets.
"""

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO
from xml.etree import ElementTree

from webapp.formats import number_format
from webapp.formats.errors import ImportFileError
from webapp.formats.source import MAX_COLUMNS

MAX_DIRECTORY_PART = 64 * 1024 * 1024  # bytes of a part that is parsed whole: the list of sheets, styles, relations
_MAX_RELATIONS = 1024 * 1024  # bytes
_USUAL_PART = "xl/workbook.xml"
_BLOCK = 1024 * 1024
_MAX_ROW = 64 * 1024 * 1024  # bytes of a row of cells
_ROOT = re.compile(rb"<(?:([\w.-]+):)?worksheet\b")
_ISO_DURATION = re.compile(rb"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")


@dataclass(slots=True)
class SheetFacts:
    """What is in a sheet besides values."""

    formulas_without_value: int = 0
    errors: int = 0
    merged: int = 0
    hidden_rows: int = 0
    _hidden_columns: list[tuple[int, int]] = field(default_factory=list)  # from 0: the first, and the one behind

    def hide_columns(self, first: int, count: int) -> None:
        if len(self._hidden_columns) < MAX_COLUMNS:
            self._hidden_columns.append((first, first + count))

    def hidden_columns(self, start: int, width: int) -> int:
        """Of a table of this width that starts at this column: often all columns behind one are hidden."""
        return sum(max(0, min(end, start + width) - max(first, start)) for first, end in self._hidden_columns)


@dataclass(slots=True)
class Package:
    path: Path
    sheets: dict[str, str] = field(default_factory=dict)  # a sheet's name -> the name of its part in the archive
    facts: dict[str, SheetFacts] = field(default_factory=dict)  # by the name of the sheet


class _Styles:
    """The numbers of the cell formats that matter, as alternatives of a regular expression."""

    def __init__(self, root: ElementTree.Element | None) -> None:
        self.zeros: dict[bytes, str] = {}
        kinds: dict[str, list[str]] = {"date": [], "time": [], "elapsed": []}
        codes = {element.get("numFmtId"): element.get("formatCode") for element in _all(root, "numFmt")}
        formats = next(iter(_all(root, "cellXfs")), None)
        for index, element in enumerate(formats if formats is not None else ()):
            format_id = element.get("numFmtId", "0")
            code = codes.get(format_id)
            kind = number_format.kind(int(format_id) if format_id.isdigit() else 0, code)
            if kind == "zeros" and code:
                self.zeros[b"%d" % index] = code
            elif kind in kinds:
                kinds[kind].append(str(index))
        self.date, self.time, self.elapsed = ("|".join(kinds[kind]).encode() for kind in kinds)


def prepare(path: Path, copy: BinaryIO) -> tuple[Package, bool]:
    """Describe the workbook; write it to `copy` where it has cells its reader would lose, and say whether it did."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {part_name(name): name for name in archive.namelist()}
            main = workbook_part(archive) or _USUAL_PART
            package = Package(path, _sheet_parts(archive, names, main))
            styles = _Styles(_parse(archive, names, posixpath.join(posixpath.dirname(main), "styles.xml")))
            workbook = _parse(archive, names, main)
            is_1904 = any(element.get("date1904", "0") in ("1", "true") for element in _all(workbook, "workbookPr"))
            rewrites = False
            for name, part in package.sheets.items():
                sheet = _SheetPart(styles, is_1904)
                with archive.open(part) as file:
                    for _ in sheet.blocks(file):
                        pass
                package.facts[name] = sheet.facts
                rewrites = rewrites or sheet.is_changed
            if rewrites:
                _copy(archive, package, lambda: _SheetPart(styles, is_1904), copy)
        return package, rewrites
    except (ElementTree.ParseError, KeyError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ImportFileError(f"This Excel file is damaged and cannot be read ({error}).") from error


def part_name(name: str) -> str:
    """Names of parts are written with slashes and compare regardless of case (ECMA-376 part 2, 9.1.1)."""
    return name.replace("\\", "/").lstrip("/").lower()


def workbook_part(archive: zipfile.ZipFile) -> str:
    """The part with the list of sheets: usually xl/workbook.xml, else where the package says; empty without one."""
    names = {part_name(name): name for name in archive.namelist()}
    if _USUAL_PART in names or "_rels/.rels" not in names:
        return _USUAL_PART if _USUAL_PART in names else ""
    with archive.open(names["_rels/.rels"]) as file:
        relations = file.read(_MAX_RELATIONS)
    for element in re.findall(rb"<[^<>]*/officeDocument[\"'][^<>]*>", relations):
        target = re.search(rb"\bTarget\s*=\s*[\"']([^\"']*)", element)
        part = part_name(posixpath.normpath("/" + target[1].decode("utf-8", "replace"))) if target else ""
        if part in names and posixpath.basename(part).startswith("workbook") and part.endswith(".xml"):
            return part
    return ""


def _copy(archive: zipfile.ZipFile, package: Package, sheet: Callable[[], "_SheetPart"], target: BinaryIO) -> None:
    parts = set(package.sheets.values())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for info in archive.infolist():
            with archive.open(info) as source, copy.open(info.filename, "w", force_zip64=True) as part:
                if info.filename in parts:
                    part.writelines(sheet().blocks(source))
                else:
                    while block := source.read(_BLOCK):
                        part.write(block)


class _SheetPart:
    """One pass over the XML of a sheet, in blocks of whole rows."""

    def __init__(self, styles: _Styles, is_1904: bool) -> None:
        self._styles, self._is_1904 = styles, is_1904
        self.facts = SheetFacts()
        self.is_changed = False
        self._prefix = b""
        self._changes: list[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]]] = []

    def blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        carry, is_first = b"", True
        while block := file.read(_BLOCK):
            text = carry + block
            if is_first and (root := _ROOT.search(text)):
                self._prepare(root[1] + b":" if root[1] else b"")
                is_first = False
            cut = text.rfind(b"</" + self._prefix + b"row>")
            if cut < 0 and len(text) > _MAX_ROW:
                raise ImportFileError("This Excel file has a row of more than 64 MB, which no table has.")
            cut = max(cut, 0)
            yield self._change(text[:cut])
            carry = text[cut:]
        yield self._change(carry)

    def _prepare(self, prefix: bytes) -> None:
        p = re.escape(prefix)
        self._prefix = prefix
        value = rb"\s*(?:<%sf\b(?:[^<>]*/>|[^<>]*>[^<]*</%sf>))?\s*<%sv(?:\s[^<>]*)?>\s*" % (p, p, p)

        def cell(attribute: bytes, number: bytes) -> re.Pattern[bytes]:
            """A cell with this attribute and value."""
            return re.compile(
                rb"<%sc(?P<attributes>(?=[^<>]*\s%s)\s[^<>]*[^<>/])>%s(?P<value>%s)\s*</%sv>\s*</%sc>"
                % (p, attribute, value, number, p, p),
                re.DOTALL,
            )

        def style(numbers: bytes) -> bytes:
            return rb"s\s*=\s*[\"'](?:%s)[\"']" % numbers

        exponent = rb"\d(?:\.\d+)?[eE]-\d+"
        self._changes = [(cell(rb"t\s*=\s*[\"']e[\"']", rb"[^<>]*"), self._error)]
        self._changes.append((cell(rb"t\s*=\s*[\"']d[\"']", rb"P[^<>]*"), self._duration))
        if self._styles.zeros:
            self._changes.append((cell(style(b"|".join(self._styles.zeros)), rb"[\d.eE+]+"), self._zeros))
        if self._styles.date:
            special = rb"-[^<>]*|0?(?:\.\d+)?|%s" % exponent
            special = special if self._is_1904 else special + rb"|60(?:\.\d*)?"
            self._changes.append((cell(style(self._styles.date), special), self._date))
        if self._styles.time:
            self._changes.append((cell(style(self._styles.time), rb"-[^<>]*"), self._without_style))
        if self._styles.elapsed:
            huge = rb"-?\d{7,}[^<>]*|-?\d(?:\.\d+)?[eE]\+?\d+"
            self._changes.append((cell(style(self._styles.elapsed), huge), self._without_style))
        self._no_value = re.compile(
            rb"<%sc\b(?P<attributes>[^<>]*)>\s*<%sf\b(?:[^<>]*/>|[^<>]*>[^<]*</%sf>)\s*"
            rb"(?:<%sv\s*/>|<%sv>\s*</%sv>)?\s*</%sc>" % (p, p, p, p, p, p, p)
        )
        self._hidden_row = re.compile(rb"<%srow\s[^<>]*\bhidden\s*=\s*[\"'](?:1|true)[\"']" % p)
        self._hidden_columns = re.compile(rb"<%scol\s(?=[^<>]*\bhidden\s*=\s*[\"'](?:1|true)[\"'])[^<>]*>" % p)
        self._merged = re.compile(rb"<%smergeCell\s" % p)

    def _change(self, text: bytes) -> bytes:
        if not self._changes:
            return text
        self._count(text)
        for pattern, change in self._changes:
            text = pattern.sub(change, text)
        return text

    def _count(self, text: bytes) -> None:
        facts, p = self.facts, self._prefix
        if b"<" + p + b"f" in text:
            for found in self._no_value.finditer(text):
                facts.formulas_without_value += not re.search(rb"\st\s*=\s*[\"']str[\"']", found["attributes"])
        if b"hidden" in text:
            facts.hidden_rows += len(self._hidden_row.findall(text))
            for element in self._hidden_columns.findall(text):
                first, last = _first_and_last(element)
                facts.hide_columns(first - 1, last - first + 1)
        if b"mergeCell " in text:
            facts.merged += len(self._merged.findall(text))

    def _error(self, cell: re.Match[bytes]) -> bytes:
        self.facts.errors += 1
        return self._text(cell, cell["value"])

    def _duration(self, cell: re.Match[bytes]) -> bytes:
        """Strict OOXML writes a duration in ISO 8601."""
        found = _ISO_DURATION.fullmatch(cell["value"].strip())
        if not found:
            return cell[0]
        days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
        total = days * 86400 + hours * 3600 + minutes * 60 + seconds
        return self._text(cell, b"%d:%02d:%02d" % (total // 3600, total // 60 % 60, total % 60))

    def _zeros(self, cell: re.Match[bytes]) -> bytes:
        style = re.search(rb"\ss\s*=\s*[\"'](\d+)", cell["attributes"])
        is_number = not re.search(rb"\st\s*=\s*[\"'](?!n[\"'])", cell["attributes"])
        code = self._styles.zeros.get(style[1]) if style and is_number else None
        text = number_format.with_zeros(cell["value"].decode(), code) if code else None
        return self._text(cell, text.encode()) if text is not None else cell[0]

    def _date(self, cell: re.Match[bytes]) -> bytes:
        """What is no day of the calendar: a number where it is none, 29 February 1900, and the first day from 1904."""
        try:
            number = float(cell["value"])
        except ValueError:
            return cell[0]
        if 60 <= number < 61:
            day = b"1900-02-29"
        elif self._is_1904 and 0 <= number < 1:
            day = b"1904-01-01"
        else:
            return self._without_style(cell)
        seconds = round(number % 1 * 86400)
        clock = b" %02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60) if seconds else b""
        return self._text(cell, day + clock)

    def _without_style(self, cell: re.Match[bytes]) -> bytes:
        """The number itself, where its format cannot show it."""
        self.is_changed = True
        attributes = re.sub(rb"\ss\s*=\s*[\"'][^\"']*[\"']", b"", cell["attributes"])
        return self._cell(attributes, cell["value"])

    def _text(self, cell: re.Match[bytes], text: bytes) -> bytes:
        self.is_changed = True
        attributes = re.sub(rb"\s(?:t|s)\s*=\s*[\"'][^\"']*[\"']", b"", cell["attributes"])
        return self._cell(attributes + b' t="str"', text)

    def _cell(self, attributes: bytes, value: bytes) -> bytes:
        p = self._prefix
        return b"<%sc%s><%sv>%s</%sv></%sc>" % (p, attributes, p, value, p, p)


def _first_and_last(element: bytes) -> tuple[int, int]:
    """The columns, from 1, that a `<col min= max=>` stands for."""
    first, last = (re.search(rb"\b%s\s*=\s*[\"'](\d{1,9})\b" % name, element) for name in (b"min", b"max"))
    return (int(first[1]), int(last[1])) if first and last else (1, 0)


def _sheet_parts(archive: zipfile.ZipFile, names: dict[str, str], main: str) -> dict[str, str]:
    """The names of the sheets, and where their cells are; `main` is the part that lists them."""
    folder, name = posixpath.split(main)
    relations = {
        element.get("Id"): element.get("Target", "")
        for element in _all(_parse(archive, names, posixpath.join(folder, "_rels", f"{name}.rels")), "Relationship")
    }
    parts = {}
    for sheet in _all(_parse(archive, names, main), "sheet"):
        relation = next((value for name, value in sheet.items() if name.endswith("}id")), None)
        target = part_name(
            posixpath.normpath(posixpath.join("/", folder, relations.get(relation, "").replace("\\", "/")))
        )
        if target in names:
            parts[sheet.get("name", "")] = names[target]
    return parts


def _parse(archive: zipfile.ZipFile, names: dict[str, str], part: str) -> ElementTree.Element | None:
    if part not in names:
        return None
    with archive.open(names[part]) as file:
        text = file.read(MAX_DIRECTORY_PART + 1)
    if len(text) > MAX_DIRECTORY_PART:
        raise ImportFileError(f"The part {part} of this Excel file is larger than any real one. It was not opened.")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ImportFileError("This Excel file declares entities, as no spreadsheet program does. It was not opened.")
    return ElementTree.fromstring(text)  # noqa: S314  without a document type there is nothing to expand


def _all(root: ElementTree.Element | None, name: str) -> Iterator[ElementTree.Element]:
    """Elements of that name in any namespace: strict workbooks have others."""
    for element in root.iter() if root is not None else ():
        if isinstance(element.tag, str) and element.tag.rpartition("}")[2] == name:
            yield element
