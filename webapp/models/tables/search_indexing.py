"""The verbs of a table's full-text index: searches work without it, and read the rows meanwhile."""

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.orm import selectinload

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.tables.table import SearchIndex, Table
from webapp.rowstore import row_writer, within
from webapp.rowstore.table_ref import Field, TableRef
from webapp.types.base import null_of


def begin_search_index(work: UnitOfWork, table: Table) -> None:
    """Build it, in the background."""
    table.search_index = SearchIndex.BUILDING
    work.enqueue("index_table", str(table.id))


async def index_search_again(work: UnitOfWork, table: Table) -> None:
    """Cells with the word for empty ones are shown otherwise now. Searches work without the index meanwhile."""
    if table.search_index == SearchIndex.NONE:
        return
    table_id = table.id
    await within(work, lambda rows: rows.drop_search_index(table_id))
    begin_search_index(work, table)


def follow_columns(connection: Connection, table_id: int) -> bool:
    """Cells of some columns are stored otherwise from now on, with the texts that they had. Return whether the search
    index has been dropped for it: then it is to be built again after the commit.
    """
    if not row_writer(connection).follow_columns(table_id):
        return False
    found = connection.execute(INDEX_AGAIN.where(Table.search_index == SearchIndex.READY), {"key": table_id})
    return found.rowcount > 0


async def finish_search_index(work: UnitOfWork, indexed: TableRef, *, is_built: bool) -> bool:
    """The full-text index of `indexed` is complete, or given up: then what a killed child has left of it goes. False if
    the table has other columns since, or prints their cells otherwise: it goes in any case and has to be built again.
    """
    table = await work.session.scalar(select(Table).where(Table.id == indexed.id).options(selectinload(Table.columns)))
    if table is not None and _indexed(table.ref) != _indexed(indexed):
        await within(work, lambda rows: rows.drop_search_index(indexed.id))
        return False
    if not is_built:
        await within(work, lambda rows: rows.drop_unfinished_search_index(indexed.id))
    if table is not None:
        table.search_index = SearchIndex.READY if is_built else SearchIndex.NONE
    return True


async def renew_search_index(work: UnitOfWork, table_id: int) -> None:
    """Build it again if searches cannot use the one that there is."""
    found = select(Table).where(Table.id == table_id, Table.deleted_at.is_(None)).options(selectinload(Table.columns))
    table = await work.session.scalar(found)
    if table is None or table.search_index != SearchIndex.READY:
        return
    ref = table.ref
    if not await within(work, lambda rows: rows.has_search_index(ref)):
        begin_search_index(work, table)


async def clear_unfinished(work: UnitOfWork, table_id: int, *, is_given_up: bool) -> None:
    """Its build has failed, and is given up or begins anew later."""
    table = await work.session.get(Table, table_id)
    if table is None or table.search_index != SearchIndex.BUILDING:
        return
    await within(work, lambda rows: rows.drop_unfinished_search_index(table_id))
    if is_given_up:
        table.search_index = SearchIndex.NONE


def _indexed(table: TableRef) -> dict[Field, str]:
    """The columns whose cells the index holds, and of each all that a change of its format changes of them."""
    return {field: null_of(field.format) for field in table.fields}


INDEX_AGAIN = update(Table).where(Table.id == bindparam("key")).values(search_index=SearchIndex.BUILDING)
