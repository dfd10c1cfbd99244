"""Members of a table as its pages show them."""

from dataclasses import dataclass
from datetime import datetime

from settings import Registration
from webapp.extensions import config
from webapp.models import Action, Actor, Role, TableRole, is_allowed, normalise_email
from webapp.models.policy import can_own_tables
from webapp.models.tables.member_lists import ListedMember

MEMBER_LABELS = {TableRole.VIEWER: "Viewer", TableRole.EDITOR: "Editor"}
LABELS = {**MEMBER_LABELS, TableRole.OWNER: "Owner"}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """`email` is None for readers who may not know people's addresses; `may_own`: the table can be handed over."""

    id: int
    name: str
    email: str | None
    role: str
    label: str
    added_by: str | None
    added_at: datetime | None
    is_self: bool
    is_owner: bool
    is_active: bool
    may_own: bool


def present_member(actor: Actor, member: ListedMember) -> MemberRow:
    person = member.person
    knows_addresses = is_allowed(actor, Action.READ_PEOPLE) or person.id == actor.id
    is_owner = member.role is TableRole.OWNER
    return MemberRow(
        person.id,
        person.name,
        person.email if knows_addresses else None,
        member.role,
        LABELS[member.role],
        member.added_by,
        member.added_at,
        person.id == actor.id,
        is_owner,
        person.is_active,
        not is_owner and person.is_active and can_own_tables(Role(person.role)),
    )


def may_invite(actor: Actor) -> bool:
    """Whether this person may invite somebody new: those who manage people may, and others unless it is closed."""
    is_closed = config().registration is Registration.CLOSED
    return is_allowed(actor, Action.MANAGE_PEOPLE if is_closed else Action.INVITE_GUESTS)


def address_in(typed: str | None) -> str | None:
    """The normalised address, or None if this is none."""
    try:
        return normalise_email(typed or "")
    except ValueError:
        return None
