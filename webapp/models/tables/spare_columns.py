"""The verb that empties the stored columns nobody needs any more, so that another column may have them."""

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.tables.type_change import SpareColumn
from webapp.rowstore import within

BATCH = 2_000  # rows


async def empty_spare_column(work: UnitOfWork, spare_id: int) -> bool:
    """Remove the cells of a stored column that nobody needs from some rows. Return whether there are more."""
    spare = await work.session.get(SpareColumn, spare_id)
    if spare is None or spare.is_empty:
        return False
    place = spare.table_id, spare.storage, spare.last_row, BATCH
    last_row = await within(work, lambda rows: rows.empty_column(*place))
    if last_row is None:
        spare.is_empty = True
    else:
        spare.last_row = last_row
    return not spare.is_empty
