"""The people a table is shared with."""

from typing import Any

from quart import Response
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, response
from webapp.api.fields import TableId
from webapp.api.responses import empty
from webapp.api.schemas import PersonId
from webapp.api.view_schemas import MemberChange, NewTableMember, TableMember, TableMembers
from webapp.extensions import db
from webapp.models import TableRole
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.models.tables import members
from webapp.models.tables.access import find_table
from webapp.models.tables.member_lists import members_of
from webapp.web.access import may
from webapp.web.audit import audit_source
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user


@bp.get("/v1/tables/<id:table_id>/members")
@tag(["Sharing"])
@may(Action.READ_TABLE)
@reads
@response(TableMembers)
async def members_index(table_id: TableId) -> Any:
    """List the members of a table

    Its owner, and those with whom it is shared.
    """
    return TableMembers(items=await _members(table_id))


@bp.post("/v1/tables/<id:table_id>/members")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 422)
@response(TableMember, 201)
@body(NewTableMember)
async def members_create(table_id: TableId, data: NewTableMember) -> Any:
    """Share a table

    With somebody who has an account; who is a member already gets the role.
    """
    about = (audit_source(), table_id, data.user_id, TableRole(data.role))
    await db().write(members.add_member, current_user(), *about)
    return await _member(table_id, data.user_id), 201


@bp.patch("/v1/tables/<id:table_id>/members/<id:user_id>")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
@response(TableMember)
@body(MemberChange)
async def members_update(table_id: TableId, user_id: PersonId, data: MemberChange) -> Any:
    """Change the role of a member

    To viewer or editor.
    """
    about = (audit_source(), table_id, user_id, TableRole(data.role))
    await db().write(members.change_member_role, current_user(), *about)
    return await _member(table_id, user_id)


@bp.delete("/v1/tables/<id:table_id>/members/<id:user_id>")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
async def members_delete(table_id: TableId, user_id: PersonId) -> Response:
    """Remove a member

    They do not find the table any more.
    """
    removed = await db().write(members.remove_member, current_user(), audit_source(), table_id, user_id)
    if removed is None:
        raise NotFound("member")
    return empty()


async def _members(table_id: int) -> list[TableMember]:
    await find_table(db(), current_user(), table_id)
    async with db().reading() as session:
        return [TableMember.of(member) for member in await members_of(session, table_id)]


async def _member(table_id: int, user_id: int) -> TableMember:
    """Raises `NotFound`."""
    found = [member for member in await _members(table_id) if member.user_id == user_id]
    if not found:  # removed a moment ago
        raise NotFound("member")
    return found[0]
