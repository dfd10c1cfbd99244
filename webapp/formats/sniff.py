"""Detects how to read a file: its format, encoding, delimiter, quotes and header, each with the reason."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Protocol

from webapp.formats import (
    aligned,
    archive,
    dialect,
    encoding,
    header,
    json_detection,
    json_layout,
    markup,
    ndjson,
    other_formats,
    preamble,
    unpack,
    xlsx,
)
from webapp.formats.blocks import can_decode
from webapp.formats.errors import ImportFileError
from webapp.formats.samples import beginning, first_lines, first_records
from webapp.formats.source import FileFormat, ReadOptions, Remark
from webapp.formats.unpack import PlainFile

_BLANK = " \t\r\n\x0b\x0c\0\ufeff\xa0"
_LINE_ENDS = "\r\n\ufeff"
_FIELDS = re.compile(rf"^{preamble.FIELDS}[ \t].*(?:\r\n|\r|\n|$)", re.MULTILINE)
_HEAD = 64 * 1024  # bytes that tell the format
_ADVICE = "Save the table as CSV or Excel (.xlsx) and upload that."
_TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".psv", ".txt", ".json", *json_detection.SUFFIXES)
_OLE = b"\xd0\xcf\x11\xe0"  # Office documents before 2007, and encrypted ones


class ReadOverrides(Protocol):
    """What the user has decided already; implemented by `ImportOverrides`."""

    encoding: str | None
    delimiter: str | None
    quote: str | None
    header: bool | None
    header_row: int | None
    sheet: str | None


@dataclass(slots=True)
class SniffResult:
    options: ReadOptions
    encoding_reason: str = ""
    delimiter_reason: str = ""
    header_reason: str = ""
    sheets: list[str] = field(default_factory=list)
    listing: list[dict[str, Any]] = field(default_factory=list)  # all sheets: `name`, `rows`, `columns`, `hidden`
    remarks: list[Remark] = field(default_factory=list)
    plain: PlainFile | None = None  # the file that is read: keeps what was unpacked
    converted: BinaryIO | None = None  # the sheet of a workbook as CSV

    def report_fields(self) -> dict[str, Any]:
        """The fields of an `InspectionReport` that are known before the rows are read."""
        options = asdict(self.options)
        options["gaps"] = [list(gap) for gap in self.options.gaps]
        options["rows_within"] = list(self.options.rows_within)
        if self.options.format != "csv":
            options |= {"delimiter": "", "quote": "", "encoding": options["encoding"] if self.encoding_reason else ""}
        return options | {
            "encoding_reason": self.encoding_reason,
            "delimiter_reason": self.delimiter_reason,
            "header_reason": self.header_reason,
            "sheets": self.sheets,
            "listing": self.listing,
        }


def sniff(path: Path, filename: str, overrides: ReadOverrides) -> SniffResult:
    """Raises ImportFileError if it is not a file of rows."""
    if not path.stat().st_size:
        raise ImportFileError("This is an empty file: it has no bytes at all.")
    return _sniff(unpack.plain_file(path, filename), overrides)


def _sniff(plain: PlainFile, overrides: ReadOverrides) -> SniffResult:
    with plain.path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, plain.path.stat().st_size - _HEAD))
        tail = file.read()
    result = _SNIFFERS[_sniff_format(head, tail)](plain, overrides)
    result.plain = result.plain or plain
    if plain.inside and result.plain is plain:
        names = " in ".join(f"“{archive.shown(name)}”" for name in reversed(plain.inside))
        result.remarks.insert(0, Remark("compressed", f"The file is compressed; {names} inside it was read."))
    return result


def _sniff_format(head: bytes, tail: bytes) -> FileFormat:
    """By the first bytes: names tell what people hope for."""
    if head.startswith((archive.ARCHIVE, _OLE)):
        return "xlsx"
    other_formats.ensure_table(head)
    match markup.detect(head, tail):
        case "html" | "spreadsheetml" | "opendocument":
            return "xlsx"
        case "svg":
            raise ImportFileError(f"This is a picture (SVG). {_ADVICE}")
        case "xml":
            raise ImportFileError(
                "This is an XML file, and only workbooks that Excel 2003 saved as XML can be read. Open it in a"
                f" spreadsheet program. {_ADVICE}"
            )
    return "csv"


def _sniff_text(plain: PlainFile, overrides: ReadOverrides) -> SniffResult:
    path = plain.path
    codec, encoding_reason = _sniff_encoding(path, overrides.encoding)
    if not codec.startswith("utf-16"):
        _ensure_text(path)
    if overrides.delimiter is None:
        sample = beginning(path, codec)
        if json_detection.is_json(sample, plain.name):
            return _sniff_json(plain, codec, encoding_reason, sample, overrides)
        json_detection.ensure_json(sample, plain.name)
    with path.open("rb") as file:
        quote = "" if overrides.quote == "none" else overrides.quote
        sample, is_whole = first_lines(file, codec)
        if is_whole and sample.strip(_LINE_ENDS) and not sample.strip(_BLANK):
            raise ImportFileError("This file holds nothing but blank lines: there is no table in it.")
        options, delimiter_reason = _sniff_dialect(sample, overrides.delimiter, quote)
        options = replace(options, encoding=codec)
        rows, comments = first_records(file, options)
    last = preamble.count_comments([row[0] for row in rows])
    if options.layout == "fixed" and rows and preamble.comment_mark(rows[last][0]):
        rows[last] = [*aligned.split_titles(rows[last], options.gaps)]
    options = replace(options, title_prefix=options.title_prefix or _mark_before_titles(rows))
    has_header, header_row, header_reason = _sniff_header(rows, comments, options, overrides)
    options = replace(options, header=has_header, header_row=header_row)
    return SniffResult(options, encoding_reason, delimiter_reason, header_reason)


def _ensure_text(path: Path) -> None:
    with path.open("rb") as file:
        other_formats.ensure_text(file.read(_HEAD))


def _sniff_dialect(sample: str, delimiter: str | None, quote: str | None) -> tuple[ReadOptions, str]:
    if delimiter is None and (fields := _FIELDS.search(sample)):
        delimiter = "\t" if "\t" in fields[0] or _is_divided_by_tabs(sample[fields.end() :], fields[0]) else " "
        options, _ = dialect.detect(sample[fields.end() :], delimiter, quote)
        return replace(options, title_prefix=preamble.FIELDS, comment="#"), f"the line {preamble.FIELDS} of a log"
    options, reason = dialect.detect(sample, delimiter, quote)
    mark = preamble.comment_mark(sample)
    return replace(options, comment=mark if mark in ("#", "//", "%") else ""), reason


def _is_divided_by_tabs(sample: str, fields: str) -> bool:
    """Whether the first row has a cell between tabs for each title of the line of fields, itself without any."""
    first = next((line for line in sample.splitlines() if line.strip() and not preamble.comment_mark(line)), "")
    return first.count("\t") > 0 and first.count("\t") == len(fields.split()) - 2


def _mark_before_titles(rows: list[list[str]]) -> str:
    """The mark of the last comment above a table, if it is a cell before as many titles as the table has columns."""
    last = preamble.count_comments([row[0] for row in rows])
    if len(rows) < last + 2 or rows[last][0] not in ("#", "%", "//"):
        return ""
    titles, first = rows[last][1:], rows[last + 1]
    has_values = any(header.kind_of(cell) != "text" for cell in first)
    is_text = all(header.kind_of(title) == "text" for title in titles)
    return rows[last][0] if len(titles) == len(first) and has_values and is_text else ""


def _sniff_header(
    rows: list[list[str]], comments: int, options: ReadOptions, overrides: ReadOverrides
) -> tuple[bool, int, str]:
    if options.title_prefix and overrides.header is None and overrides.header_row is None:
        row = preamble.count_comments([row[0] for row in rows])
        if options.title_prefix == preamble.FIELDS:  # none if a quote hides the line
            row = next((index for index, row in enumerate(rows) if row[0].startswith(preamble.FIELDS)), 0)
        return True, comments + row, f"the titles stand behind {options.title_prefix}"
    first = rows[0][0].lower() if rows and rows[0] else ""
    if first.startswith("sep=") and overrides.header_row is None and len(rows) > 1:
        has_header, row, reason = header.detect(rows[1:], overrides.header, None)
        return has_header, row + 1, f"{reason.split(';')[0]}; the line sep= above it names the delimiter"
    return header.detect(rows, overrides.header, overrides.header_row, comments)


def _sniff_xlsx(plain: PlainFile, overrides: ReadOverrides) -> SniffResult:
    converted = xlsx.convert(plain.path, overrides.sheet, plain.folder)
    if converted.unpacked is not None:
        inner = plain.unpacked(converted.file, converted.unpacked)
        _ensure_named_archive(plain.name)
        result = _sniff(unpack.unpack(inner), overrides)
        if result.options.format == "xlsx":
            result.options = replace(result.options, is_archived=True)
        return result
    rows, _ = first_records(converted.file, ReadOptions(), comments=False)
    has_header, header_row, reason = header.detect(rows, overrides.header, overrides.header_row)
    options = ReadOptions("xlsx", header=has_header, header_row=header_row, sheet=converted.sheet)
    return SniffResult(
        options,
        header_reason=reason,
        sheets=converted.sheets,
        listing=converted.listing,
        remarks=converted.notes,
        converted=converted.file,
    )


def _ensure_named_archive(name: str) -> None:
    """Opening an archive is what people expect who upload one, not who upload text. Raises ImportFileError."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _TEXT_SUFFIXES:
        raise ImportFileError(
            f"This is a ZIP archive, though its name ends in {suffix}. Unpack it and upload the table itself, or upload"
            " it with a name that ends in .zip: then the file in it is opened."
        )


def _sniff_json(
    plain: PlainFile, codec: str, encoding_reason: str, sample: str, overrides: ReadOverrides
) -> SniffResult:
    found = json_layout.arrange(plain.path, codec, sample, plain.name)
    options = ReadOptions(
        "ndjson",
        codec,
        json_layout=found.layout,
        rows_at=found.rows_at,
        positional=found.positional,
        promoted=bool(found.promoted),
        rows_within=list(found.rows_within),
        key_title=found.key_title,
    )
    reason = "the keys of the objects"
    if found.names:
        options = replace(options, header=False)
        reason = "the titles stand beside the rows"
    elif options.positional:
        has_header = ndjson.has_titles(plain.path, options) if overrides.header is None else overrides.header
        options = replace(options, header=has_header)
        reason = "the first array holds only texts" if has_header else "the first array holds values"
    columns = ndjson.find_columns(plain.path, options, found.names or None)
    options = replace(
        options, keys=[column.title for column in columns], members=[column.to_json() for column in columns]
    )
    return SniffResult(options, encoding_reason=encoding_reason, header_reason=reason, remarks=found.notes)


_SNIFFERS: dict[FileFormat, Callable[[PlainFile, ReadOverrides], SniffResult]] = {
    "csv": _sniff_text,
    "xlsx": _sniff_xlsx,
}


def _sniff_encoding(path: Path, chosen: str | None) -> tuple[str, str]:
    """The codec's name, and the reason."""
    if not chosen:
        return encoding.detect(path)
    try:
        codec = encoding.codec_name(chosen)
        if not can_decode(codec if codec != "utf-16" else "utf-16-le"):
            raise LookupError(chosen)
    except (LookupError, ValueError):  # `undefined` is an encoding of Python's that refuses everything
        raise ImportFileError(f"There is no encoding “{chosen}” here. Choose another one.") from None
    if codec == "utf-16":
        with path.open("rb") as file:
            _, codec = encoding.byte_order_mark(file.read(4))
        codec = codec if codec.startswith("utf-16") else "utf-16-le"
    return codec, f"{encoding.label(codec)}, as you chose"
