"""POST /tables and /tables/samples: an uploaded file, a pasted table or the sample becomes an import."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.extensions import config, db, jobs, queue
from webapp.imports.report import ImportOverrides
from webapp.imports.requests import ImportFolder
from webapp.models import ImportState
from webapp.models.idempotency import Outcome, RequestKey, once
from webapp.models.tables import importing
from webapp.models.tables.import_model import TooManyWaiting, ensure_room, may_be_repeat
from webapp.tables import bp
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.fragments import redirect_to
from webapp.web.idempotency import FIELD, content_key, form_key
from webapp.web.session import current_user
from webapp.web.uploads import receive

PASTED = "Pasted table.txt"
SAMPLE = Path(__file__).parents[1] / "samples" / "departures.csv"
PASS_SECONDS = 20.0  # to wait for each pass over the sample; after that the import's page is shown


class NothingUploaded(UserError):
    def __init__(self) -> None:
        super().__init__("Nothing arrived: choose a file that is not empty, or paste some rows.")


@bp.post("")
@may(Action.CREATE_TABLE)
@body_limit(lambda settings: settings.upload_limit)
async def create() -> ResponseReturnValue:
    return await take_upload(partial(importing.create, user_id=current_user().id), _url)


async def take_upload(verb: Callable[..., Awaitable[None]], url: Callable[[str], str]) -> ResponseReturnValue:
    """Receive a file; `verb` records its import, whose page is at `url(import_id)`."""
    await _ensure_room()
    queue().warm_up()
    async with receive(config().imports_dir, text_field="text") as upload:
        if upload is None:
            raise NothingUploaded
        file = {"filename": upload.filename or PASTED, "size": upload.size, "sha256": upload.sha256}
        key = content_key(upload.fields.get(FIELD), *file.values())
        async with _new_import() as (import_id, folder):
            upload.move_to(folder.original)
            await _record(key, import_id, partial(verb, **file), url(import_id))
    return redirect_to(url(import_id), whole=True)


@bp.post("/samples")
@may(Action.CREATE_TABLE)
async def samples_create() -> ResponseReturnValue:
    """The sample table, imported without questions."""
    key, data = await form_key(), await asyncio.to_thread(SAMPLE.read_bytes)
    sha256 = hashlib.sha256(data).hexdigest()
    async with _new_import() as (import_id, folder):
        await asyncio.to_thread(folder.original.write_bytes, data)
        file: dict[str, Any] = {"filename": SAMPLE.name, "size": len(data), "sha256": sha256}
        await _record(key, import_id, partial(importing.create, user_id=current_user().id, **file), _url(import_id))
    import_ = await jobs().wait_for_pass(import_id, PASS_SECONDS)
    if import_ is not None and import_.state == ImportState.READY:
        await db().write(importing.begin_loading, import_id, ImportOverrides())
        import_ = await jobs().wait_for_pass(import_id, PASS_SECONDS)
    if import_ is not None and import_.state == ImportState.DONE:
        return redirect_to(url_for("tables.show", table_id=import_.table_id))
    return redirect_to(_url(import_id))


async def _ensure_room() -> None:
    """Before the file is received. Raises `TooManyWaiting`, unless this may be a repeat: it leads to the first."""
    user_id = current_user().id
    async with db().reading() as session:
        try:
            await ensure_room(session, user_id, config().imports_waiting)
        except TooManyWaiting:
            if not await may_be_repeat(session, user_id, request.content_length):
                raise


@asynccontextmanager
async def _new_import() -> AsyncIterator[tuple[str, ImportFolder]]:
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


async def _record(key: RequestKey | None, import_id: str, verb: Callable[..., Awaitable[None]], url: str) -> None:
    """Raises `AlreadyDone` if the same file came with the same key before, and its import is still there; and
    `TooManyWaiting`: others may have been uploaded at the same time.
    """
    outcome = Outcome(url, subject=import_id)
    await db().write(once, key, lambda _: outcome, partial(verb, limit=config().imports_waiting), import_id)


def _url(import_id: str) -> str:
    return url_for("tables.imports_show", import_id=import_id)
