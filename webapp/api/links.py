"""Links by which people without an account see a table. Only its owner has to do with them."""

from typing import Any

from quart import Response, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, response, takes_idempotency_key
from webapp.api.errors import WrongField
from webapp.api.fields import LinkId, TableId
from webapp.api.keys import create_once
from webapp.api.link_schemas import MadeLink, NewTableLink, TableLink, TableLinkChange, TableLinks, ViewToFollow
from webapp.api.responses import empty
from webapp.api.view_schemas import state_pairs
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, hasher, sealer
from webapp.models import Actor, AuditSource, Link, Table
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.models.tables import linking
from webapp.models.tables.access import find_table
from webapp.models.tables.link_views import Part, follow_view
from webapp.models.tables.linking import LinkTerms, NothingToShow
from webapp.models.tables.members import require_owner
from webapp.models.tables.saved_view import find_view
from webapp.web import paths
from webapp.web.access import may
from webapp.web.audit import audit_source
from webapp.web.hosts import own_origin
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user


@bp.get("/v1/tables/<id:table_id>/links")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@reads
@response(TableLinks)
async def links_index(table_id: TableId) -> Any:
    """List the links of a table

    Without their addresses: the page of the table's links has them.
    """
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    async with db().reading() as session:
        return TableLinks(
            items=[TableLink(**TableLink.values(link)) for link in await linking.links_of(session, table_id)]
        )


@bp.post("/v1/tables/<id:table_id>/links")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(MadeLink, 201, headers=("Location",))
@body(NewTableLink)
async def links_create(table_id: TableId, data: NewTableLink) -> Any:
    """Make a link

    Whoever has its `address`, which is shown this once, sees the rows and columns of `state` or of the view, without an
    account.
    """
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    if data.state and data.view_id is not None:
        raise WrongField("view_id", "Send a state or a view, not both.")
    part, terms = await _part(table, data), data.terms(await _hashed(data.password))
    about = (current_user(), audit_source(), sealer(), table_id, terms, part.scope, part.shown, data.view_id)
    link_id, _ = await create_once(table_id, _id_of, linking.create_link, *about)
    link = await _find(table_id, link_id)
    address = f"{own_origin()}{paths.url_for('shared.show', token=linking.token_of(link, sealer()))}"
    location = url_for("api.links_show", table_id=table_id, link_id=link.id)
    return MadeLink(**TableLink.values(link), address=address), 201, {"Location": location}


@bp.get("/v1/tables/<id:table_id>/links/<id:link_id>")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@reads
@response(TableLink)
async def links_show(table_id: TableId, link_id: LinkId) -> Any:
    """Show a link

    What it shows and allows, and when somebody came by it last.
    """
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    return TableLink(**TableLink.values(await _find(table_id, link_id)))


@bp.patch("/v1/tables/<id:table_id>/links/<id:link_id>")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
@errors(422)
@response(TableLink)
@body(TableLinkChange)
async def links_update(table_id: TableId, link_id: LinkId, data: TableLinkChange) -> Any:
    """Change a link

    What it allows, and until when: from the next request on, by the same address.
    """
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    wanted = data.wanted()
    if "password" in data.model_fields_set:
        wanted["password_hash"] = await _hashed(data.password)
    await db().write(_change, current_user(), audit_source(), table_id, link_id, wanted)
    return TableLink(**TableLink.values(await _find(table_id, link_id)))


@bp.post("/v1/tables/<id:table_id>/links/<id:link_id>/view")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 422)
@response(TableLink)
@body(ViewToFollow)
async def links_follow(table_id: TableId, link_id: LinkId, data: ViewToFollow) -> Any:
    """Bring a link up to date

    It shows what the saved view that it was made of has now, by the same address. If the view was saved anew since the
    `version` that you name, nothing is changed (409): what nobody has looked at is not opened to strangers.
    """
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    await db().write(follow_view, current_user(), audit_source(), table_id, link_id, data.version)
    return TableLink(**TableLink.values(await _find(table_id, link_id)))


@bp.delete("/v1/tables/<id:table_id>/links/<id:link_id>")
@tag(["Sharing"])
@may(Action.CHANGE_TABLE)
@writes
async def links_delete(table_id: TableId, link_id: LinkId) -> Response:
    """Revoke a link

    Nobody comes by it any more, and pages that are open end.
    """
    if await db().write(linking.revoke_link, current_user(), audit_source(), table_id, link_id) is None:
        raise NotFound("link")
    return empty()


async def _change(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, link_id: int, wanted: dict[str, Any]
) -> None:
    await require_owner(work, actor, table_id)
    link = await linking.find_link(work.session, table_id, link_id)
    if link is None:
        raise NotFound("link")
    names = LinkTerms.__dataclass_fields__
    terms = LinkTerms(**{name: getattr(link, name) for name in names} | wanted)
    await linking.change_link(work, actor, source, table_id, link_id, terms)


async def _part(table: Table, data: NewTableLink) -> Part:
    """Raises `QueryError`, `NotFound` and `NothingToShow`."""
    view_id, actor = data.view_id, current_user()
    if view_id is None:
        return Part.of_address(table, state_pairs(data.state))
    view = await db().read(lambda connection: find_view(connection, table.id, actor.id, view_id))
    if (part := Part.of_view(table, view)) is None:
        raise NothingToShow
    return part


async def _hashed(password: str | None) -> str | None:
    return None if password is None else await hasher().hash(password)


def _id_of(made: tuple[Link, str]) -> int:
    return made[0].id


async def _find(table_id: int, link_id: int) -> Link:
    """Raises `NotFound`."""
    async with db().reading() as session:
        link: Link | None = await linking.find_link(session, table_id, link_id)
    if link is None:
        raise NotFound("link")
    return link
