"""Authorisation: who acts, what there is to do, and `is_allowed()`, the one function that decides.

Roles, scopes and rules are one table. What a right refers to is known here only by what the actor is to it.
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


class TableRole(StrEnum):
    """What somebody is to one table, from the least to the most."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"  # exactly one person


class Action(StrEnum):
    """What a view does; the view declares it with `@may(Action.X)`."""

    USE = "use"  # use the application at all: pages that show only one's own data
    OWN_ACCOUNT = "account"  # one's own profile, sign-ins and tokens: by sign-in only, never by token
    READ_TABLE = "table.read"
    CREATE_TABLE = "table.create"
    SAVE_VIEWS = "table.save_views"  # of one's own
    EDIT_ROWS = "table.edit_rows"  # its cells and rows
    EDIT_TABLE = "table.edit"  # these and its columns, many rows at once, and undoing anything
    CHANGE_TABLE = "table.change"  # its title and members, and whether it exists
    READ_PEOPLE = "people.read"
    INVITE_GUESTS = "people.invite_guests"  # to tables of one's own
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
    link_id: int | None = None  # the link to a table by which somebody without an account came
    table_ids: frozenset[int] | None = None  # the only tables that the token is for; None: no restriction


class Shared(Protocol):
    """A subject in which the person who acts has a part: a table, as its finder found it for them."""

    @property
    def table_role(self) -> TableRole: ...


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
    # What one must at least be to the table, for actions with a table.
    table_role: TableRole | None = None


_EVERYBODY = frozenset(Role)
_MEMBERS = frozenset({Role.OWNER, Role.ADMINISTRATOR, Role.MEMBER})
_ADMINISTRATORS = frozenset({Role.OWNER, Role.ADMINISTRATOR})

RULES = {
    Action.USE: Rule(_EVERYBODY, Scope.READ),
    Action.OWN_ACCOUNT: Rule(_EVERYBODY, None),
    Action.READ_TABLE: Rule(_EVERYBODY, Scope.READ, TableRole.VIEWER),
    Action.SAVE_VIEWS: Rule(_EVERYBODY, Scope.WRITE, TableRole.VIEWER),
    Action.EDIT_ROWS: Rule(_EVERYBODY, Scope.WRITE, TableRole.EDITOR),
    Action.EDIT_TABLE: Rule(_EVERYBODY, Scope.WRITE, TableRole.EDITOR),
    Action.CREATE_TABLE: Rule(_MEMBERS, Scope.WRITE),
    Action.CHANGE_TABLE: Rule(_MEMBERS, Scope.WRITE, TableRole.OWNER),
    Action.READ_PEOPLE: Rule(_MEMBERS, Scope.READ),
    Action.INVITE_GUESTS: Rule(_MEMBERS, Scope.WRITE),
    Action.MANAGE_PEOPLE: Rule(_ADMINISTRATORS, Scope.ADMIN),
    Action.RUN_SERVER: Rule(_ADMINISTRATORS, Scope.ADMIN),
}
# What a token that is for some tables only may allow at all.
OF_TABLES = frozenset(
    {
        Action.USE,
        Action.READ_TABLE,
        Action.SAVE_VIEWS,
        Action.EDIT_ROWS,
        Action.EDIT_TABLE,
        Action.CHANGE_TABLE,
    }
)
BY_LINK = frozenset({Action.READ_TABLE, Action.EDIT_ROWS})  # what a link may allow at all
TABLE_RANKS = {role: rank for rank, role in enumerate(TableRole)}
RANKS = {Role.GUEST: 0, Role.MEMBER: 1, Role.ADMINISTRATOR: 2, Role.OWNER: 3}


# By the setting `second_factor`: of whom the server demands two factors.
ROLES_WITH_TWO_FACTORS: dict[str, frozenset[Role]] = {
    "optional": frozenset(),
    "administrators": RULES[Action.RUN_SERVER].roles,
    "everybody": _EVERYBODY,
}


def is_allowed(actor: Actor, action: Action, subject: Shared | Ranked | None = None) -> bool:
    """Whether `actor` may do `action`, in general or with `subject`.

    What one may do with a table depends on what one is to it, and on one's role; by a link one looks, or edits rows.
    People are managed by those with a higher role; owners also manage each other.
    """
    rule = RULES[action]
    if Role(actor.role) not in rule.roles or (actor.link_id is not None and action not in BY_LINK):
        return False
    if actor.table_ids is not None and action not in OF_TABLES:
        return False
    if actor.scopes is not None and (rule.scope is None or rule.scope not in actor.scopes):
        return False
    # `isinstance` with a protocol takes several times as long as all else here.
    if subject is not None and hasattr(subject, "table_role"):
        return rule.table_role is not None and TABLE_RANKS[subject.table_role] >= TABLE_RANKS[rule.table_role]
    if action is Action.MANAGE_PEOPLE and isinstance(subject, Ranked):
        return is_above(actor, Role(subject.role))
    return True


def can_own_tables(role: Role) -> bool:
    """Whether a table may be handed over to people of this role."""
    return role in RULES[Action.CHANGE_TABLE].roles


def is_above(actor: Actor, role: Role) -> bool:
    """Whether `actor` may manage people of this role, and grant it."""
    own_role = Role(actor.role)
    return own_role is Role.OWNER or RANKS[own_role] > RANKS[role]
