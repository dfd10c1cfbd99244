"""Creating a table from nothing: its columns, and no row yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.report import chosen_reason
from webapp.models.accounts.people import with_current_role
from webapp.models.errors import NotAllowed
from webapp.models.policy import Action, Actor, is_allowed
from webapp.models.tables.column_properties import TitleRefused, read_title
from webapp.models.tables.table import Column, Table
from webapp.models.tables.type_changing import NoSuchType, new_format
from webapp.rowstore import within
from webapp.types import Choice

MAX_TABLE_TITLE: Final = 200  # characters
MAX_NEW_COLUMNS: Final = 1_000  # each may come to keep texts, which takes as much room again


@dataclass(frozen=True, slots=True)
class NewColumn:
    """`format`: None for the usual one of its type."""

    title: str
    type: str
    format: Mapping[str, Any] | None = None


class ColumnRefused(UserError):
    """A column cannot be made; `place` is which one, from 0, and `name` what of it is wrong."""

    def __init__(self, place: int, name: str, reason: str) -> None:
        super().__init__(reason)
        self.place, self.name = place, name


async def create_table(work: UnitOfWork, actor: Actor, title: str, columns: Sequence[NewColumn]) -> Table:
    """A table of this person, empty. Raises `NotAllowed` for whoever may not own tables, and `ColumnRefused`."""
    actor = await with_current_role(work, actor)
    if not is_allowed(actor, Action.CREATE_TABLE):
        raise NotAllowed("You may not create tables. Ask whoever runs this server.")
    table = Table(owner_id=actor.id, title=title, state="ready", next_column=len(columns) + 1)
    table.columns = list(_columns(columns))
    work.session.add(table)
    await work.session.flush()
    ref = table.ref
    await within(work, lambda rows: rows.create(ref))
    return table


def _columns(columns: Sequence[NewColumn]) -> Sequence[Column]:
    made = list[Column]()
    for place, column in enumerate(columns):
        try:
            title = read_title(column.title, [other.title for other in made])
        except TitleRefused as error:
            raise ColumnRefused(place, "title", str(error)) from error
        try:
            format = new_format(column.type, column.format)
        except NoSuchType as error:
            raise ColumnRefused(place, "format", "This is no format of this type.") from error
        facts = {"reason": chosen_reason(Choice(column.type, format)), "empty": 0, "exceptions": 0}
        about = {"type": column.type, "format": format, "facts": facts, "rules": {}}
        made.append(Column(number=place + 1, position=place, title=title, **about))
    return made
