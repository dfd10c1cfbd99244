"""File formats: detecting them and reading their rows."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from webapp.formats.source import Account, Batch, FileFormat, ReadOptions, Reject, Source

if TYPE_CHECKING:
    from webapp.formats.unpack import PlainFile

__all__ = ["Batch", "FileFormat", "ReadOptions", "Reject", "Source", "open_source"]


def open_source(
    path: Path, options: ReadOptions, converted: BinaryIO | None = None, plain: "PlainFile | None" = None
) -> Source:
    """Read the file with these `options`. The same file and options always yield the same batches.

    `converted` is the CSV of a workbook's sheet, if it has just been created (`SniffResult.converted`), and
    `plain` what the file was unpacked to.
    """
    from webapp.formats import unpack
    from webapp.formats.delimited import DelimitedSource
    from webapp.formats.ndjson import JsonSource
    from webapp.formats.xlsx import XlsxSource

    if plain is None:
        plain = unpack.plain_file(path, path.name)
        if plain.is_archive and (options.format != "xlsx" or options.is_archived):
            plain = unpack.unpack_archive(plain)
    source: Source
    if options.format == "ndjson":
        source = JsonSource(plain.path, options)
    elif options.format == "xlsx":
        source = XlsxSource(plain.path, options, converted, plain.folder)
    else:
        source = DelimitedSource(plain.path, options)
    weakref.finalize(source, lambda kept: None, plain)  # what was unpacked is there as long as it is read
    return UnpackedSource(source, path.stat().st_size / max(plain.path.stat().st_size, 1)) if plain.inside else source


@dataclass(frozen=True)
class UnpackedSource:
    """The rows of a file that was compressed.

    Progress is counted in bytes of the upload, because that is the size people know: `share` of those unpacked.
    """

    source: Source
    share: float

    @property
    def titles(self) -> list[str]:
        return self.source.titles

    @property
    def account(self) -> Account:
        return self.source.account

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        for batch in self.source.batches(size):
            batch.bytes_read = int(batch.bytes_read * self.share)
            yield batch
