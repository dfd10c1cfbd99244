"""File formats: detecting them and reading their rows."""

from pathlib import Path
from typing import BinaryIO

from webapp.formats.source import Batch, FileFormat, ReadOptions, Reject, Source

__all__ = ["Batch", "FileFormat", "ReadOptions", "Reject", "Source", "open_source"]


def open_source(path: Path, options: ReadOptions, converted: BinaryIO | None = None) -> Source:
    """Read the file with these `options`. The same file and options always yield the same batches.

    `converted` is the CSV of a workbook's sheet, if it has just been created (`SniffResult.converted`).
    """
    from webapp.formats.delimited import DelimitedSource
    from webapp.formats.ndjson import NdjsonSource
    from webapp.formats.xlsx import XlsxSource

    if options.format == "ndjson":
        return NdjsonSource(path, options)
    return XlsxSource(path, options, converted) if options.format == "xlsx" else DelimitedSource(path, options)
