"""POST /tables: an uploaded file or pasted table becomes an import."""

import secrets
from pathlib import Path

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.extensions import config, jobs
from webapp.tables import bp
from webapp.web.access import Action, may
from webapp.web.body_limits import body_limit
from webapp.web.fragments import redirect_to
from webapp.web.session import current_user
from webapp.web.uploads import Upload, receive

PASTED = "Pasted table.txt"


class NothingUploaded(UserError):
    def __init__(self) -> None:
        super().__init__("Nothing arrived: choose a file that is not empty, or paste some rows.")


@bp.post("")
@may(Action.CREATE_TABLE)
@body_limit(lambda settings: settings.upload_limit)
async def create() -> ResponseReturnValue:
    person = current_user()
    jobs().warm()
    async with receive(config().imports_dir, text_field="text") as upload:
        if upload is None:
            raise NothingUploaded
        import_id = await keep(upload, person.id)
    return redirect_to(url_for("tables.imports_show", import_id=import_id), whole=True)


async def keep(upload: Upload, user_id: int) -> str:
    """Make the upload an import; return its id."""
    import_id = new_import_id()
    upload.move_to(folder_of(import_id) / "original")
    await jobs().create(
        import_id,
        user_id=user_id,
        filename=upload.filename or PASTED,
        size=upload.size,
        sha256=upload.sha256,
    )
    return import_id


def new_import_id() -> str:
    return secrets.token_hex(16)


def folder_of(import_id: str) -> Path:
    return private_folder(jobs().folder(import_id).path)
