"""Links to tables in tests, made as their owner makes them."""

from collections.abc import Collection, Sequence
from typing import Any

from webapp.extensions import db, sealer
from webapp.models import Actor, AuditSource, User
from webapp.models.accounts.user import actor_from
from webapp.models.tables import linking
from webapp.models.tables.linking import LinkTerms
from webapp.web.application import Application


async def add_link(
    app: Application,
    table_id: int,
    owner: User,
    *,
    scope: Sequence[Sequence[str]] = (),
    shown: Collection[int] | None = None,
    view_id: int | None = None,
    **terms: Any,
) -> tuple[int, str]:
    """Return its id and its path."""
    actor: Actor = actor_from(owner)
    source, made = AuditSource(actor.id, actor.email), LinkTerms(**{"name": "Press", **terms})
    async with app.app_context():
        link, token = await db().write(
            linking.create_link, actor, source, sealer(), table_id, made, scope, shown, view_id
        )
    return link.id, f"/s/{token}"


async def revoke(app: Application, table_id: int, owner: User, link_id: int) -> None:
    actor: Actor = actor_from(owner)
    async with app.app_context():
        await db().write(linking.revoke_link, actor, AuditSource(actor.id, actor.email), table_id, link_id)


async def change(app: Application, table_id: int, owner: User, link_id: int, **terms: Any) -> None:
    actor: Actor = actor_from(owner)
    source, made = AuditSource(actor.id, actor.email), LinkTerms(**{"name": "Press", **terms})
    async with app.app_context():
        await db().write(linking.change_link, actor, source, table_id, link_id, made)
