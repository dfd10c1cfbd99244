"""An uploaded file becomes an import, whatever page or program sends it."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from quart import request

from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.extensions import config, db, jobs, queue
from webapp.imports.requests import ImportFolder
from webapp.models.idempotency import Outcome, RequestKey, once
from webapp.models.tables.import_model import TooManyWaiting, ensure_room, may_be_repeat
from webapp.web.session import current_user
from webapp.web.uploads import Upload, receive

Verb = Callable[..., Awaitable[None]]


class NothingUploaded(UserError):
    def __init__(self) -> None:
        super().__init__("Nothing arrived: choose a file that is not empty, or paste some rows.")


@dataclass(frozen=True, slots=True)
class Sent:
    """What arrived: the arguments of the verbs that record it, and the short fields of the form beside it."""

    file: Mapping[str, Any]  # `filename`, `size` and `sha256`
    fields: Mapping[str, str]


async def take_import(
    verb: Verb, key: Callable[[Sent], RequestKey | None], url: Callable[[str], str], unnamed: str
) -> str:
    """Receive a file; `verb` records its import, whose id is returned and whose page is at `url(id)`. A file without a
    name is called `unnamed`.

    Raises `NothingUploaded`, `TooManyWaiting`, `KeyReused`, and `AlreadyDone` if the same file came with the same key
    before, and its import is still there.
    """
    await _ensure_room()
    queue().warm_up()
    async with receive(config().imports_dir, text_field="text") as upload:
        if upload is None:
            raise NothingUploaded
        sent = _sent(upload, unnamed)
        request_key = key(sent)
        async with new_import() as (import_id, folder):
            upload.move_to(folder.original)
            await record_import(request_key, import_id, partial(verb, **sent.file), url(import_id))
    return import_id


@asynccontextmanager
async def new_import() -> AsyncIterator[tuple[str, ImportFolder]]:
    """The id of a new import, and its folder, which is still empty; it is removed if the import is not recorded.

    Not if the request is cancelled: then its write goes on, and the schedule removes what belongs to no import.
    """
    import_id = secrets.token_hex(16)
    folder = jobs().folder(import_id)
    private_folder(folder.path)
    try:
        yield import_id, folder
    except Exception:
        await jobs().remove_files(import_id)
        raise


async def record_import(key: RequestKey | None, import_id: str, verb: Verb, url: str) -> None:
    """Raises `AlreadyDone` and `KeyReused`; and `TooManyWaiting`: others may have been uploaded at the same time."""
    outcome = Outcome(url, subject=import_id)
    await db().write(once, key, lambda _: outcome, partial(verb, limit=config().imports_waiting), import_id)


def _sent(upload: Upload, unnamed: str) -> Sent:
    file = {"filename": upload.filename or unnamed, "size": upload.size, "sha256": upload.sha256}
    return Sent(file, upload.fields)


async def _ensure_room() -> None:
    """Before the file is received. Raises `TooManyWaiting`, unless this may be a repeat: it leads to the first."""
    user_id = current_user().id
    async with db().reading() as session:
        try:
            await ensure_room(session, user_id, config().imports_waiting)
        except TooManyWaiting:
            if not await may_be_repeat(session, user_id, request.content_length):
                raise
