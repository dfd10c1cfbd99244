"""Detects how to read a file: its format, encoding, delimiter, quotes and header, each with the reason."""

import codecs
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from webapp.formats import dialect, header, ndjson, xlsx
from webapp.formats.errors import ImportFileError
from webapp.formats.sniff_result import Decided, SniffResult, encoding_of, first_lines, first_records
from webapp.formats.source import FileFormat, ReadOptions

_JSON_NAMES = (".ndjson", ".jsonl", ".ldjson")
_STRANGERS = (
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


def sniff(path: Path, filename: str, decided: Decided) -> SniffResult:
    """Raises ImportFileError if it is not a file of rows."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise ImportFileError("This is an empty file: it has no bytes at all.")
    return _BY_FORMAT[format_of(head, filename)](path, decided)


def format_of(head: bytes, filename: str) -> FileFormat:
    """By the first bytes; by the name only where bytes cannot tell."""
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    for magic, what in _STRANGERS:
        if head.startswith(magic):
            raise ImportFileError(f"This is {what}; a table comes as CSV, TSV, Excel (.xlsx) or NDJSON.")
    if filename.lower().endswith(_JSON_NAMES):
        return "ndjson"
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return "ndjson" if start[:2] == b'{"' or start[:2] == b"{}" else "csv"


def delimited(path: Path, decided: Decided) -> SniffResult:
    found = encoding_of(path, decided.encoding)
    with path.open("rb") as file:
        sample = first_lines(file, found.name)
        quote = "" if decided.quote == "none" else decided.quote
        shape = dialect.detect(sample, decided.delimiter, quote)
        options = ReadOptions("csv", found.name, shape.delimiter, shape.quote, shape.escape, shape.spaced)
        head = header.detect(first_records(file, options), decided.header, decided.header_row)
    options = replace(options, header=head.is_there, header_row=head.row)
    return SniffResult(options, found.reason, shape.reason, head.reason)


_BY_FORMAT: dict[FileFormat, Callable[[Path, Decided], SniffResult]] = {
    "csv": delimited,
    "xlsx": xlsx.discover,
    "ndjson": ndjson.discover,
}
