"""POST /tables: an uploaded file or pasted table becomes an import."""

import secrets

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.extensions import config, db, jobs, queue
from webapp.imports.requests import ImportFolder
from webapp.models.tables import importing
from webapp.tables import bp
from webapp.web.access import Action, may
from webapp.web.body_limits import body_limit
from webapp.web.fragments import redirect_to
from webapp.web.session import current_user
from webapp.web.uploads import receive

PASTED = "Pasted table.txt"


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
        import_id, folder = new_import()
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


def new_import() -> tuple[str, ImportFolder]:
    """The id of a new import, and its folder, which is still empty."""
    import_id = secrets.token_hex(16)
    folder = jobs().folder(import_id)
    private_folder(folder.path)
    return import_id, folder
