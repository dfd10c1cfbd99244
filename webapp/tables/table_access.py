"""Who can see a table, and why: what any person of this server may do with it, and through what."""

from dataclasses import dataclass

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models import Action, Actor, Role, User, is_allowed
from webapp.models.accounts.user import actor_from
from webapp.models.tables.access import TableAccess, find_table
from webapp.models.tables.member_lists import ListedMember, find_typed_people, members_of
from webapp.tables import bp
from webapp.tables.members import MAX_TYPED
from webapp.web.fragments import render
from webapp.web.session import current_user

# What a right is called, from the least to the most.
RIGHTS = {
    Action.READ_TABLE: "See it: all rows and columns, exports, the original file, the history and the list of members",
    Action.EDIT_TABLE: "Change it: cells, rows and columns",
    Action.CHANGE_TABLE: "Rename, share, hand over and delete it",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`rights`: each in words, and whether the person has it. `member` is their part in the table, if any."""

    person: User
    rights: list[tuple[str, bool]]
    member: ListedMember | None
    is_guest: bool
    runs_server: bool


@bp.get("/<id:table_id>/access")
async def access_show(table_id: int) -> ResponseReturnValue:
    """`?person=` is a name or an address. Guests, who cannot list people, are told about themselves."""
    actor = current_user()
    table = await find_table(db(), actor, table_id)
    may_ask = is_allowed(actor, Action.READ_PEOPLE)
    typed = request.args.get("person", "").replace("\0", "").strip()[:MAX_TYPED] if may_ask else ""
    async with db().reading() as session:
        person, candidates = await find_typed_people(session, typed or actor.email, also_deactivated=True)
        members = await members_of(session, table_id) if person else []
    explanation = await _explain(table_id, person, members) if person else None
    return await render(
        "tables/members/access.html",
        table=table,
        typed=typed,
        may_ask=may_ask,
        explanation=explanation,
        candidates=candidates,
    )


async def _explain(table_id: int, person: User, members: list[ListedMember]) -> Explanation:
    access = await db().read(lambda connection: TableAccess.find(connection, person.id, table_id))
    theirs: Actor = actor_from(person)
    return Explanation(
        person,
        [
            (text, person.is_active and access is not None and is_allowed(theirs, action, access))
            for action, text in RIGHTS.items()
        ],
        next((member for member in members if member.person.id == person.id), None),
        theirs.role == Role.GUEST,
        is_allowed(theirs, Action.RUN_SERVER),
    )
