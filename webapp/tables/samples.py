"""POST /tables/samples: a sample table, imported without questions."""

import asyncio
import hashlib
from pathlib import Path

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import db, jobs
from webapp.imports.report import ImportOverrides
from webapp.models import ImportState
from webapp.models.tables import importing
from webapp.tables import bp
from webapp.tables.uploads import new_import
from webapp.web.access import Action, may
from webapp.web.fragments import redirect_to
from webapp.web.session import current_user

SAMPLE = Path(__file__).parents[1] / "samples" / "departures.csv"
PASS_TIMEOUT = 20.0  # seconds per pass; after that the import's page is shown


@bp.post("/samples")
@may(Action.CREATE_TABLE)
async def samples_create() -> ResponseReturnValue:
    import_id, folder = new_import()
    data = await asyncio.to_thread(SAMPLE.read_bytes)
    await asyncio.to_thread(folder.original.write_bytes, data)
    sha256 = hashlib.sha256(data).hexdigest()
    user_id = current_user().id
    await db().write(importing.create, import_id, user_id=user_id, filename=SAMPLE.name, size=len(data), sha256=sha256)
    return redirect_to(await _table_url(import_id))


async def _table_url(import_id: str) -> str:
    """The table's URL; the import's if that takes long or fails."""
    found = await jobs().wait_for_pass(import_id, PASS_TIMEOUT)
    if found is not None and found.state == ImportState.READY:
        await db().write(importing.begin_loading, import_id, ImportOverrides())
        found = await jobs().wait_for_pass(import_id, PASS_TIMEOUT)
    if found is not None and found.state == ImportState.DONE:
        return url_for("tables.show", table_id=found.table_id)
    return url_for("tables.imports_show", import_id=import_id)
