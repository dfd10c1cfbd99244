"""The beginning of a file, by which its format is detected."""

import codecs
from pathlib import Path
from typing import BinaryIO

from webapp.formats import preamble
from webapp.formats.blocks import read_blocks
from webapp.formats.delimited import make_parser
from webapp.formats.source import ReadOptions

_SAMPLE_BYTES = 128 * 1024
_SAMPLE_RECORDS = 200
_KEPT_COMMENTS = 20  # of a longer run of comments above a table


def first_lines(file: BinaryIO, codec: str) -> tuple[str, bool]:
    """Whole lines from the beginning, without most of a long run of comments; and whether this is the whole file."""
    text = ""
    for block in read_blocks(file, codec, _SAMPLE_BYTES):
        text += block.text
        if len(text) >= _SAMPLE_BYTES // 4:
            lines = text.splitlines(keepends=True)
            if not all(not line.strip() or preamble.comment_mark(line) for line in lines):
                return text, block.is_last
            text = "".join(lines[-_KEPT_COMMENTS:])
    return text, True


def beginning(path: Path, codec: str) -> str:
    """The beginning of a file, whose last line may be cut off."""
    with path.open("rb") as file:
        return codecs.getincrementaldecoder(codec)("replace").decode(file.read(_SAMPLE_BYTES))


def first_records(file: BinaryIO, options: ReadOptions, *, comments: bool = True) -> tuple[list[list[str]], int]:
    """The first records that are not blank, and how many leading comments stand above them.

    The last comments stay, because one of them may hold the titles.
    """
    rows: list[list[str]] = []
    above = 0
    file.seek(0)
    for records in make_parser(options).parse(read_blocks(file, options.encoding, _SAMPLE_BYTES)):
        rows += [row for row in records.rows if row]
        if comments:
            leading = next((index for index, row in enumerate(rows) if not preamble.comment_mark(row[0])), len(rows))
            dropped = max(0, leading - _KEPT_COMMENTS)
            rows, above = rows[dropped:], above + dropped
        if len(rows) >= _SAMPLE_RECORDS:
            break
    return rows[:_SAMPLE_RECORDS], above
