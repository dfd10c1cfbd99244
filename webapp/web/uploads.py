"""Uploads: streamed from the connection to disk in small pieces and hashed on the way; failures leave nothing
behind.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar, cast

from quart import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from webapp.db.errors import StorageFull
from webapp.db.folders import private_folder
from webapp.extensions import config
from webapp.web.application import untimed
from webapp.web.body import URLENCODED, BoundedRequest
from webapp.web.body_limits import FORM_MEMORY

P = ParamSpec("P")
T = TypeVar("T")

BLOCK = 1024 * 1024  # bytes written per switch to a thread
DECODER_MEMORY = 1024 * 1024  # more than one chunk of a body
MAX_PARTS = 50
MAX_FILENAME = 200  # characters
RAW = "file"  # the field name for a body that is a file itself, as `curl -T` sends it


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived completely. It is deleted unless it is moved."""

    name: str  # the form field
    filename: str  # the sender's name for it, without folders
    content_type: str
    path: Path
    size: int  # bytes
    sha256: str

    def move_to(self, path: Path) -> None:
        """Keep it, on the same file system; `receive` no longer deletes it."""
        self.path.replace(path)


@dataclass(slots=True)
class Received:
    """A form: its text fields, and its files in order of arrival. An empty file field yields no file."""

    fields: MultiDict[str, str] = field(default_factory=MultiDict)
    uploads: list[Upload] = field(default_factory=list)

    def upload(self, *names: str) -> Upload | None:
        """The first file sent under one of the names."""
        return next((upload for name in names for upload in self.uploads if upload.name == name), None)


@asynccontextmanager
async def receive(directory: Path, *, as_files: Collection[str] = ()) -> AsyncIterator[Received]:
    """The request's body, with its files in `directory` while the `async with` block runs.

    Takes a multipart form, a urlencoded one, or any other type as one file called `file`. Text fields named in
    `as_files` become files too: a pasted table may be too large for memory. The view's `@body_limit` applies.
    """
    files = _Files(private_folder(directory))
    incoming = cast(BoundedRequest, request)
    _check_room(directory, incoming.content_length or 0)
    try:
        async with untimed():
            if incoming.mimetype == URLENCODED:
                incoming.max_content_length = config().body_limit  # this type is read into memory
                received = Received(await incoming.form)
            elif incoming.mimetype == "multipart/form-data":
                received = await _Multipart(incoming, files, as_files).read()
            else:
                received = Received(uploads=[await _raw(incoming, files)])
        yield received
    finally:
        files.clear()


async def _raw(incoming: BoundedRequest, files: "_Files") -> Upload:
    _, options = parse_options_header(incoming.headers.get("Content-Disposition"))
    file = files.new(RAW, options.get("filename") or incoming.args.get("filename", ""), incoming.mimetype)
    async for piece in incoming.body:
        await file.write(piece)
    return await file.finish()


class _Multipart:
    """Parses one multipart body."""

    def __init__(self, incoming: BoundedRequest, files: "_Files", as_files: Collection[str]) -> None:
        boundary = incoming.mimetype_params.get("boundary", "")
        if not boundary.isascii() or not boundary:
            raise BadRequest("The form could not be read: its boundary is missing, or is none.")
        self._body = incoming.body
        self._files = files
        self._as_files = as_files
        self._decoder = MultipartDecoder(boundary.encode("ascii"), DECODER_MEMORY, max_parts=MAX_PARTS)
        self._received = Received()
        self._file: _File | None = None
        self._field = ""
        self._text = bytearray()

    async def read(self) -> Received:
        try:
            async for piece in self._body:
                self._decoder.receive_data(piece)
                for event in self._events():
                    await self._take(event)
            self._decoder.receive_data(None)  # a truncated form is an error
            for event in self._events():
                await self._take(event)
        except (ValueError, AttributeError) as error:  # raised by the decoder for malformed input
            raise BadRequest("The form could not be read: it is malformed or breaks off.") from error
        return self._received

    def _events(self) -> Iterator[Event]:
        while not isinstance(event := self._decoder.next_event(), NeedData | Epilogue):
            yield event

    async def _take(self, event: Event) -> None:
        if isinstance(event, Data):
            await (self._take_text(event) if self._file is None else self._take_file(self._file, event))
        elif isinstance(event, File | Field):
            self._begin(event)

    def _begin(self, part: File | Field) -> None:
        self._field = part.name or ""
        self._file = None
        self._text.clear()
        if isinstance(part, File) or self._field in self._as_files:
            filename = part.filename if isinstance(part, File) else ""
            self._file = self._files.new(self._field, filename, part.headers.get("Content-Type", ""))

    async def _take_file(self, file: "_File", data: Data) -> None:
        await file.write(data.data)
        if not data.more_data:
            upload = await file.finish()
            if upload.size or upload.filename:
                self._received.uploads.append(upload)

    async def _take_text(self, data: Data) -> None:
        self._text += data.data
        if len(self._text) > FORM_MEMORY:
            raise RequestEntityTooLarge
        if not data.more_data:
            self._received.fields.add(self._field, self._text.decode("utf-8", "replace"))


class _Files:
    """The files of one request; `clear` deletes those that were not moved, complete or not."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: list[_File] = []

    def new(self, name: str, filename: str, content_type: str) -> "_File":
        file = _File(self._directory / f".upload-{secrets.token_hex(16)}", name, clean_filename(filename), content_type)
        self._made.append(file)
        return file

    def clear(self) -> None:
        for file in self._made:
            file.discard()


class _File:
    """A file being received."""

    def __init__(self, path: Path, name: str, filename: str, content_type: str) -> None:
        self._path = path
        self._name, self._filename, self._content_type = name, filename, content_type
        self._file = open(path, "xb", buffering=0, opener=_private)  # noqa: SIM115  (closed by finish or discard)
        self._hash = hashlib.sha256()
        self._pending = bytearray()
        self._size = 0

    async def write(self, data: bytes) -> None:
        self._pending += data
        if len(self._pending) >= BLOCK:
            await self._flush()

    async def finish(self) -> Upload:
        if self._pending:
            await self._flush()
        self._file.close()
        return Upload(self._name, self._filename, self._content_type, self._path, self._size, self._hash.hexdigest())

    def discard(self) -> None:
        self._file.close()
        with suppress(FileNotFoundError):
            self._path.unlink()

    async def _flush(self) -> None:
        block, self._pending = self._pending, bytearray()
        await _in_thread(self._store, block)
        self._size += len(block)

    def _store(self, block: bytearray) -> None:
        self._hash.update(block)
        left = memoryview(block)
        while left:
            left = left[self._file.write(left) :]


def clean_filename(filename: str) -> str:
    """A name that is safe to show and to offer for download: no folders, no control characters, limited length."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    return "".join(letter for letter in name if letter.isprintable())[:MAX_FILENAME].strip()


def _check_room(directory: Path, expected: int) -> None:
    """Report at once what would otherwise only surface after a gigabyte."""
    if shutil.disk_usage(directory).free < expected:
        raise StorageFull


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Unlike `to_thread` it always waits for the thread: a file that a thread still writes must not be closed."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _private(path: Any, flags: int) -> int:
    return os.open(path, flags, 0o600)
