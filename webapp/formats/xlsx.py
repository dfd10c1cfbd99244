"""Workbooks, and pages with tables: a child process writes one sheet as CSV to an unnamed file, which is then read like
any other.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from webapp.formats.delimited import DelimitedSource
from webapp.formats.errors import ImportFileError
from webapp.formats.process import given_up
from webapp.formats.source import Batch, ReadOptions, Remark

_PROJECT = Path(__file__).parents[2]
_TIMEOUT_SECONDS = 1800  # a child that takes this long is stuck


@dataclass(slots=True)
class Converted:
    """A sheet as CSV, in a file that vanishes once nobody reads it; or the only file of an archive, in such a file."""

    file: BinaryIO
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)  # the names of those that are offered
    listing: list[dict[str, Any]] = field(default_factory=list)  # all, with `name`, `rows`, `columns` and `hidden`
    notes: list[Remark] = field(default_factory=list)
    unpacked: str | None = None  # the name of the file from the archive


class XlsxSource(DelimitedSource):
    """Rows of one sheet; `converted` is its CSV, if it has just been created."""

    def __init__(
        self, path: Path, options: ReadOptions, converted: BinaryIO | None = None, folder: Path | None = None
    ) -> None:
        file = converted or convert(path, options.sheet, folder).file
        weakref.finalize(self, file.close)
        super().__init__(path, ReadOptions(header=options.header, header_row=options.header_row), file)
        self._share = path.stat().st_size / max(file.seek(0, os.SEEK_END), 1)

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        """Progress is counted in bytes of the workbook, because that is the size people know."""
        for batch in super().batches(size):
            batch.bytes_read = int(batch.bytes_read * self._share)
            yield batch


def convert(path: Path, sheet: str | None, folder: Path | None = None) -> Converted:
    """Raises ImportFileError. `folder` has room for the result; without it, that of the file."""
    file = temporary_file(folder or path.parent)
    command = [sys.executable, "-m", "webapp.formats.workbook", str(path.absolute()), str(os.getpid())]
    try:
        child = subprocess.run(  # noqa: S603  our own module; the file's name is an argument, no shell reads it
            command + ([sheet] if sheet is not None else []),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            env=_environment(),
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ImportFileError("This file took too long to open. Save the sheet as CSV and import that.") from None
    result = _result(child.stderr)
    if child.returncode == -signal.SIGXCPU:
        file.close()
        raise ImportFileError(given_up("file", "Save the sheet as CSV and import that."))
    if child.returncode or not ("sheet" in result or "unpacked" in result):
        file.close()
        raise ImportFileError(
            result.get("problem")
            or "This file is damaged, or needs more memory or time than one file may have."
            " Save the sheet as CSV and import that."
        )
    notes = [Remark(**note) for note in result.get("notes", ())]
    return Converted(file, **result | {"notes": notes})


def temporary_file(folder: Path) -> BinaryIO:
    """An unnamed one. Beside the workbook, where there is room for uploads; on the command line, where that may not be
    writable, in the system's temporary folder, which may be small.
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
    inherited = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return inherited | {"PYTHONPATH": str(_PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}


def _result(stderr: bytes) -> dict[str, Any]:
    """The child's last line; empty if it is not JSON, because the child was killed or failed."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    try:
        result = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}
