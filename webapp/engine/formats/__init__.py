"""Files of rows: what they are, and how to read them."""

from pathlib import Path
from typing import BinaryIO

from webapp.engine.formats.source import Batch, FileFormat, ReadOptions, Reject, Source

__all__ = ["Batch", "FileFormat", "ReadOptions", "Reject", "Source", "open_source"]


def open_source(path: Path, options: ReadOptions, converted: BinaryIO | None = None) -> Source:
    """Reads the file as `options` say. The same file and options give the same batches, always.

    `converted` is the CSV of a workbook's sheet, when it has just been made.
    """
    from webapp.engine.formats.delimited import DelimitedSource
    from webapp.engine.formats.ndjson import NdjsonSource
    from webapp.engine.formats.xlsx import XlsxSource

    if options.format == "ndjson":
        return NdjsonSource(path, options)
    return XlsxSource(path, options, converted) if options.format == "xlsx" else DelimitedSource(path, options)
