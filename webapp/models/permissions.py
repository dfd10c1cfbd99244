"""Authorisation: one table of rules, and `authorize()`, the one function that decides."""

from dataclasses import dataclass
from enum import StrEnum

from webapp.models.api_token import Scope
from webapp.models.table import Table
from webapp.models.user import Actor, Role, User


class Action(StrEnum):
    """What a view does; the view declares it with `@may(Action.X)`."""

    USE = "use"  # use the application at all: pages that show only one's own data
    OWN_ACCOUNT = "account"  # one's own profile, sign-ins and tokens: by sign-in only, never by token
    READ_TABLE = "table.read"
    CREATE_TABLE = "table.create"
    CHANGE_TABLE = "table.change"
    READ_PEOPLE = "people.read"
    MANAGE_PEOPLE = "people.manage"
    RUN_SERVER = "server"  # the audit log, background work, settings


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


def authorize(actor: Actor, action: Action, subject: Table | User | None = None) -> bool:
    """Whether `actor` may do `action`, in general or with `subject`.

    A table belongs to its owner alone. People are managed by those with a higher role; owners also manage each other.
    """
    rule = RULES[action]
    if Role(actor.role) not in rule.roles:
        return False
    if actor.scopes is not None and (rule.scope is None or rule.scope not in actor.scopes):
        return False
    if isinstance(subject, Table):
        return subject.owner_id == actor.id
    if isinstance(subject, User) and action is Action.MANAGE_PEOPLE:
        return is_above(actor, Role(subject.role))
    return True


def is_above(actor: Actor, role: Role) -> bool:
    """Whether `actor` may manage people of this role, and grant it."""
    own = Role(actor.role)
    return own is Role.OWNER or RANKS[own] > RANKS[role]
