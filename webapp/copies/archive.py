"""One file with many members, each with its hash, and a manifest that says what they are: a ZIP file (zip64).

It is written under a temporary name and gets its own once it is complete and on the disk. What is read may be damaged,
cut off or forged: everything is compared with the manifest, which is read first, before anybody does anything with it.
Names in the file are never used as paths.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo
from zlib import error as ZlibError

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webapp.copies.heading import problem_with
from webapp.db.errors import UserError
from webapp.db.folders import FILE_MODE

MANIFEST: Final = "manifest.json"
MAX_MANIFEST: Final = 256 * 1024 * 1024  # bytes
MAX_LINE: Final = 1024 * 1024 * 1024  # bytes; a row of a table may have thousands of long cells
MAX_RATIO: Final = 1_100  # of what is unpacked to what is stored; DEFLATE reaches 1,032
BLOCK: Final = 1024 * 1024
_LEVEL: Final = 1  # of compression
_MADE: Final = (1980, 1, 1, 0, 0, 0)  # of every member: equal contents make equal files

Progress = Callable[[int, int], None]  # (bytes done, rows)
Begin = Callable[[str, int], Progress]  # (what is done from here on, of how much): the progress of this step
M = TypeVar("M", bound=BaseModel)


class BadArchive(UserError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name} cannot be used: {why} Nothing was changed.")


class Member(BaseModel):
    """What the manifest says of a member. `lines`: how many it has; None if it is not made of lines."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    lines: int | None = Field(default=None, ge=0)


class ArchiveWriter:
    def __init__(self, archive: ZipFile, progress: Progress) -> None:
        self._archive, self._progress = archive, progress
        self._bytes = self._lines = 0

    def write_lines(self, name: str, lines: Iterable[bytes]) -> Member:
        return self._write(name, lines, has_lines=True)

    def write_blocks(self, name: str, blocks: Iterable[bytes]) -> Member:
        return self._write(name, blocks, has_lines=False)

    def write_file(self, name: str, path: Path) -> Member:
        with path.open("rb") as file:
            return self.write_blocks(name, iter(lambda: file.read(BLOCK), b""))

    def write_manifest(self, manifest: BaseModel) -> None:
        self._archive.writestr(_info(MANIFEST), manifest.model_dump_json().encode(), compresslevel=_LEVEL)

    def _write(self, name: str, pieces: Iterable[bytes], *, has_lines: bool) -> Member:
        digest, size, count = hashlib.sha256(), 0, 0
        with self._archive.open(_info(name), "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                member.write(piece)
                size, count = size + len(piece), count + 1
                if has_lines and count % 1_000 == 0:
                    self._progress(self._bytes + size, self._lines + count)
        self._bytes, self._lines = self._bytes + size, self._lines + (count if has_lines else 0)
        self._progress(self._bytes, self._lines)
        return Member(name=name, size=size, sha256=digest.hexdigest(), lines=count if has_lines else None)


class TargetExists(UserError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already. Choose another name, or replace it with --force.")


@contextmanager
def written(path: Path, *, force: bool, progress: Progress) -> Iterator[ArchiveWriter]:
    """A new archive, which nobody else can read. If the block fails, there is none. Raises `TargetExists`."""
    if not force and os.path.lexists(path):
        raise TargetExists(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                yield ArchiveWriter(archive, progress)
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path, force=force)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _publish(draft: Path, path: Path, *, force: bool) -> None:
    """A file that somebody has made meanwhile stays, too. Not every file system has hard links."""
    if not force:
        try:
            os.link(draft, path)
            return
        except FileExistsError:
            raise TargetExists(path) from None
        except OSError:
            if os.path.lexists(path):
                raise TargetExists(path) from None
    draft.replace(path)


def sync_folder(folder: Path) -> None:
    """Names are on the disk once their folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ArchiveReader:
    """Raises `BadArchive` from every method."""

    def __init__(self, path: Path, archive: ZipFile) -> None:
        self._path, self._archive = path, archive
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise self.bad("two parts of it have the same name.")

    def bad(self, why: str) -> BadArchive:
        return BadArchive(self._path, why)

    def read_manifest(self, kind: type[M], newest_revision: str) -> M:
        """`newest_revision`: that this version has of the database."""
        try:
            info = self._archive.getinfo(MANIFEST)
        except KeyError:
            raise self.bad("it is no archive of Rowcast.") from None
        if info.file_size > MAX_MANIFEST:
            raise self.bad("its manifest is too large.")
        with self._readable():
            data = b"".join(self._blocks(info, info.file_size))
        if problem := problem_with(data, kind, newest_revision):
            raise self.bad(problem)
        try:
            return kind.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise self.bad(
                f"its manifest is not one that this version understands ({place}: {first['msg']})."
            ) from None

    def verify(self, members: Iterable[Member], begin: Begin) -> None:
        """Read everything once, and compare it with the manifest. Nothing else may be in the archive."""
        members = list(members)
        progress = begin("Verifying", sum(member.size for member in members))
        known, found = {member.name for member in members}, set(self._archive.namelist()) - {MANIFEST}
        if known != found or len(known) < len(members):
            raise self.bad("it has not the parts that its manifest lists.")
        done = rows = 0
        for member in members:
            digest, lines = hashlib.sha256(), 0
            with self._readable():
                for block in self._blocks(self._info(member), member.size):
                    digest.update(block)
                    lines += block.count(b"\n")
                    done += len(block)
                    progress(done, rows)
            if digest.hexdigest() != member.sha256:
                raise self.bad(f"the part {member.name} is damaged.")
            if member.lines is not None and member.lines != lines:
                raise self.bad(f"the part {member.name} has not as many rows as its manifest says.")
            rows += member.lines or 0

    def lines(self, member: Member) -> Generator[bytes, None, None]:
        rest = b""
        with self._readable(), closing(self._blocks(self._info(member), member.size)) as blocks:
            for block in blocks:
                *whole, rest = (rest + block).split(b"\n")
                yield from whole
                if len(rest) > MAX_LINE:
                    raise self.bad(f"a row in the part {member.name} is too long.")
        if rest:
            raise self.bad(f"the part {member.name} ends within a row.")

    def blocks(self, member: Member) -> Generator[bytes, None, None]:
        with self._readable():
            yield from self._blocks(self._info(member), member.size)

    def extract(self, member: Member, path: Path) -> None:
        """To a path that the caller has chosen, and at which nothing is yet."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            for block in self.blocks(member):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())

    def _info(self, member: Member) -> ZipInfo:
        info = self._archive.getinfo(member.name)
        if info.file_size != member.size or info.file_size > max(info.compress_size, 1_000) * MAX_RATIO:
            raise self.bad(f"the part {member.name} has not the size that its manifest says.")
        return info

    def _blocks(self, info: ZipInfo, size: int) -> Generator[bytes, None, None]:
        with self._archive.open(info) as file:
            left = size
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block
            if left or file.read(1):
                raise self.bad(f"the part {info.filename} has not the size that its manifest says.")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (BadZipFile, ZlibError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self.bad(f"it is damaged ({error}).") from error


@contextmanager
def opened(path: Path) -> Iterator[ArchiveReader]:
    """Raises `BadArchive`."""
    try:
        archive = ZipFile(path)
    except (BadZipFile, NotImplementedError, ValueError) as error:
        raise BadArchive(path, f"it is no archive of Rowcast, or cut off ({error}).") from error
    with archive:
        yield ArchiveReader(path, archive)


def _info(name: str) -> ZipInfo:
    info = ZipInfo(name, _MADE)
    info.compress_type = ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | FILE_MODE) << 16
    return info


def size_of(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
