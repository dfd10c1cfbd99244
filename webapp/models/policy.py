"""Authorisation: who acts, what there is to do, and `is_allowed()`, the one function that decides.

Roles, scopes and rules are one table. What a right refers to is known here only by whom it belongs to.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Role(StrEnum):
    """A person's role, which decides what they may do."""

    OWNER = "owner"  # the first person, and those an owner promotes; there is always one
    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    GUEST = "guest"


class Scope(StrEnum):
    """What a token may be used for, within its owner's rights. Each scope includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def included(self) -> frozenset[str]:
        scopes = list(Scope)
        return frozenset(scopes[: scopes.index(self) + 1])


class Action(StrEnum):
    """What a view does; the view declares it with `@may(Action.X)`."""

    USE = "use"  # use the application at all: pages that show only one's own data
    OWN_ACCOUNT = "account"  # one's own profile, sign-ins and tokens: by sign-in only, never by token
    READ_TABLE = "table.read"
    CREATE_TABLE = "table.create"
    CHANGE_TABLE = "table.change"
    READ_PEOPLE = "people.read"
    MANAGE_PEOPLE = "people.manage"
    RUN_SERVER = "server"  # the audit log, background jobs, settings


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting, as plain values: safe to hand to templates, streams and jobs."""

    id: int
    email: str
    name: str
    role: str
    session_id: int | None = None  # None with a token and on the command line
    is_fresh: bool = False  # whether the last proof of identity is recent
    is_strong: bool = False  # whether the sign-in took two factors
    is_verified: bool = True  # whether the address is confirmed
    token_id: int | None = None  # the API token this request came with
    scopes: frozenset[str] | None = None  # the token's scopes; None: no restriction beyond the role
    time_zone: str = "UTC"  # an IANA name
    number_style: str = "comma"  # how large numbers are written; `web/formatting.py` knows the styles


@runtime_checkable
class Owned(Protocol):
    """A subject that belongs to one person, such as a table."""

    @property
    def owner_id(self) -> int: ...


@runtime_checkable
class Ranked(Protocol):
    """A subject that is a person, with a role."""

    @property
    def role(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Rule:
    roles: frozenset[Role]
    # The scope a token needs; None: tokens are not accepted.
    scope: Scope | None


_EVERYBODY = frozenset(Role)
_MEMBERS = frozenset({Role.OWNER, Role.ADMINISTRATOR, Role.MEMBER})
_ADMINISTRATORS = frozenset({Role.OWNER, Role.ADMINISTRATOR})

RULES = {
    Action.USE: Rule(_EVERYBODY, Scope.READ),
    Action.OWN_ACCOUNT: Rule(_EVERYBODY, None),
    Action.READ_TABLE: Rule(_EVERYBODY, Scope.READ),
    Action.CREATE_TABLE: Rule(_MEMBERS, Scope.WRITE),
    Action.CHANGE_TABLE: Rule(_MEMBERS, Scope.WRITE),
    Action.READ_PEOPLE: Rule(_MEMBERS, Scope.READ),
    Action.MANAGE_PEOPLE: Rule(_ADMINISTRATORS, Scope.ADMIN),
    Action.RUN_SERVER: Rule(_ADMINISTRATORS, Scope.ADMIN),
}
RANKS = {Role.GUEST: 0, Role.MEMBER: 1, Role.ADMINISTRATOR: 2, Role.OWNER: 3}


def is_allowed(actor: Actor, action: Action, subject: Owned | Ranked | None = None) -> bool:
    """Whether `actor` may do `action`, in general or with `subject`.

    A table belongs to its owner alone. People are managed by those with a higher role; owners also manage each other.
    """
    rule = RULES[action]
    if Role(actor.role) not in rule.roles:
        return False
    if actor.scopes is not None and (rule.scope is None or rule.scope not in actor.scopes):
        return False
    if isinstance(subject, Owned):
        return subject.owner_id == actor.id
    if isinstance(subject, Ranked) and action is Action.MANAGE_PEOPLE:
        return is_above(actor, Role(subject.role))
    return True


def is_above(actor: Actor, role: Role) -> bool:
    """Whether `actor` may manage people of this role, and grant it."""
    own_role = Role(actor.role)
    return own_role is Role.OWNER or RANKS[own_role] > RANKS[role]
