"""The objects of a request, found through the actor: what is not theirs is a 404."""

from webapp.extensions import db
from webapp.models import Action, Actor, Import, Table
from webapp.models.tables import importing, table


async def find_table(actor: Actor, table_id: int, action: Action = Action.READ_TABLE) -> Table:
    """Return the table with its columns if this person may do `action` with it. Raises `NotFound`."""
    return await table.find_table(db(), actor, table_id, action)


async def find_import(actor: Actor, import_id: str) -> Import:
    """Return the import if it belongs to this person. Raises `NotFound`."""
    return await importing.find_import(db(), actor, import_id)
