"""Which identities at the provider of single sign-on sign in to one's account."""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.auth.single_sign_on import go_to_provider
from webapp.extensions import config, db
from webapp.models import Identity
from webapp.models.accounts.identity import LastWayIn, remove_identity
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.oidc.attempts import Attempt
from webapp.web.oidc.choices import single_sign_on, takes_password
from webapp.web.session import current_user


@bp.get("/identities")
@may(Action.OWN_ACCOUNT)
async def identities() -> ResponseReturnValue:
    return await _render()


@bp.post("/identities")
@may(Action.OWN_ACCOUNT)
@fresh
async def identities_link() -> ResponseReturnValue:
    """What is linked proves at the provider who they are; and here they have just done so."""
    actor = current_user()
    return await go_to_provider(Attempt("link", session_id=actor.session_id), actor)


@bp.post("/identities/<id:identity_id>/removal")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def identities_remove(identity_id: int) -> ResponseReturnValue:
    actor, settings = current_user(), config()
    given = {"issuer": settings.oidc_issuer, "provider_name": settings.oidc_name}
    has_password = takes_password(actor.role)
    try:
        await db().write(
            remove_identity, audit_source(), mailer, actor.id, identity_id, has_password=has_password, **given
        )
    except LastWayIn as error:
        flash(str(error), "failed")
        return await _render(status=422)
    flash("This sign-in is unlinked. Signing in with it again may link it anew.")
    return redirect_to(url_for("account.identities"))


async def _render(status: int = 200) -> ResponseReturnValue:
    issuer = config().oidc_issuer
    async with db().reading() as session:
        identities = (await session.scalars(Identity.of(current_user().id))).all()
    context = {"identities": identities, "issuer": issuer, **single_sign_on()}
    return await render("account/identities.html", status=status, **context)
