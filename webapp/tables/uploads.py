"""POST /tables and /tables/samples: an uploaded file, a pasted table or the sample becomes an import."""

import asyncio
import hashlib
import secrets
from pathlib import Path

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.extensions import config, db, jobs, queue
from webapp.imports.report import ImportOverrides
from webapp.imports.requests import ImportFolder
from webapp.models import ImportState
from webapp.models.tables import importing
from webapp.tables import bp
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.fragments import redirect_to
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
    queue().warm_up()
    async with receive(config().imports_dir, text_field="text") as upload:
        if upload is None:
            raise NothingUploaded
        import_id, folder = _new_import()
        upload.move_to(folder.original)
        await db().write(
            importing.create,
            import_id,
            user_id=current_user().id,
            filename=upload.filename or PASTED,
            size=upload.size,
            sha256=upload.sha256,
        )
    return redirect_to(url_for("tables.imports_show", import_id=import_id), whole=True)


@bp.post("/samples")
@may(Action.CREATE_TABLE)
async def samples_create() -> ResponseReturnValue:
    """The sample table, imported without questions."""
    import_id, folder = _new_import()
    data = await asyncio.to_thread(SAMPLE.read_bytes)
    await asyncio.to_thread(folder.original.write_bytes, data)
    sha256 = hashlib.sha256(data).hexdigest()
    user_id = current_user().id
    await db().write(importing.create, import_id, user_id=user_id, filename=SAMPLE.name, size=len(data), sha256=sha256)
    import_ = await jobs().wait_for_pass(import_id, PASS_SECONDS)
    if import_ is not None and import_.state == ImportState.READY:
        await db().write(importing.begin_loading, import_id, ImportOverrides())
        import_ = await jobs().wait_for_pass(import_id, PASS_SECONDS)
    if import_ is not None and import_.state == ImportState.DONE:
        return redirect_to(url_for("tables.show", table_id=import_.table_id))
    return redirect_to(url_for("tables.imports_show", import_id=import_id))


def _new_import() -> tuple[str, ImportFolder]:
    """The id of a new import, and its folder, which is still empty."""
    import_id = secrets.token_hex(16)
    folder = jobs().folder(import_id)
    private_folder(folder.path)
    return import_id, folder
