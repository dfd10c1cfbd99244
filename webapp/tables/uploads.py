"""POST /tables and /tables/samples: an uploaded file, a pasted table or the sample becomes an import."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import db, jobs
from webapp.imports.report import ImportOverrides
from webapp.models import ImportState
from webapp.models.idempotency import RequestKey
from webapp.models.tables import importing
from webapp.tables import bp
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.fragments import redirect_to
from webapp.web.idempotency import FIELD, content_key, form_key
from webapp.web.import_uploads import Sent, Verb, new_import, record_import, take_import
from webapp.web.session import current_user

PASTED = "Pasted table.txt"
SAMPLE = Path(__file__).parents[1] / "samples" / "departures.csv"
PASS_SECONDS = 20.0  # to wait for each pass over the sample; after that the import's page is shown


@bp.post("")
@may(Action.CREATE_TABLE)
@body_limit(lambda settings: settings.upload_limit)
async def create() -> ResponseReturnValue:
    return await take_upload(partial(importing.create, user_id=current_user().id), _url)


async def take_upload(verb: Verb, url: Callable[[str], str]) -> ResponseReturnValue:
    """Receive a file; `verb` records its import, whose page is at `url(import_id)`."""
    return redirect_to(url(await take_import(verb, _key, url, PASTED)), whole=True)


@bp.post("/samples")
@may(Action.CREATE_TABLE)
async def samples_create() -> ResponseReturnValue:
    """The sample table, imported without questions."""
    key, data = await form_key(), await asyncio.to_thread(SAMPLE.read_bytes)
    sha256 = hashlib.sha256(data).hexdigest()
    async with new_import() as (import_id, folder):
        await asyncio.to_thread(folder.original.write_bytes, data)
        file: dict[str, Any] = {"filename": SAMPLE.name, "size": len(data), "sha256": sha256}
        await record_import(
            key, import_id, partial(importing.create, user_id=current_user().id, **file), _url(import_id)
        )
    import_ = await jobs().wait_for_pass(import_id, PASS_SECONDS)
    if import_ is not None and import_.state == ImportState.READY:
        await db().write(importing.begin_loading, import_id, ImportOverrides())
        import_ = await jobs().wait_for_pass(import_id, PASS_SECONDS)
    if import_ is not None and import_.state == ImportState.DONE:
        return redirect_to(url_for("tables.show", table_id=import_.table_id))
    return redirect_to(_url(import_id))


def _key(sent: Sent) -> RequestKey | None:
    return content_key(sent.fields.get(FIELD), *sent.file.values())


def _url(import_id: str) -> str:
    return url_for("tables.imports_show", import_id=import_id)
