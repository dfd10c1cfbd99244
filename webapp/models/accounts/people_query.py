"""Lists of people: searched, sorted, page by page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.functions import contains, text_of_instant
from webapp.models.accounts.identity import Identity
from webapp.models.accounts.session import IS_ACTIVE, Session
from webapp.models.accounts.user import User
from webapp.models.cursor import decode_cursor, encode_cursor
from webapp.models.policy import RANKS, Role

PAGE_SIZE = 50  # people
MAX_SEARCH = 200  # characters

STATE = case(
    (~User.is_active, "deactivated"),
    (and_(User.password_hash == "", ~exists().where(Identity.user_id == User.id)), "invited"),
    (User.verified_at.is_(None), "unverified"),
    else_="active",
)
# What the columns sort by. Names and addresses compare case-insensitively.
SORT_KEYS: dict[str, tuple[SQLColumnExpression[Any], type[str] | type[int]]] = {
    "name": (func.lower(User.name), str),
    "email": (User.email, str),
    "role": (case(*((User.role == role, -rank) for role, rank in RANKS.items()), else_=0) + max(RANKS.values()), int),
    "state": (STATE, str),
    # In stored form; people who were never here come first.
    "seen": (text_of_instant(User.seen_at), str),
}


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person as a list shows them."""

    id: int
    email: str
    name: str
    role: Role
    state: str  # active, deactivated, invited, unverified
    seen_at: datetime | None
    sessions: int  # active ones


@dataclass(frozen=True, slots=True)
class PeopleListQuery:
    """`sort` is a name in `SORT_KEYS`, with a leading dash for descending."""

    search: str = ""
    sort: str = "name"

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> "PeopleListQuery":
        """Invalid parameters are ignored: the URL of a list should never be a dead end."""
        sort = args.get("sort", "")
        search = args.get("q", "").replace("\0", "").strip()[:MAX_SEARCH]
        return cls(search, sort if sort.removeprefix("-") in SORT_KEYS else "name")

    @property
    def key(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    def sorted_by(self, key: str) -> "PeopleListQuery":
        """Sort by this column; if it already is, reverse the order."""
        return replace(self, sort=f"-{key}" if self.sort == key else key)

    def args(self) -> dict[str, Any]:
        """For URLs; defaults are left out."""
        return {name: value for name, value in (("q", self.search), ("sort", self.sort)) if value not in ("", "name")}


async def people_page(
    session: AsyncSession, query: PeopleListQuery, active_since: Mapping[str, Any], cursor: str | None = None
) -> tuple[list[PersonSummary], str | None]:
    """A page, and the cursor of the next one. `active_since`: the parameters of `IS_ACTIVE`.

    Raises `InvalidCursor`.
    """
    key, key_type = SORT_KEYS[query.key]
    statement = _SUMMARIES.add_columns(key.label("key")).where(*_matching(query.search))
    if cursor is not None:
        last_key, last_id = decode_cursor(cursor, key_type)
        is_further = (
            or_(key < last_key, and_(key == last_key, User.id < last_id))
            if query.is_descending
            else or_(key > last_key, and_(key == last_key, User.id > last_id))
        )
        statement = statement.where(is_further)
    order = (key.desc(), User.id.desc()) if query.is_descending else (key, User.id)
    rows = list(await session.execute(statement.order_by(*order).limit(PAGE_SIZE + 1), active_since))
    page = rows[:PAGE_SIZE]
    next_cursor = encode_cursor(page[-1].key, page[-1].id) if len(rows) > PAGE_SIZE else None
    return [_summary(row) for row in page], next_cursor


async def people_by_id(
    session: AsyncSession, user_ids: Collection[int], active_since: Mapping[str, Any]
) -> list[PersonSummary]:
    """Those of them who exist, oldest accounts first. `active_since` as in `people_page`."""
    rows = await session.execute(_SUMMARIES.where(User.id.in_(user_ids)).order_by(User.id), active_since)
    return [_summary(row) for row in rows]


async def count_people(session: AsyncSession, search: str = "") -> int:
    return (await session.execute(select(func.count(User.id)).where(*_matching(search)))).scalar_one()


async def people_after(session: AsyncSession, user_id: int, limit: int, search: str = "") -> Sequence[User]:
    """At most `limit` people with a higher id, oldest accounts first, whose name or address contains `search`."""
    statement = select(User).where(User.id > user_id).order_by(User.id).limit(limit)
    if search:
        columns = (User.email, User.name)
        statement = statement.where(or_(*(contains(column, search) for column in columns)))
    return (await session.scalars(statement)).all()


async def people_like(
    session: AsyncSession, search: str, limit: int, *, also_deactivated: bool = False
) -> Sequence[User]:
    """At most `limit` people, by name, whose name or address contains every word of `search`."""
    matching = _matching(search)
    if not matching:
        return []
    statement = select(User).where(*matching).order_by(func.lower(User.name), User.id)
    statement = statement if also_deactivated else statement.where(User.is_active)
    return (await session.scalars(statement.limit(limit))).all()


async def people_with_state(session: AsyncSession) -> list[tuple[User, str]]:
    """Everybody, by address, each with their `STATE`."""
    return [(user, state) for user, state in await session.execute(select(User, STATE).order_by(User.email))]


_SUMMARIES: Select[Any] = select(
    User.id,
    User.email,
    User.name,
    User.role,
    STATE.label("state"),
    User.seen_at,
    select(func.count(Session.id)).where(Session.user_id == User.id, IS_ACTIVE).scalar_subquery().label("sessions"),
)


def _summary(row: Any) -> PersonSummary:
    return PersonSummary(row.id, row.email, row.name, Role(row.role), row.state, row.seen_at, row.sessions)


def _matching(search: str) -> list[ColumnElement[bool]]:
    """Every word occurs in the name or the address. The database folds ASCII case only, so common case variants of
    other letters are tried.
    """
    return [
        or_(
            contains(User.email, word.lower()),
            *(contains(User.name, variant) for variant in {word, word.lower(), word.upper(), word.capitalize()}),
        )
        for word in search.split()
    ]
