"""Links that were made of a saved view. What a link shows stays as it was when its owner looked at it; if the view is
saved anew, they see that, and bring the link up to date.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.change_log import publish_access
from webapp.models.tables.link import Link
from webapp.models.tables.linking import NothingToShow, find_link
from webapp.models.tables.members import require_owner
from webapp.models.tables.saved_view import ViewRecord, find_view
from webapp.models.tables.table import Table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery

Pairs = Iterable[tuple[str, str]]


class ViewSavedAnew(UserError):
    """Nobody opens to strangers what they have not seen."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The view “{name}” was saved anew in the meantime, so the link shows what it did. Look at what the view"
            " has now, and press the button again."
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What a link shows of a table: `scope` and `shown` as `Link` has them."""

    scope: list[list[str]]
    shown: list[int] | None

    @classmethod
    def of_address(cls, table: Table, pairs: Pairs) -> "Part":
        """Raises `QueryError`."""
        query = part_query(table, pairs)
        scope = [[name, value] for name, value in query.args() if name != "cols"]
        return cls(scope, sorted(field.number for field in query.visible) if query.cols else None)

    @classmethod
    def of_view(cls, table: Table, view: ViewRecord) -> "Part | None":
        """None if the view uses columns that are not there any more: without them it would show more."""
        try:
            return cls.of_address(table, view.state)
        except QueryError:
            return None

    @classmethod
    def of_link(cls, link: Link) -> "Part":
        return cls([list(pair) for pair in link.scope], link.shown if link.shown is None else sorted(link.shown))


def part_query(table: Table, pairs: Pairs) -> TableQuery:
    """The search, filters and columns of an address: links fix neither an order nor anything else. Raises
    `QueryError`.
    """
    kept = [(name, value) for name, value in pairs if name in ("q", "cols") or name.startswith("f.")]
    return TableQuery.from_args(kept, table.ref.fields)


async def follow_view(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, link_id: int, seen: int | None
) -> ViewRecord:
    """Let the link show what its view has now, whose version `seen` is; return the view. From the next request on, and
    on pages that are open. If it shows that already, nothing is done.

    Raises `NotFound`, also if the view is gone or somebody else's own, `ViewSavedAnew`, and `NothingToShow` if the
    table cannot answer the view.
    """
    table = await require_owner(work, actor, table_id)
    link = await find_link(work.session, table_id, link_id)
    view_id = link.view_id if link is not None else None
    if link is None or view_id is None:
        raise NotFound("link")
    view = await work.run(lambda connection: find_view(connection, table_id, actor.id, view_id))
    part = Part.of_view(table, view)
    if part == Part.of_link(link):
        return view
    if view.version != seen:
        raise ViewSavedAnew(view.name)
    if part is None:
        raise NothingToShow
    link.scope, link.shown = part.scope, part.shown
    details = {"table_id": table_id, "link_id": link_id, "before": link.name, "view": view.name}
    await AuditEvent.record(work, Event.TABLE_LINK_CHANGED, source, link.name, **details)
    publish_access(work, table_id)
    return view
