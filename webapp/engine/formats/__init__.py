"""File formats: detecting them and reading their rows."""

from pathlib import Path
from typing import BinaryIO

from webapp.engine.formats.source import Batch, FileFormat, ReadOptions, Reject, Source

__all__ = ["Batch", "FileFormat", "ReadOptions", "Reject", "Source", "open_source"]


def open_source(path: Path, options: ReadOptions, converted: BinaryIO | None = None) -> Source:
    """Read the file with these `options`. The same file and options always yield the same batches.

    `converted` is the CSV of a workbook's sheet, if it has just been created.
    """
    from webapp.engine.formats.delimited import DelimitedSource
    from webapp.engine.formats.ndjson import NdjsonSource
    from webapp.engine.formats.xlsx import XlsxSource

    if options.format == "ndjson":
        return NdjsonSource(path, options)
    return XlsxSource(path, options, converted) if options.format == "xlsx" else DelimitedSource(path, options)
