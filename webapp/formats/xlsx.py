"""Excel workbooks: a child process writes one sheet as CSV to an unnamed file, which is then read like any other."""

import errno
import json
import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from webapp.formats import header
from webapp.formats.delimited import DelimitedSource
from webapp.formats.errors import ImportFileError
from webapp.formats.sniff_result import Decided, SniffResult, first_records
from webapp.formats.source import Batch, ReadOptions

_PROJECT = Path(__file__).parents[3]
_TIMEOUT = 1800  # seconds; a child that takes this long is stuck


class XlsxSource(DelimitedSource):
    """Rows of one sheet."""

    def __init__(self, path: Path, options: ReadOptions, file: BinaryIO | None = None) -> None:
        sheet = file or convert(path, options.sheet)[0]
        weakref.finalize(self, sheet.close)
        super().__init__(path, as_csv(options), sheet)
        self._share = path.stat().st_size / max(sheet.seek(0, os.SEEK_END), 1)

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        """Progress is counted in bytes of the workbook, because that is the size people know."""
        for batch in super().batches(size):
            batch.bytes_read = int(batch.bytes_read * self._share)
            yield batch


def as_csv(options: ReadOptions) -> ReadOptions:
    return ReadOptions(header=options.header, header_row=options.header_row)


def discover(path: Path, decided: Decided) -> SniffResult:
    file, said = convert(path, decided.sheet)
    head = header.detect(first_records(file, ReadOptions()), decided.header, decided.header_row)
    options = ReadOptions("xlsx", header=head.is_there, header_row=head.row, sheet=said["sheet"])
    return SniffResult(options, header_reason=head.reason, sheets=said["sheets"], file=file)


def convert(path: Path, sheet: str | None) -> tuple[BinaryIO, dict[str, Any]]:
    """The sheet as CSV, in a file that vanishes once nobody reads it; and its name among the others."""
    file = _nameless(path.parent)
    command = [sys.executable, "-m", "webapp.formats.workbook", str(path.absolute())]
    try:
        child = subprocess.run(  # noqa: S603  our own module; the file's name is an argument, no shell reads it
            command + ([sheet] if sheet is not None else []),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            env=_environment(),
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ImportFileError("This Excel file took too long to open. Save the sheet as CSV and import that.") from None
    said = _said(child.stderr)
    if child.returncode or "sheet" not in said:
        file.close()
        raise ImportFileError(
            said.get("problem")
            or "This Excel file is damaged, or needs more memory or time than one file may have."
            " Save the sheet as CSV and import that."
        )
    return file, said


def _nameless(folder: Path) -> BinaryIO:
    """Beside the workbook, where there is room for uploads; on the command line, where that may not be writable, in the
    system's temporary folder, which may be small.
    """
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(prefix="rowcast-", dir=folder))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(prefix="rowcast-"))
    except FileNotFoundError:  # raised if there is no such folder
        raise ImportFileError(
            "There is no folder for temporary files here. Set TMPDIR to one that can be written."
        ) from None


def _environment() -> dict[str, str]:
    """No secrets, because it opens strangers' files."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"PYTHONPATH": str(_PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}


def _said(stderr: bytes) -> dict[str, Any]:
    lines = stderr.decode(errors="replace").strip().splitlines()
    try:
        said = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
