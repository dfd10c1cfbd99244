"""Compressed files: the one file inside is read in their place.

It is unpacked to a file without a name, so that nothing is left whatever becomes of the process.
"""

import bz2
import gzip
import io
import lzma
import os
import sys
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from webapp.formats import archive, xlsx
from webapp.formats.errors import ImportFileError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 1024 * 1024
_MAX_DEPTH = 2  # a file in a compressed file in an archive
_MAX_MEMORY = 128 * 1024 * 1024  # bytes a decompressor may look back, and more than any default
_GZIP_NAME, _GZIP_EXTRA = 8, 4  # flags of the header (RFC 1952)


Stream = IO[bytes]


class _XzFile(io.RawIOBase):
    """`lzma.LZMAFile` with a limit of memory: the dictionary that a file asks for may be gigabytes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decompressor = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_MEMORY)

    def read(self, size: int = -1, /) -> bytes:
        while True:
            if self._decompressor.eof:
                rest = self._decompressor.unused_data.lstrip(b"\0") or self._file.read(_BLOCK).lstrip(b"\0")
                if not rest:
                    return b""
                self._decompressor = self._new()  # one stream may follow another
            else:
                rest = self._file.read(_BLOCK) if self._decompressor.needs_input else b""
                if not rest and self._decompressor.needs_input:
                    raise EOFError("it ends early")
            if block := self._decompressor.decompress(rest, size):
                return block

    def close(self) -> None:
        self._file.close()
        super().close()


def _open_zstd(path: Path) -> Stream:
    options = {int(zstd.DecompressionParameter.window_log_max): _MAX_MEMORY.bit_length() - 1}
    return cast(Stream, zstd.ZstdFile(str(path), "rb", options=options))


# By the first bytes: what the compression is called, the suffix of such files, and what opens them.
_COMPRESSIONS: dict[bytes, tuple[str, str, Callable[[Path], Stream]]] = {
    b"\x1f\x8b": ("gzip", ".gz", lambda path: cast(Stream, gzip.GzipFile(path))),
    b"BZh": ("bzip2", ".bz2", lambda path: cast(Stream, bz2.BZ2File(path))),
    b"\xfd7zXZ\0": ("xz", ".xz", lambda path: cast(Stream, _XzFile(path))),
    b"\x28\xb5\x2f\xfd": ("zstd", ".zst", _open_zstd),
}
_ERRORS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstd.ZstdError)


@dataclass(slots=True, weakref_slot=True)
class PlainFile:
    """A file that is not compressed. If it was unpacked, `path` exists as long as this object."""

    path: Path
    name: str
    folder: Path  # where there is room for what is made from it
    inside: list[str] = field(default_factory=list)  # the names of the files that were opened on the way
    file: BinaryIO | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            weakref.finalize(self, self.file.close)

    @property
    def is_archive(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(len(archive.ARCHIVE)) == archive.ARCHIVE

    def unpacked(self, file: BinaryIO, name: str) -> "PlainFile":
        """The file inside this one. Raises ImportFileError if too many are wrapped around each other."""
        if len(self.inside) >= _MAX_DEPTH:
            file.close()
            raise ImportFileError("This file is compressed several times over. Unpack it and upload the table itself.")
        path = Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        return PlainFile(path, name, self.folder, [*self.inside, name], file)


def plain_file(path: Path, filename: str) -> PlainFile:
    """The file itself, or what is compressed in it. Raises ImportFileError. ZIP archives stay as they are."""
    return unpack(PlainFile(path, filename, path.parent))


def unpack(plain: PlainFile) -> PlainFile:
    while compression := _compression(plain.path):
        plain = _decompress(plain, *compression)
    return plain


def unpack_archive(plain: PlainFile) -> PlainFile:
    """What is in a ZIP archive of one file. Raises ImportFileError if it is another archive, or a workbook."""
    converted = xlsx.convert(plain.path, None, plain.folder)
    if converted.unpacked is None:
        raise ImportFileError("This file is a workbook, and was none when it was read first. Upload it again.")
    return unpack(plain.unpacked(converted.file, converted.unpacked))


def _compression(path: Path) -> tuple[str, str, Callable[[Path], Stream]] | None:
    with path.open("rb") as file:
        head = file.read(8)
    return next((found for magic, found in _COMPRESSIONS.items() if head.startswith(magic)), None)


def _decompress(plain: PlainFile, kind: str, suffix: str, open_: Callable[[Path], Stream]) -> PlainFile:
    packed = plain.path.stat().st_size
    target = xlsx.temporary_file(plain.folder)
    total = 0
    try:
        with open_(plain.path) as source:
            while block := source.read(_BLOCK):
                total += len(block)
                archive.ensure_plausible(total, packed)
                target.write(block)
    except ImportFileError:
        target.close()
        raise
    except _ERRORS as error:
        target.close()
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the file's
            raise
        raise ImportFileError(f"This compressed file ({kind}) is damaged or incomplete, and was not opened.") from error
    target.flush()
    if not total:
        target.close()
        raise ImportFileError(f"This is a compressed file ({kind}) with nothing in it.")
    return plain.unpacked(target, _name_inside(plain, suffix))


def _name_inside(plain: PlainFile, suffix: str) -> str:
    """What a gzip file says it holds, else its own name without the suffix."""
    name = PurePosixPath(plain.name.replace("\\", "/")).name
    with plain.path.open("rb") as file:
        head = file.read(512)
    if suffix == ".gz" and len(head) > 10 and head[3] & _GZIP_NAME and not head[3] & _GZIP_EXTRA:
        stored = head[10:].split(b"\0", 1)[0].decode("latin-1")
        if stored.isprintable() and 0 < len(stored) <= 255:
            return PurePosixPath(stored).name or name
    return name[: -len(suffix)] if name.lower().endswith(suffix) and len(name) > len(suffix) else name
