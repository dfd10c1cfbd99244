"""Name, time zone and number style; and the state of the e-mail address."""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import ProfileForm
from webapp.auth.responses import render_form
from webapp.extensions import db
from webapp.models.accounts.account import change_profile
from webapp.models.accounts.email_change import pending_email
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.session import current_user


@bp.route("", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def profile() -> ResponseReturnValue:
    actor = current_user()
    form = await ProfileForm.load(obj=actor)
    form.offer_time_zones(actor.time_zone)
    if form.validate_on_submit():
        await db().write(change_profile, audit_source(), actor.id, form.data)
        flash("Your profile is saved.")
        return redirect_to(url_for("account.profile"), whole=True)
    async with db().reading() as session:
        pending = await pending_email(session, actor.id)
    return await render_form("account/profile.html", form, pending=pending)
