"""A large change's page, kept up to date: its progress, and that it is in another state by now."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Environment
from sqlalchemy import Connection, Row, select

from webapp.extensions import db
from webapp.live.hubs import Watch
from webapp.live.subject import Delivery, Subject, message_of
from webapp.models import Action, Actor, LargeChange
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess
from webapp.models.tables.large_change import LargeState, large_topic
from webapp.tables.large_change_presenter import present_change
from webapp.web.formatting import Locale, use_locale
from webapp.web.fragments import partial
from webapp.web.templating import templates

# What is selected: rows are keys of the cache below, which JSON cannot be.
JSON = ("arguments", "report", "new_columns")
COLUMNS = [column for column in LargeChange.__table__.columns if column.name not in JSON]


class Audience(NamedTuple):
    """Pages that show the same state in the same format."""

    state: str
    locale: Locale


async def watch_change(actor: Actor, args: Mapping[str, str]) -> Watch:
    """`change` is its id, `state` what the page shows. Raises `NotFound`."""
    text = args.get("change", "")
    change_id = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    async with db().reading() as session:
        change = await session.get(LargeChange, change_id)
    if change is None:
        raise NotFound("change")
    table_id = change.table_id
    await db().read(lambda connection: TableAccess.require(connection, actor, table_id, Action.EDIT_TABLE))
    return change_watch(actor, table_id, change_id, args.get("state", ""), templates())


def change_watch(actor: Actor, table_id: int, change_id: int, state: str, environment: Environment) -> Watch:
    audience = Audience(state, Locale.of(actor))
    return Watch(("change", change_id), lambda: ChangeSubject(table_id, change_id, environment), audience, 0)


class ChangeSubject(Subject):
    """A cursor is how often the record had changed when a stream was told last."""

    def __init__(self, table_id: int, change_id: int, environment: Environment) -> None:
        self.topics = [large_topic(change_id)]
        self._table_id, self._change_id, self._environment = table_id, change_id, environment
        self._statement = select(*COLUMNS).where(LargeChange.id == change_id)
        self._row: Row[Any] | None = None
        self._times = 0

    def readers(self, connection: Connection, actors: Iterable[Actor]) -> Mapping[int, str]:
        return TableAccess.of_readers(connection, actors, self._table_id)

    def read(self, connection: Connection) -> Row[Any] | None:
        return connection.execute(self._statement).first()

    def take(self, found: Row[Any] | None) -> bool:
        if found is None:
            self.is_gone = True
            return True
        if found == self._row:
            return False
        self._row, self._times = found, self._times + 1
        return True

    def notice(self, event: object) -> bool:
        return True

    async def deliver(self, audience: Any, cursor: int) -> Delivery:
        row, times = self._row, self._times
        if self.is_gone or row is None or row.state != audience.state:
            html = render_reload(self._environment, self._table_id, self._change_id)
            return Delivery(message_of(html, is_last=True), times, is_complete=True)
        if cursor == times:
            return Delivery(b"", times)
        return Delivery(message_of(render_progress(self._environment, row, audience.locale)), times)


@lru_cache(maxsize=64)
def render_reload(environment: Environment, table_id: int, change_id: int) -> str:
    """The page asks for what it shows in the new state: what that is depends on who reads it."""
    url_for: Any = environment.globals["url_for"]
    url = url_for("tables.large_changes_show", table_id=table_id, change_id=change_id)
    return partial("change-progress", environment.get_template("tables/changes/_reload.html").render(url=url))


@lru_cache(maxsize=64)
def render_progress(environment: Environment, row: Row[Any], locale: Locale) -> str:
    template = environment.get_template("tables/changes/_progress.html")
    with use_locale(locale):
        change = present_change(LargeChange(**{**row._mapping, "state": LargeState(row.state)}))
        return partial("change-progress", template.render(change=change))
