"""The list of people as its URL describes it: searched, sorted, with keyset pagination."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, and_, case, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from werkzeug.datastructures import MultiDict

from settings import Settings
from webapp.admin import places
from webapp.models import Role, Session, User, utc_now
from webapp.models.policy import RANKS

PAGE = 50  # people
MAX_SEARCH = 200  # characters

STATE = case(
    (~User.is_active, "deactivated"),
    (User.password_hash == "", "invited"),
    (User.verified_at.is_(None), "unverified"),
    else_="active",
)
# What the columns sort by. Names and addresses compare case-insensitively.
KEYS: dict[str, tuple[SQLColumnExpression[Any], type[str] | type[int]]] = {
    "name": (func.lower(User.name), str),
    "email": (User.email, str),
    "role": (case(*((User.role == role, -rank) for role, rank in RANKS.items()), else_=0) + max(RANKS.values()), int),
    "state": (STATE, str),
    # In stored form; people who were never here come first.
    "seen": (func.coalesce(type_coerce(User.seen_at, String), ""), str),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A person in the list."""

    id: int
    email: str
    name: str
    role: Role
    state: str
    seen_at: datetime | None
    sessions: int


@dataclass(frozen=True, slots=True)
class People:
    rows: list[Listed]
    after: str | None  # where the next page starts


@dataclass(frozen=True, slots=True)
class Query:
    """`sort` is a name in `KEYS`, with a leading dash for descending."""

    search: str = ""
    sort: str = "name"

    @classmethod
    def from_args(cls, args: "MultiDict[str, str]") -> "Query":
        """Invalid parameters are ignored: the URL of a list should never be a dead end."""
        sort = args.get("sort", "")
        search = args.get("q", "").replace("\0", "").strip()[:MAX_SEARCH]
        return cls(search, sort if sort.removeprefix("-") in KEYS else "name")

    @property
    def key(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    def sorted_by(self, key: str) -> "Query":
        """Sort by this column; if it already is, reverse the order."""
        return replace(self, sort=f"-{key}" if self.sort == key else key)

    def args(self) -> dict[str, Any]:
        """For URLs; defaults are left out."""
        return {name: value for name, value in (("q", self.search), ("sort", self.sort)) if value not in ("", "name")}


async def fetch(session: AsyncSession, query: Query, settings: Settings, after: str | None = None) -> People:
    key, kind = KEYS[query.key]
    statement = _listed(settings).add_columns(key.label("key")).where(*_matching(query.search))
    if after is not None:
        place = places.decode(after, kind)
        is_further = (
            or_(key < place[0], and_(key == place[0], User.id < place[1]))
            if query.is_descending
            else or_(key > place[0], and_(key == place[0], User.id > place[1]))
        )
        statement = statement.where(is_further)
    order = (key.desc(), User.id.desc()) if query.is_descending else (key, User.id)
    found = list(await session.execute(statement.order_by(*order).limit(PAGE + 1)))
    shown = found[:PAGE]
    further = places.encode(shown[-1].key, shown[-1].id) if len(found) > PAGE else None
    return People([_person(row) for row in shown], further)


async def fetch_one(session: AsyncSession, user_id: int, settings: Settings) -> Listed | None:
    row = (await session.execute(_listed(settings).where(User.id == user_id))).first()
    return _person(row) if row else None


async def count(session: AsyncSession, query: Query) -> int:
    return (await session.execute(select(func.count(User.id)).where(*_matching(query.search)))).scalar_one()


def living(settings: Settings) -> ColumnElement[bool]:
    """Whether a sign-in is still active; the same condition as in `models/session.py`."""
    now = utc_now()
    idle, remembered = (now - timedelta(seconds=age) for age in (settings.session_idle, settings.session_remember))
    return and_(
        Session.revoked_at.is_(None),
        Session.created_at > now - timedelta(seconds=settings.session_lifetime),
        or_(Session.seen_at > idle, and_(Session.remembered, Session.seen_at > remembered)),
    )


def _listed(settings: Settings) -> Select[Any]:
    sessions = select(func.count(Session.id)).where(Session.user_id == User.id, living(settings)).scalar_subquery()
    return select(
        User.id, User.email, User.name, User.role, STATE.label("state"), User.seen_at, sessions.label("sessions")
    )


def _person(row: Any) -> Listed:
    return Listed(row.id, row.email, row.name, Role(row.role), row.state, row.seen_at, row.sessions)


def _matching(search: str) -> list[ColumnElement[bool]]:
    """Every word occurs in the name or the address. SQLite folds ASCII case only, so common case variants of other
    letters are tried.
    """
    return [
        or_(
            User.email.contains(word.lower(), autoescape=True),
            *(
                User.name.contains(spelt, autoescape=True)
                for spelt in {word, word.lower(), word.upper(), word.capitalize()}
            ),
        )
        for word in search.split()
    ]
