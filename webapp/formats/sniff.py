"""Detects how to read a file: its format, encoding, delimiter, quotes and header, each with the reason."""

import codecs
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from webapp.formats import dialect, encoding, header, ndjson, xlsx
from webapp.formats.blocks import can_decode, read_blocks
from webapp.formats.errors import ImportFileError
from webapp.formats.records import Parser
from webapp.formats.source import FileFormat, ReadOptions

_SAMPLE_BYTES = 128 * 1024
_SAMPLE_RECORDS = 200
_JSON_SUFFIXES = (".ndjson", ".jsonl", ".ldjson")
_OTHER_FORMATS = (
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls). Save it as .xlsx or CSV"),
    (b"\x1f\x8b", "a compressed file (gzip). Unpack it first"),
    (b"BZh", "a compressed file (bzip2). Unpack it first"),
    (b"\xfd7zXZ", "a compressed file (xz). Unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a compressed file (zstd). Unpack it first"),
    (b"SQLite format 3\0", "a SQLite database. Export its table as CSV first"),
    (b"PAR1", "a Parquet file. Convert it to CSV first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


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
    converted: BinaryIO | None = None  # the sheet of a workbook as CSV

    def report_fields(self) -> dict[str, Any]:
        """The fields of an `InspectionReport` that are known before the rows are read."""
        options = asdict(self.options)
        if self.options.format != "csv":
            options |= {"delimiter": "", "quote": "", "encoding": options["encoding"] if self.encoding_reason else ""}
        return options | {
            "encoding_reason": self.encoding_reason,
            "delimiter_reason": self.delimiter_reason,
            "header_reason": self.header_reason,
            "sheets": self.sheets,
        }


def sniff(path: Path, filename: str, overrides: ReadOverrides) -> SniffResult:
    """Raises ImportFileError if it is not a file of rows."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise ImportFileError("This is an empty file: it has no bytes at all.")
    return _SNIFFERS[_sniff_format(head, filename)](path, overrides)


def _sniff_format(head: bytes, filename: str) -> FileFormat:
    """By the first bytes; by the name only where bytes cannot tell."""
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    for magic, what in _OTHER_FORMATS:
        if head.startswith(magic):
            raise ImportFileError(f"This is {what}; a table comes as CSV, TSV, Excel (.xlsx) or NDJSON.")
    if filename.lower().endswith(_JSON_SUFFIXES):
        return "ndjson"
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return "ndjson" if start[:2] == b'{"' or start[:2] == b"{}" else "csv"


def _sniff_csv(path: Path, overrides: ReadOverrides) -> SniffResult:
    codec, encoding_reason = _sniff_encoding(path, overrides.encoding)
    with path.open("rb") as file:
        quote = "" if overrides.quote == "none" else overrides.quote
        options, delimiter_reason = dialect.detect(_first_lines(file, codec), overrides.delimiter, quote)
        options = replace(options, encoding=codec)
        rows = _first_records(file, options)
    has_header, header_row, header_reason = header.detect(rows, overrides.header, overrides.header_row)
    options = replace(options, header=has_header, header_row=header_row)
    return SniffResult(options, encoding_reason, delimiter_reason, header_reason)


def _sniff_xlsx(path: Path, overrides: ReadOverrides) -> SniffResult:
    converted, sheet, sheets = xlsx.convert(path, overrides.sheet)
    rows = _first_records(converted, ReadOptions())
    has_header, header_row, reason = header.detect(rows, overrides.header, overrides.header_row)
    options = ReadOptions("xlsx", header=has_header, header_row=header_row, sheet=sheet)
    return SniffResult(options, header_reason=reason, sheets=sheets, converted=converted)


def _sniff_ndjson(path: Path, overrides: ReadOverrides) -> SniffResult:
    codec, reason = _sniff_encoding(path, overrides.encoding)
    options = ReadOptions("ndjson", codec, header=True, keys=ndjson.find_keys(path, codec))
    return SniffResult(options, encoding_reason=reason, header_reason="the keys of the objects")


_SNIFFERS: dict[FileFormat, Callable[[Path, ReadOverrides], SniffResult]] = {
    "csv": _sniff_csv,
    "xlsx": _sniff_xlsx,
    "ndjson": _sniff_ndjson,
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


def _first_lines(file: BinaryIO, codec: str) -> str:
    """Whole lines from the beginning."""
    text = ""
    for block in read_blocks(file, codec, _SAMPLE_BYTES):
        text += block.text
        if len(text) >= _SAMPLE_BYTES // 4:
            break
    return text


def _first_records(file: BinaryIO, options: ReadOptions) -> list[list[str]]:
    """The first records that are not blank."""
    rows: list[list[str]] = []
    file.seek(0)
    for records in Parser(options).parse(read_blocks(file, options.encoding, _SAMPLE_BYTES)):
        rows += [row for row in records.rows if row]
        if len(rows) >= _SAMPLE_RECORDS:
            break
    return rows[:_SAMPLE_RECORDS]
