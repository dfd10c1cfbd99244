"""Guards against ZIP bombs: checks the sizes an archive declares, and the actual ones."""

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from webapp.formats.errors import ImportFileError

MIB = 1024 * 1024
MAX_INFLATED = 2048 * MIB  # bytes, of all parts together
MAX_RATIO = 200  # uncompressed to compressed, for parts large enough to matter
_LARGE = 10 * MIB  # bytes of a part whose ratio matters
_MAX_PARTS = 10_000
_BLOCK = MIB  # bytes unpacked at a time
_LOCAL_HEADER = 30  # bytes, before a name and an extra field whose lengths it ends with


def ensure_safe(path: Path) -> None:
    """Raises ImportFileError. Declared sizes can lie, so everything is decompressed once and not stored."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            parts = archive.infolist()
            _check_declared_sizes(parts)
            if "xl/workbook.xml" not in archive.namelist():
                raise ImportFileError("This is a ZIP archive and no Excel workbook (.xlsx). Unpack it first.")
            _check_actual_sizes(file, parts)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise ImportFileError(f"This Excel file is damaged and cannot be opened ({error}).") from error


def _ratio(inflated: int, packed: int) -> float:
    return inflated / max(packed, 1)


def _bomb_error(inflated: int, packed: int) -> ImportFileError:
    return ImportFileError(
        f"This Excel file would unpack from {packed / MIB:,.1f} MB to {inflated / MIB:,.0f} MB or more, a decompression"
        f" ratio of {_ratio(inflated, packed):,.0f}. Real workbooks stay far below {MAX_RATIO}: it was not opened."
    )


def _check_declared_sizes(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > MAX_INFLATED:
        raise ImportFileError(
            f"This Excel file has over {MAX_INFLATED // MIB:,} MB unpacked. Save the sheet as CSV and import that."
        )
    for part in parts:
        if part.flag_bits & 1:
            raise ImportFileError("This Excel file is encrypted. Save it without a password and upload it again.")
        if part.file_size > _LARGE and _ratio(part.file_size, part.compress_size) > MAX_RATIO:
            raise _bomb_error(part.file_size, part.compress_size)


def _check_actual_sizes(file: BinaryIO, parts: list[zipfile.ZipInfo]) -> None:
    total = 0
    for part in parts:
        total += _inflated_size(file, part)
        if total > MAX_INFLATED:
            raise _bomb_error(total, sum(part.compress_size for part in parts))


def _inflated_size(file: BinaryIO, part: zipfile.ZipInfo) -> int:
    """The actual size of a part. `zipfile` stops at the declared size; other readers need not."""
    file.seek(part.header_offset)
    header = file.read(_LOCAL_HEADER)
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    if part.compress_type == zipfile.ZIP_STORED:
        return part.compress_size
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile("an unusual compression")
    inflater, left, total = zlib.decompressobj(-15), part.compress_size, 0
    while left and not inflater.eof:
        packed = file.read(min(_BLOCK, left))
        if not packed:
            raise EOFError("it ends early")
        left -= len(packed)
        while packed:
            total += len(inflater.decompress(packed, _BLOCK))
            packed = inflater.unconsumed_tail
            if total > _LARGE and _ratio(total, part.compress_size) > MAX_RATIO:
                raise _bomb_error(total, part.compress_size)
    return total
