"""The result of detecting how to read a file, and what every format needs for it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from webapp.formats import encoding
from webapp.formats.blocks import blocks, can_decode
from webapp.formats.errors import ImportFileError
from webapp.formats.records import Parser
from webapp.formats.source import ReadOptions

SAMPLE_BYTES = 128 * 1024
_RECORDS = 200


class Decided(Protocol):
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
    file: BinaryIO | None = None  # the sheet of a workbook, already converted

    def facts(self) -> dict[str, Any]:
        """The part of an inspection that is known before the rows are read."""
        options = asdict(self.options)
        if self.options.format != "csv":
            options |= {"delimiter": "", "quote": "", "encoding": options["encoding"] if self.encoding_reason else ""}
        return options | {
            "encoding_reason": self.encoding_reason,
            "delimiter_reason": self.delimiter_reason,
            "header_reason": self.header_reason,
            "sheets": self.sheets,
        }


def encoding_of(path: Path, decided: str | None) -> encoding.Encoding:
    if not decided:
        return encoding.detect(path)
    try:
        name = encoding.known(decided)
        if not can_decode(name if name != "utf-16" else "utf-16-le"):
            raise LookupError(decided)
    except (LookupError, ValueError):  # `undefined` is an encoding of Python's that refuses everything
        raise ImportFileError(f"There is no encoding “{decided}” here. Choose another one.") from None
    if name == "utf-16":
        with path.open("rb") as file:
            mark = encoding.mark_of(file.read(4))
        name = mark[1] if mark and mark[1] != "utf-8" else "utf-16-le"
    return encoding.Encoding(name, f"{encoding.label(name)}, as you chose")


def first_lines(file: BinaryIO, name: str) -> str:
    """Whole lines from the beginning."""
    text = ""
    for block in blocks(file, name, SAMPLE_BYTES):
        text += block.text
        if len(text) >= SAMPLE_BYTES // 4:
            break
    return text


def first_records(file: BinaryIO, options: ReadOptions) -> list[list[str]]:
    """The first records that are not blank."""
    rows: list[list[str]] = []
    file.seek(0)
    for records in Parser(options).parse(blocks(file, options.encoding, SAMPLE_BYTES)):
        rows += [row for row in records.rows if row]
        if len(rows) >= _RECORDS:
            break
    return rows[:_RECORDS]
