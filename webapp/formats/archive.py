"""ZIP archives: what kind of file one is, and guards against bombs.

The sizes an archive declares are checked, the actual ones, and where the cells of a workbook are.
"""

import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from webapp.formats.errors import ImportFileError
from webapp.formats.package import part_name, workbook_part

MIB = 1024 * 1024
MAX_INFLATED = 2048 * MIB  # bytes, of all parts together
_USUAL_RATIO = 50  # no ordinary workbook unpacks to more
MAX_RATIO = 200  # uncompressed to compressed, for parts large enough to matter
_LARGE = 10 * MIB  # bytes of a part whose ratio matters
_MAX_PARTS = 10_000
_BLOCK = MIB  # bytes unpacked at a time
MAX_ROWS = 1_048_576  # of a sheet in Excel; a column beyond its last one, XFD, is in the pattern
_MAX_TAG = 65_536  # bytes of a tag that is searched across blocks
# A cell or a row (`<c r="XFE1">`, `<row r="1048577">`) whose column is too far, or whose row may be: 7 digits and more.
_FAR = rb"""=\s*["']\s*\+?(?:(?:[A-Z]{4,}|X(?:F[E-Z]|[G-Z][A-Z])|[YZ][A-Z]{2})\d|[A-Z]{0,3}0*(?P<row>[1-9]\d{6,}))"""
_FAR_VALUE = re.compile(_FAR, re.IGNORECASE)  # of any attribute: found ten times as fast, and seldom there
_FAR_REFERENCE = re.compile(rb"<(?:[\w.-]+:)?(?:c|row)\s[^<]*?\br\s*" + _FAR, re.IGNORECASE)
ARCHIVE = b"PK\x03\x04"  # what it begins with
COMPRESSED = (ARCHIVE, b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_LISTED = 10  # files of an archive that are named
# What else is a ZIP archive inside, by a part that all of them have.
_OTHER_PARTS = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "index.zip": "an Apple Numbers or Pages document",
    "index/document.iwa": "an Apple Numbers or Pages document",
    "meta-inf/container.xml": "an electronic book (EPUB)",
    "meta-inf/manifest.mf": "a Java archive",
    "androidmanifest.xml": "an Android application",
}
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_LOCAL_HEADER = 30  # bytes, before a name and an extra field whose lengths it ends with


Contents = Literal["xlsx", "xlsb", "ods", "file"]


def ensure_safe(path: Path) -> tuple[Contents, int]:
    """What the archive is, and the bytes of all parts, unpacked. Raises ImportFileError, too if it is no table.

    Declared sizes can lie, so everything is decompressed once and not stored. References to cells can lie too: a reader
    makes room for every row and column before the farthest.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            parts = archive.infolist()
            _check_declared_sizes(parts)
            contents = _contents(archive)
            if contents == "file":
                return contents, _files(archive)[0].file_size
            return contents, _check_actual_sizes(file, parts)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise ImportFileError(f"This file (a ZIP archive or an Excel file) is damaged ({error}).") from error


def unpack_single(path: Path, target: BinaryIO) -> str:
    """Write the only file of the archive to `target`; return its name. Raises ImportFileError."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = _files(archive)[0]
            with archive.open(part) as source:
                total = 0
                while block := source.read(_BLOCK):
                    total += len(block)
                    ensure_plausible(total, part.compress_size)
                    target.write(block)
            return part.filename
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ImportFileError(f"This ZIP archive is damaged and cannot be unpacked ({error}).") from error


def ensure_plausible(inflated: int, packed: int) -> None:
    """Raises ImportFileError if so much from so little, or that much at all, cannot be meant."""
    if inflated > MAX_INFLATED or (inflated > _LARGE and _ratio(inflated, packed) > MAX_RATIO):
        raise ImportFileError(
            f"This compressed file would unpack from {packed / MIB:,.1f} MB to {inflated / MIB:,.0f} MB or more. A file"
            f" may unpack to {MAX_INFLATED // MIB:,} MB and to {MAX_RATIO} times its size. Unpack it and upload the"
            " table itself."
        )


def _contents(archive: zipfile.ZipFile) -> Contents:
    names = {part_name(name) for name in archive.namelist()}
    if workbook_part(archive):
        return "xlsx"
    if "xl/workbook.bin" in names:
        return "xlsb"
    if {"mimetype", "content.xml"} <= names:
        with archive.open("mimetype") as file:
            kind = file.read(100).decode("ascii", "replace").strip()
        if kind.startswith(_OPEN_DOCUMENT + "spreadsheet"):
            return "ods"
        raise ImportFileError(
            f"This is an OpenDocument file of another kind ({kind.removeprefix(_OPEN_DOCUMENT)}), no spreadsheet. Save"
            " its table as .ods, .xlsx or CSV."
        )
    if what := next((what for part, what in _OTHER_PARTS.items() if part in names), None):
        raise ImportFileError(f"This is {what}. Copy its table into a spreadsheet, or save it as CSV, and upload that.")
    files = _files(archive)
    if len(files) == 1:
        return "file"
    listed = ", ".join(shown(part.filename) for part in files[:_LISTED])
    more = f" and {len(files) - _LISTED:,} more" if len(files) > _LISTED else ""
    raise ImportFileError(
        f"This ZIP archive holds {len(files):,} files: {listed}{more}. Unpack it and upload the one you mean."
        if files
        else "This ZIP archive is empty."
    )


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Without folders, and without what systems add by themselves."""
    return [
        part
        for part in archive.infolist()
        if not part.is_dir()
        and not part.filename.startswith("__MACOSX/")
        and not PurePosixPath(part.filename).name.startswith("._")  # what macOS stores beside a file
        and PurePosixPath(part.filename).name not in (".DS_Store", "Thumbs.db", "desktop.ini")
    ]


def shown(name: str) -> str:
    """A file's name in a sentence: strangers choose it."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 60 else printable[:59] + "…"


def unpacked_size(path: Path) -> int:
    """The bytes of a file that may have to be read: of an archive, what one of this size usually unpacks to.

    Its directory is not looked at: reading that takes memory, for which only the reader of workbooks has a limit.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        is_archive = file.read(6).startswith(COMPRESSED)
    return max(size, min(_USUAL_RATIO * size, MAX_INFLATED)) if is_archive else size


def _ratio(inflated: int, packed: int) -> float:
    return inflated / max(packed, 1)


def _bomb_error(inflated: int, packed: int) -> ImportFileError:
    return ImportFileError(
        f"This compressed file would unpack from {packed / MIB:,.1f} MB to {inflated / MIB:,.0f} MB or more, a"
        f" decompression ratio of {_ratio(inflated, packed):,.0f}. Workbooks and tables stay far below {MAX_RATIO}: it"
        " was not opened. Save the table alone as CSV and upload that."
    )


def _check_declared_sizes(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > _MAX_PARTS:
        raise ImportFileError(
            f"This file has {len(parts):,} parts or files inside, and may have {_MAX_PARTS:,}. Save the table alone as"
            " CSV and import that."
        )
    if sum(part.file_size for part in parts) > MAX_INFLATED:
        raise ImportFileError(
            f"This file has over {MAX_INFLATED // MIB:,} MB unpacked. Save the table alone as CSV and import that."
        )
    for part in parts:
        if part.flag_bits & 1:
            raise ImportFileError("This file needs a password. Save it without one and upload it again.")
        if part.file_size > _LARGE and _ratio(part.file_size, part.compress_size) > MAX_RATIO:
            raise _bomb_error(part.file_size, part.compress_size)


def _check_actual_sizes(file: BinaryIO, parts: list[zipfile.ZipInfo]) -> int:
    total = 0
    for part in parts:
        total += _inflated_size(file, part)
        if total > MAX_INFLATED:
            raise _bomb_error(total, sum(part.compress_size for part in parts))
    return total


def _inflated_size(file: BinaryIO, part: zipfile.ZipInfo) -> int:
    """The actual size of a part, whose cells are checked. `zipfile` stops at the declared size; others need not."""
    file.seek(part.header_offset)
    header = file.read(_LOCAL_HEADER)
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    cells = _CellReferences()
    if part.compress_type == zipfile.ZIP_STORED:
        left = part.compress_size
        while left and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            cells.check(block)
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
            block = inflater.decompress(packed, _BLOCK)
            cells.check(block)
            total += len(block)
            packed = inflater.unconsumed_tail
            if total > _LARGE and _ratio(total, part.compress_size) > MAX_RATIO:
                raise _bomb_error(total, part.compress_size)
    return total


class _CellReferences:
    """Looks at a part block by block."""

    def __init__(self) -> None:
        self._tag = b""  # the last one, whose end may be in the next block

    def check(self, block: bytes) -> None:
        """Raises ImportFileError if a cell or row is where no sheet has any."""
        text = self._tag + block
        for found in _FAR_REFERENCE.finditer(text) if _FAR_VALUE.search(text) else ():
            if found["row"] is None or len(found["row"]) > 7 or int(found["row"]) > MAX_ROWS:
                raise ImportFileError(
                    f"This Excel file has cells beyond row {MAX_ROWS:,} or column XFD, where no sheet has any. It was"
                    " not opened. Save the table anew in a spreadsheet program, or as CSV."
                )
        last = text.rfind(b"<", -_MAX_TAG)
        self._tag = text[last:] if last >= 0 else b""
