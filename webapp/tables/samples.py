"""POST /tables/samples: a sample table, imported without questions."""

import asyncio
import hashlib
import shutil
from pathlib import Path

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import jobs
from webapp.imports.report import ImportOverrides
from webapp.models import ImportState
from webapp.tables import bp
from webapp.tables.uploads import folder_of, new_import_id
from webapp.web.access import Action, may
from webapp.web.fragments import redirect_to
from webapp.web.session import current_user

SAMPLE = Path(__file__).parents[1] / "samples" / "departures.csv"
PATIENCE = 20.0  # seconds per pass; after that the import's page is shown


@bp.post("/samples")
@may(Action.CREATE_TABLE)
async def samples_create() -> ResponseReturnValue:
    import_id = new_import_id()
    data = await asyncio.to_thread(SAMPLE.read_bytes)
    await asyncio.to_thread(shutil.copyfile, SAMPLE, folder_of(import_id) / "original")
    await jobs().create(
        import_id,
        user_id=current_user().id,
        filename=SAMPLE.name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return redirect_to(await _table_of(import_id))


async def _table_of(import_id: str) -> str:
    """The table's URL; the import's if that takes long or fails."""
    found = await jobs().settled(import_id, PATIENCE)
    if found is not None and found.state == ImportState.READY:
        await jobs().begin_loading(import_id, ImportOverrides())
        found = await jobs().settled(import_id, PATIENCE)
    if found is not None and found.state == ImportState.DONE:
        return url_for("tables.show", table_id=found.table_id)
    return url_for("tables.imports_show", import_id=import_id)
