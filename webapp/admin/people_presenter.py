"""People as their list and pages show them, prepared for the templates, which build no URLs and decide nothing."""

from dataclasses import dataclass
from typing import Any

from quart import url_for

from webapp.admin.forms import ROLES
from webapp.models import Action, Actor, is_above, is_allowed
from webapp.models.accounts.people_query import SORT_KEYS, PeopleListQuery, PersonSummary
from webapp.web.formatting import format_number, plural

TITLES = {"name": "Name", "email": "E-mail", "role": "Role", "state": "State", "seen": "Last seen"}
# State -> its label and the kind of its badge.
STATES = {
    "active": ("Active", ""),
    "deactivated": ("Deactivated", "failed"),
    "invited": ("Invited", "alert"),
    "unverified": ("Unverified", "alert"),
}


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person. `may_act`: the reader may do to them what nobody does to themselves; `roles`: those they may grant."""

    person: PersonSummary
    state: str
    badge: str  # its kind; "": none
    may_manage: bool
    may_act: bool
    is_self: bool
    role: str
    roles: list[tuple[str, str]]


def present_person(reader: Actor, person: PersonSummary) -> PersonRow:
    state, badge = STATES[person.state]
    may_manage, is_self = is_allowed(reader, Action.MANAGE_PEOPLE, person), person.id == reader.id
    roles = [(str(role), label) for role, label in ROLES.items() if is_above(reader, role)]
    return PersonRow(
        person=person,
        state=state,
        badge=badge,
        may_manage=may_manage,
        may_act=may_manage and not is_self,
        is_self=is_self,
        role=ROLES[person.role],
        roles=roles if may_manage and not is_self else [],
    )


def present_people(
    reader: Actor, query: PeopleListQuery, people: list[PersonSummary], cursor: str | None, matching: int, total: int
) -> dict[str, Any]:
    """The context of the list's templates. `cursor` is that of the next page; `matching` people fit the search."""
    more = {**query.args(), "after": cursor}
    summary = plural(total, "person", "people")
    if query.search:
        summary = f"{format_number(matching)} of {summary} with “{query.search}” in the name or address"
    return {
        "rows": [present_person(reader, person) for person in people],
        "headers": [_header(query, key) for key in SORT_KEYS],
        "query": query,
        "hidden_fields": [(name, value) for name, value in query.args().items() if name != "q"],
        "url": url_for("admin.people_index", **query.args()),
        "clear_url": url_for("admin.people_index", **PeopleListQuery(sort=query.sort).args()),
        "more_url": url_for("admin.people_index", **more) if cursor else None,
        "more_rows_url": url_for("admin.people_rows", **more) if cursor else None,
        "summary": summary,
    }


def _header(query: PeopleListQuery, key: str) -> tuple[str, str, str | None]:
    """Title, URL, and the direction if the list is sorted by it."""
    direction = None if query.key != key else "descending" if query.is_descending else "ascending"
    return TITLES[key], url_for("admin.people_index", **query.sorted_by(key).args()), direction
