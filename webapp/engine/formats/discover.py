"""Finds out how to read a file: its format, encoding, delimiter, quotes and header, each with the reason."""

import codecs
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from webapp.engine.formats import dialect, encoding, header
from webapp.engine.formats.blocks import blocks
from webapp.engine.formats.records import Parser
from webapp.engine.formats.source import FileFormat, ReadOptions
from webapp.engine.problems import ImportProblem

_SAMPLE_BYTES = 128 * 1024
_RECORDS = 200
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


class Decided(Protocol):
    """What a person has decided already; `Overrules` is one."""

    encoding: str | None
    delimiter: str | None
    quote: str | None
    header: bool | None
    header_row: int | None
    sheet: str | None


@dataclass(slots=True)
class Discovery:
    options: ReadOptions
    encoding_reason: str = ""
    delimiter_reason: str = ""
    header_reason: str = ""
    sheets: list[str] = field(default_factory=list)
    file: BinaryIO | None = None  # the sheet of a workbook, already converted

    def facts(self) -> dict[str, Any]:
        """The part of an inspection that is known before the rows are."""
        options = asdict(self.options)
        if self.options.format != "csv":
            options |= {"delimiter": "", "quote": "", "encoding": options["encoding"] if self.encoding_reason else ""}
        return options | {
            "encoding_reason": self.encoding_reason,
            "delimiter_reason": self.delimiter_reason,
            "header_reason": self.header_reason,
            "sheets": self.sheets,
        }


def discover(path: Path, filename: str, decided: Decided) -> Discovery:
    """Raises ImportProblem when it is no file of rows."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise ImportProblem("This is an empty file: it has no bytes at all.")
    from webapp.engine.formats import ndjson, xlsx

    by_format: dict[FileFormat, Callable[[Path, Decided], Discovery]] = {
        "csv": delimited,
        "xlsx": xlsx.discover,
        "ndjson": ndjson.discover,
    }
    return by_format[format_of(head, filename)](path, decided)


def format_of(head: bytes, filename: str) -> FileFormat:
    """The first bytes decide; a name only where bytes cannot."""
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    for magic, what in _STRANGERS:
        if head.startswith(magic):
            raise ImportProblem(f"This is {what}; a table comes as CSV, TSV, Excel (.xlsx) or NDJSON.")
    if filename.lower().endswith(_JSON_NAMES):
        return "ndjson"
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return "ndjson" if start[:2] == b'{"' or start[:2] == b"{}" else "csv"


def delimited(path: Path, decided: Decided) -> Discovery:
    found = encoding_of(path, decided.encoding)
    with path.open("rb") as file:
        sample = _sample(file, found.name)
        quote = "" if decided.quote == "none" else decided.quote
        shape = dialect.detect(sample, decided.delimiter, quote)
        options = ReadOptions("csv", found.name, shape.delimiter, shape.quote, shape.escape, shape.spaced)
        head = header.detect(first_records(file, options), decided.header, decided.header_row)
    options = replace(options, header=head.is_there, header_row=head.row)
    return Discovery(options, found.reason, shape.reason, head.reason)


def encoding_of(path: Path, decided: str | None) -> encoding.Encoding:
    if not decided:
        return encoding.detect(path)
    try:
        name = encoding.known(decided)
    except LookupError:
        raise ImportProblem(f"There is no encoding “{decided}” here. Choose another one.") from None
    if name == "utf-16":
        with path.open("rb") as file:
            mark = encoding.mark_of(file.read(4))
        name = mark[1] if mark and mark[1] != "utf-8" else "utf-16-le"
    return encoding.Encoding(name, f"{encoding.label(name)}, as you chose")


def _sample(file: BinaryIO, name: str) -> str:
    """Whole lines from the beginning."""
    text = ""
    for block in blocks(file, name, _SAMPLE_BYTES):
        text += block.text
        if len(text) >= _SAMPLE_BYTES // 4:
            break
    return text


def first_records(file: BinaryIO, options: ReadOptions) -> list[list[str]]:
    """The first ones that are not blank."""
    rows: list[list[str]] = []
    file.seek(0)
    for records in Parser(options).parse(blocks(file, options.encoding, _SAMPLE_BYTES)):
        rows += [row for row in records.rows if row]
        if len(rows) >= _RECORDS:
            break
    return rows[:_RECORDS]
