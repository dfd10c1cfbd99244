"""Files of rows: what they are, and how to read them."""

from pathlib import Path

from webapp.engine.formats.source import Batch, FileFormat, ReadOptions, Reject, Source

__all__ = ["Batch", "FileFormat", "ReadOptions", "Reject", "Source", "open_source"]


def open_source(path: Path, options: ReadOptions) -> Source:
    """Reads the file as `options` say. The same file and options give the same batches, always."""
    from webapp.engine.formats.delimited import DelimitedSource

    return DelimitedSource(path, options)
