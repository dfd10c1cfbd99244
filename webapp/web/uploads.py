"""Uploads: streamed from the connection to disk in small pieces and hashed on the way; failures leave nothing
behind.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

from quart import request
from werkzeug.exceptions import BadRequest
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from webapp.db.errors import StorageFull
from webapp.db.folders import FILE_MODE, private_folder
from webapp.web.application import untimed
from webapp.web.body import URLENCODED, BoundedRequest

BLOCK = 1024 * 1024  # bytes written per switch to a thread
DECODER_MEMORY = 1024 * 1024  # bytes; more than one chunk of a body
MAX_PARTS = 50
MAX_FILENAME = 200  # characters
MAX_FIELD = 500  # characters kept of a field beside the file


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived completely. It is deleted unless it is moved."""

    filename: str  # the sender's name for it, without folders
    path: Path
    size: int  # bytes
    sha256: str
    fields: Mapping[str, str]  # of the form beside the file, each cut after `MAX_FIELD` characters

    def move_to(self, path: Path) -> None:
        """Keep it, on the same file system; `receive` no longer deletes it."""
        self.path.replace(path)


@asynccontextmanager
async def receive(directory: Path, *, text_field: str = "") -> AsyncIterator[Upload | None]:
    """The uploaded file, in `directory` while the `async with` block runs; None if what arrived is empty.

    It is the first file of a multipart form that is not empty, or the text in the field `text_field`, because a pasted
    table may be too large for memory. A body that is no form is the file itself, as `curl -T` sends it. The view's
    `@body_limit` applies.
    """
    incoming = cast(BoundedRequest, request)
    folder = private_folder(directory)
    if shutil.disk_usage(folder).free < (incoming.content_length or 0):
        raise StorageFull  # at once rather than after a gigabyte
    file = _IncomingFile(folder / f".upload-{secrets.token_hex(16)}")
    try:
        async with untimed():
            fields: dict[str, str] = {}
            filename = await _store(incoming, file, text_field, fields)
            await file.finish()
        digest = file.hash.hexdigest()
        yield Upload(clean_filename(filename), file.path, file.size, digest, fields) if file.size else None
    finally:
        file.discard()


async def _store(incoming: BoundedRequest, file: "_IncomingFile", text_field: str, fields: dict[str, str]) -> str:
    """Store the file of this request, and its short fields in `fields`; return its sender's name for it."""
    if incoming.mimetype == "multipart/form-data":
        return await _store_part(incoming, file, text_field, fields)
    if incoming.mimetype != URLENCODED:
        async for piece in incoming.body:
            await file.write(piece)
    _, options = parse_options_header(incoming.headers.get("Content-Disposition"))
    return options.get("filename") or incoming.args.get("filename", "")


async def _store_part(incoming: BoundedRequest, file: "_IncomingFile", text_field: str, fields: dict[str, str]) -> str:
    filename, name, is_stored = "", "", False
    async for event in _parts(incoming):
        if isinstance(event, Data) and is_stored:
            await file.write(event.data)
        elif isinstance(event, Data) and name:
            fields[name] = (fields.get(name, "") + event.data.decode("utf-8", "replace"))[:MAX_FIELD]
        elif isinstance(event, File | Field):
            name = (event.name or "")[:MAX_FIELD] if isinstance(event, Field) and event.name != text_field else ""
            is_stored = not file.size and (isinstance(event, File) or event.name == text_field)
            if is_stored:
                filename = event.filename if isinstance(event, File) else ""
    return filename


async def _parts(incoming: BoundedRequest) -> AsyncIterator[Event]:
    boundary = incoming.mimetype_params.get("boundary", "")
    if not boundary.isascii() or not boundary:
        raise BadRequest("The form could not be read: its boundary is missing, or is none.")
    decoder = MultipartDecoder(boundary.encode("ascii"), DECODER_MEMORY, max_parts=MAX_PARTS)
    async for piece in incoming.body:
        for event in _decode(decoder, piece):
            yield event
    for event in _decode(decoder, None):  # a truncated form is an error
        yield event


def _decode(decoder: MultipartDecoder, piece: bytes | None) -> Iterator[Event]:
    try:
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event
    except (ValueError, AttributeError) as error:  # raised by the decoder for malformed input
        raise BadRequest("The form could not be read: it is malformed or breaks off.") from error


class _IncomingFile:
    """A file being received."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes received
        self.hash = hashlib.sha256()
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb", buffering=0)
        self._pending = bytearray()

    async def write(self, data: bytes) -> None:
        self.size += len(data)
        self._pending += data
        if len(self._pending) >= BLOCK:
            await self._flush()

    async def finish(self) -> None:
        await self._flush()
        self._file.close()

    def discard(self) -> None:
        """Delete it unless it was moved, complete or not."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    async def _flush(self) -> None:
        block, self._pending = self._pending, bytearray()
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, block))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # a file that a thread still writes must not be closed
            raise

    def _write(self, block: bytearray) -> None:
        self.hash.update(block)
        left = memoryview(block)
        while left:
            left = left[self._file.write(left) :]


def clean_filename(filename: str) -> str:
    """A name that is safe to show and to offer for download: no folders, no control characters, limited length."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    return "".join(letter for letter in name if letter.isprintable())[:MAX_FILENAME].strip()
