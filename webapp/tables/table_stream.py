"""A table's page, kept up to date: what was logged since, and who else is here."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from webapp.broker import MISSED
from webapp.db.database import Database
from webapp.extensions import db
from webapp.live.hubs import Watch
from webapp.live.subject import DONE, PING, Delivery, Subject
from webapp.models import Actor, Table
from webapp.models.tables.access import TableAccess, find_table
from webapp.models.tables.change_feed import MAX_ENTRIES, MAX_SETS, Feed, LoggedSet, read_columns, read_feed
from webapp.models.tables.change_log import TableChanged, topic_of
from webapp.models.tables.link import LINKS_OF_TABLE, parameters_for, standing_of
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef
from webapp.tables.presence import Presence
from webapp.tables.stale_views import deleted_titles, without_columns
from webapp.tables.stream_messages import (
    access_message,
    change_message,
    deleted_message,
    people_message,
    refresh_message,
    set_message,
)
from webapp.tables.visitor_messages import Visitors, visitor_messages

MAX_NUMBER = 2**63 - 1

Columns = frozenset[int] | None  # that a page shows; None for all, also those to come


class Programs(NamedTuple):
    """An audience: programs, which get each change set as the API has it."""


Audience = Columns | Visitors | Programs


class Cursor(NamedTuple):
    """The change set that a stream has got last; None: what there is now. How much of who is here. And the set that was
    growing when its page was made, or was told of it: once it is whole, the page reads its rows again. Whether the
    stream began behind what there was.
    """

    seq: int | None
    people: int = 0
    growing: int | None = None
    is_late: bool = False


class News(NamedTuple):
    """What a look found; `feed` is None if the table is gone."""

    after: int | None  # it is about what was logged since
    feed: Feed | None
    ref: TableRef | None  # if its columns have changed


async def watch_table(actor: Actor, args: Mapping[str, str]) -> Watch:
    """`table` is its id, `after` the change set up to which the page is, `growing` that of a large change which was
    being applied then, `cols` as in its address; with `changes` it is for a program.

    Raises `NotFound`, and `QueryError` for columns that it never had.
    """
    table = await find_table(db(), actor, _number(args.get("table")) or 0)
    if "changes" in args:
        return table_watch(table.id, Programs(), _number(args.get("after")), db())
    columns = await _columns_of(table, args.get("cols"), is_visitor=actor.link_id is not None)
    audience = columns if actor.link_id is None else Visitors(actor.link_id, columns)
    return table_watch(table.id, audience, _number(args.get("after")), db(), _number(args.get("growing")))


async def _columns_of(table: Table, asked: str | None, *, is_visitor: bool) -> Columns:
    """Without those that were deleted: a page that still shows them has to hear of it. Visitors are not told which were
    there once, so that their pages hear of no column then.
    """
    pairs = [] if asked is None else [("cols", asked)]
    try:
        query = TableQuery.from_args(pairs, table.ref.fields)
    except QueryError:
        if is_visitor:
            return frozenset()
        live = [column.number for column in table.columns]
        pairs = without_columns(pairs, await deleted_titles(table), live)
        if not pairs:
            return frozenset()
        query = TableQuery.from_args(pairs, table.ref.fields)
    return frozenset(field.number for field in query.visible) if query.cols else None


def table_watch(
    table_id: int, audience: Audience, after: int | None, database: Database, growing: int | None = None
) -> Watch:
    cursor = Cursor(after, growing=growing)
    return Watch(table_key(table_id), lambda: TableSubject(table_id, database), audience, cursor)


def table_key(table_id: int) -> tuple[str, int]:
    return "table", table_id


class TableSubject(Subject):
    """Keeps the latest change sets, and reads what a stream lacks beyond them once for all that lack the same."""

    revoked = access_message("none")

    def __init__(self, table_id: int, database: Database) -> None:
        self.topics = [topic_of(table_id)]
        self.presence = Presence()
        self._table_id, self._database = table_id, database
        self._seq: int | None = None
        self._recent: deque[LoggedSet] = deque()  # those up to `_seq`, without a gap
        self._size = 0  # of these
        self._version: int | None = None
        self._growing: int | None = None  # the set of a large change that is being applied
        self._fields: dict[int, Field] = {}
        self._pages: dict[int, str] = {}  # by change set: the page that asked for it
        self._announced: int | None = None  # the latest set of which an event told; None: all there are
        self._messages: dict[tuple[int, Columns | Programs], bytes] = {}  # of the sets in `_recent`

    # -- what is new ---------------------------------------------------------------------------------------------------

    def notice(self, event: object) -> bool:
        if isinstance(event, TableChanged):
            if self._announced is not None:
                self._announced = max(self._announced, event.seq)
            if event.page is not None:
                self._pages[event.seq] = event.page
        elif event is MISSED:
            self._announced = None
        return True

    def read(self, connection: Connection) -> News:
        """No further than events have told: who asked for the rest would not be known."""
        after = self._seq
        feed = read_feed(connection, self._table_id, after, self._announced)
        is_same = feed is None or feed.version == self._version
        return News(after, feed, None if is_same else read_columns(connection, self._table_id))

    def readers(self, connection: Connection, actors: Iterable[Actor]) -> Mapping[int, str]:
        """Of visitors also what stands for the part of the table that they see."""
        actors = list(actors)
        readers: dict[int, str] = {**TableAccess.of_readers(connection, actors, self._table_id)}
        if links := [-actor_id for actor_id in readers if actor_id < 0]:
            found = connection.execute(LINKS_OF_TABLE, parameters_for(self._table_id, links))
            readers |= {-link.id: standing_of(link) for link in found}
        return readers

    def take(self, found: News) -> bool:
        feed = found.feed
        if feed is None:
            self.is_gone = True
            return True
        if found.ref is not None:
            self._version, self._fields = feed.version, {field.number: field for field in found.ref.fields}
        seq, grew = self._seq, self._growing
        self._growing = feed.growing
        if seq is not None and feed.sets is not None:
            self._keep([one for one in feed.sets if one.seq > seq])  # two looks may overlap
        elif seq == found.after:
            self._forget()  # the first look, or there was too much
        else:
            return self._growing != grew
        self._seq = self._announced = feed.seq if feed.sets is None else max(feed.seq, seq or 0)
        return self._seq != seq or self._growing != grew

    def _keep(self, sets: list[LoggedSet]) -> None:
        self._recent.extend(sets)
        self._size += sum(one.size for one in sets)
        while self._recent and (len(self._recent) > MAX_SETS or self._size > MAX_ENTRIES):
            dropped = self._recent.popleft()
            self._size -= dropped.size
            self._pages.pop(dropped.seq, None)
        first = self._recent[0].seq if self._recent else MAX_NUMBER
        self._messages = {key: made for key, made in self._messages.items() if key[0] >= first}

    def _forget(self) -> None:
        self._recent.clear()
        self._messages.clear()
        self._pages.clear()
        self._size = 0

    # -- what a stream gets --------------------------------------------------------------------------------------------

    def begin(self, cursor: Cursor) -> tuple[bytes, Cursor]:
        """The browser knows from now on where it is, even if nothing happens."""
        seq = self._now if cursor.seq is None else cursor.seq
        return b"retry: 1000\nid: %d\n" % seq + PING, Cursor(seq, 0, cursor.growing, seq < self._now)

    async def deliver(self, audience: Audience, cursor: Cursor) -> Delivery:  # type: ignore[override]
        if self.is_gone:
            return Delivery(deleted_message() + DONE, cursor, is_complete=True)
        now, people = self._now, self.presence.edition
        data = b""
        is_history = cursor.is_late and isinstance(audience, Visitors)  # they read what there is, not what there was
        if is_history or cursor.growing not in (None, self._growing):
            data = refresh_message(now)
        elif cursor.seq != now:
            sets = await self._sets_after(cursor.seq or 0, now)
            data = refresh_message(now) if sets is None else await self._messages_of(sets, audience, now)
        if cursor.people != people and not isinstance(audience, Visitors | Programs):
            data += people_message(self.presence, audience)
        return Delivery(data, Cursor(now, people, self._growing))

    @property
    def _now(self) -> int:
        return self._seq or 0

    async def _sets_after(self, after: int, now: int) -> list[LoggedSet] | None:
        """None if a page that has the sets up to `after` had better load its rows again."""
        if after > now:
            return None
        recent = list(self._recent)
        if recent and recent[0].seq <= after + 1:
            return recent[after + 1 - recent[0].seq :]
        feed = await self._database.read(lambda connection: read_feed(connection, self._table_id, after, now))
        return feed.sets if feed is not None and feed.seq == now else None

    async def _messages_of(self, sets: list[LoggedSet], audience: Audience, now: int) -> bytes:
        if isinstance(audience, Visitors):
            given = self._table_id, audience, sets, now, dict(self._pages)
            return await self._database.read(lambda connection: visitor_messages(connection, *given))
        return b"".join(self._message(one, audience) for one in sets)

    def _message(self, one: LoggedSet, audience: Columns | Programs) -> bytes:
        """Made once for each audience."""
        made = self._messages.get((one.seq, audience))
        if made is None:
            if isinstance(audience, Programs):
                made = change_message(one)
            else:
                made = set_message(one, self._fields, audience, self._pages.get(one.seq))
            if self._recent and one.seq >= self._recent[0].seq:
                self._messages[one.seq, audience] = made
        return made

    # -- who is here ---------------------------------------------------------------------------------------------------

    def role_changed(self, role: str) -> bytes:
        """The page loads itself again."""
        return access_message(role.partition(" ")[0])

    def came(self, actor: Actor) -> None:
        """Visitors and programs are not shown."""
        if actor.link_id is None and actor.token_id is None:
            self.presence.came(actor.id, actor.name)

    def went(self, actor: Actor) -> None:
        if actor.link_id is None and actor.token_id is None:
            self.presence.went(actor.id)

    def tick(self) -> bool:
        self._announced = None  # now and then see also what no event has told
        return self.presence.renew()


def _number(text: Any) -> int | None:
    """What is no number, or none that can be, is as good as none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
