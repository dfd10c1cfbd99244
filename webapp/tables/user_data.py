"""A person's tables and imports, and what they have made in tables: for their data export, and for deleting their
account.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from quart import url_for
from sqlalchemy import Executable, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import FormAnswer, Import, Link, Member, SavedView, Table, TableForm, User, Webhook
from webapp.models.tables.deletion import delete_tables_of
from webapp.models.tables.import_model import UNFINISHED_STATES
from webapp.web.formatting import plural
from webapp.web.hosts import own_origin
from webapp.web.user_data import UserData

BATCH = 100  # tables per read


@dataclass(slots=True)
class MadeData:
    """What a person has made in tables, or answered: `statement` selects of whom (`user_id`) its name, its table and
    when. It belongs to the table, and stays with it.
    """

    name: str
    statement: Executable

    async def summary(self, user_id: int) -> list[str]:
        return []

    def export(self, user_id: int) -> AsyncIterator[dict[str, Any]]:
        return self._export(db(), user_id)

    async def _export(self, database: Database, user_id: int) -> AsyncIterator[dict[str, Any]]:
        """Of a table that the person does not see any more, only its id."""
        async with database.reading() as session:
            made = (await session.execute(self.statement, {"user_id": user_id})).all()
            visible = select(Table.id, Table.title).where(Table.is_visible_to(user_id))
            titles = {table_id: title for table_id, title in await session.execute(visible)} if made else {}
        for name, table_id, at in made:
            yield {"name": name, "table_id": table_id, "table": titles.get(table_id), "at": at.isoformat()}

    async def remove(self, work: UnitOfWork, user_id: int) -> None:
        """The database forgets who it was."""


def made_data() -> list[MadeData]:
    """Without secrets: neither addresses nor keys."""
    made: dict[str, tuple[Any, Any, Any]] = {
        "links": (Link, Link.made_by, Link.made_at),
        "webhooks": (Webhook, Webhook.made_by, Webhook.made_at),
        "forms": (TableForm, TableForm.created_by, TableForm.created_at),
    }
    answers = select(TableForm.name, TableForm.table_id, FormAnswer.at).join(
        TableForm, TableForm.id == FormAnswer.form_id
    )
    parts = [
        MadeData(name, select(model.name, model.table_id, at).where(by == bindparam("user_id")).order_by(model.id))
        for name, (model, by, at) in made.items()
    ]
    theirs = answers.where(FormAnswer.user_id == bindparam("user_id")).order_by(FormAnswer.form_id)
    return [*parts, MadeData("form_answers", theirs)]


class TablesData:
    name = "tables"

    async def summary(self, user_id: int) -> list[str]:
        counted = select(func.count(), func.coalesce(func.sum(Table.row_count), 0))
        counted = counted.where(Table.owner_id == user_id, Table.state == "ready")
        parts = select(func.count()).select_from(Member).where(Member.user_id == user_id)
        is_shared = exists().where(Member.table_id == Table.id)
        shared = select(func.count()).select_from(Table).where(Table.owner_id == user_id, is_shared)
        running = select(func.count()).where(Import.user_id == user_id, Import.state.in_(UNFINISHED_STATES))
        async with db().reading() as session:
            tables, rows = (await session.execute(counted)).one()
            imports = await session.scalar(running) or 0
            shared_with, shared_by = await session.scalar(parts) or 0, await session.scalar(shared) or 0
        counts = {
            f"{plural(tables, 'table')} with {plural(rows, 'row')}, and the files they came from": tables,
            f"{plural(shared_by, 'table')} of these that members lose, unless handed over before": shared_by,
            f"the part in {plural(shared_with, 'table')} of other people": shared_with,
            f"{plural(imports, 'import')} on the way, which will be cancelled": imports,
        }
        return [text for text, count in counts.items() if count]

    def export(self, user_id: int) -> AsyncIterator[dict[str, Any]]:
        prefix = f"{own_origin()}{url_for('tables.show', table_id=0)}".removesuffix("0")
        return _descriptions(db(), user_id, prefix)

    async def remove(self, work: UnitOfWork, user_id: int) -> None:
        await delete_tables_of(work, user_id)


def own_data() -> list[UserData]:
    """All of these, in the order of the document."""
    return [TablesData(), *made_data()]


async def _descriptions(database: Database, user_id: int, prefix: str) -> AsyncIterator[dict[str, Any]]:
    """Without the rows: each table's own export has them, as they were uploaded."""
    last = 0
    while True:
        statement = Table.visible_to(user_id).where(Table.id > last).order_by(Table.id).limit(BATCH)
        async with database.reading() as session:
            tables = list(await session.scalars(statement))
            people = await _people_of(session, [table.id for table in tables])
            views = await _own_views(session, user_id, [table.id for table in tables])
        for table in tables:
            last, address = table.id, f"{prefix}{table.id}"
            part = _part(user_id, table, people.get(table.id, []))
            own = [{"name": name, "address": f"{address}/views/{view_id}"} for view_id, name in views[table.id]]
            yield _description(table, address) | part | {"views": own}
        if len(tables) < BATCH:
            return


async def _own_views(
    session: AsyncSession, user_id: int, table_ids: Sequence[int]
) -> defaultdict[int, list[tuple[int, str]]]:
    """The ids and names of the person's own views of each table."""
    statement = select(SavedView.table_id, SavedView.id, SavedView.name)
    statement = statement.where(SavedView.owner_id == user_id, SavedView.table_id.in_(table_ids))
    statement = statement.where(SavedView.deleted_at.is_(None))
    found = defaultdict[int, list[tuple[int, str]]](list)
    for table_id, view_id, name in await session.execute(statement.order_by(SavedView.id)):
        found[table_id].append((view_id, name))
    return found


async def _people_of(session: AsyncSession, table_ids: Sequence[int]) -> dict[int, list[tuple[Member, str]]]:
    """The members of each table, with their addresses."""
    statement = select(Member, User.email).join(User, User.id == Member.user_id)
    found: dict[int, list[tuple[Member, str]]] = {}
    for member, email in await session.execute(statement.where(Member.table_id.in_(table_ids)).order_by(User.email)):
        found.setdefault(member.table_id, []).append((member, email))
    return found


def _part(user_id: int, table: Table, people: list[tuple[Member, str]]) -> dict[str, Any]:
    """What the table is to the person: their own with its members; or shared with them, and since when."""
    if table.owner_id == user_id:
        return {"role": "owner", "members": [{"person": email, "role": member.role} for member, email in people]}
    own = next(member for member, _ in people if member.user_id == user_id)
    return {"role": own.role, "shared": own.added_at.isoformat()}


def _description(table: Table, address: str) -> dict[str, Any]:
    return {
        "title": table.title,
        "made": table.created_at.isoformat(),
        "rows": table.row_count,
        "columns": [{"title": column.title, "type": column.type} for column in table.columns],
        "address": address,
        "export": f"{address}/export?format=csv",
        "original": f"{address}/original",
    }
