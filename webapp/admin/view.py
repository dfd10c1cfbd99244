"""People as their list and pages show them, prepared for the templates, which build no URLs and decide nothing."""

from dataclasses import dataclass
from typing import Any

from quart import url_for

from webapp.admin import listing
from webapp.admin.forms import ROLES
from webapp.admin.listing import KEYS, Listed, Query
from webapp.models import Actor, Role, is_above

HEADS = {"name": "Name", "email": "E-mail", "role": "Role", "state": "State", "seen": "Last seen"}
STATES = {
    "active": ("Active", ""),
    "deactivated": ("Deactivated", "failed"),
    "invited": ("Invited", "alert"),
    "unverified": ("Unverified", "alert"),
}


@dataclass(frozen=True, slots=True)
class Head:
    title: str
    url: str
    direction: str | None  # "ascending", "descending", None


@dataclass(frozen=True, slots=True)
class Row:
    """A person. `roles` are those the reader may grant them: empty if the reader may not manage them."""

    person: Listed
    state: str
    kind: str  # kind of its badge
    may_manage: bool
    is_self: bool
    role: str
    roles: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ListView:
    rows: list[Row]
    heads: list[Head]
    query: Query
    hidden: list[tuple[str, str]]  # hidden fields of the search form
    url: str
    clear_url: str
    more_url: str | None  # the whole page, starting there
    more_rows_url: str | None  # the rows alone
    summary: str


def row(actor: Actor, person: Listed) -> Row:
    words, kind = STATES[person.state]
    may_manage, is_self = is_above(actor, person.role), person.id == actor.id
    roles = [(str(role), name) for role, name in ROLES.items() if is_above(actor, role)]
    return Row(
        person=person,
        state=words,
        kind=kind,
        may_manage=may_manage,
        is_self=is_self,
        role=ROLES[Role(person.role)],
        roles=roles if may_manage and not is_self else [],
    )


def list_view(actor: Actor, query: Query, page: listing.People, summary: str) -> ListView:
    further: dict[str, Any] = {**query.args(), "after": page.after}
    return ListView(
        rows=[row(actor, person) for person in page.rows],
        heads=[_head(query, key) for key in KEYS],
        query=query,
        hidden=[(name, value) for name, value in query.args().items() if name != "q"],
        url=url_for("admin.people_index", **query.args()),
        clear_url=url_for("admin.people_index", **Query(sort=query.sort).args()),
        more_url=url_for("admin.people_index", **further) if page.after else None,
        more_rows_url=url_for("admin.people_rows", **further) if page.after else None,
        summary=summary,
    )


def _head(query: Query, key: str) -> Head:
    direction = None if query.key != key else "descending" if query.is_descending else "ascending"
    return Head(HEADS[key], url_for("admin.people_index", **query.sorted_by(key).args()), direction)
