"""Deleting one's account and everything that belongs to it."""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import DeletionForm
from webapp.auth.responses import render_form
from webapp.extensions import db
from webapp.models.accounts.account import delete_account, reason_to_keep
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.mailer import mailer
from webapp.web.session import clear_session_cookie, current_user
from webapp.web.user_data import delete_user_data, summarize_user_data


@bp.route("/deletion", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def deletion() -> ResponseReturnValue:
    actor = current_user()
    form = await DeletionForm.load()
    if form.validate_on_submit() and form.is_confirmed_by(actor.email):
        await db().write(delete_account, audit_source(), mailer, actor.id, delete_user_data)
        clear_session_cookie()
        flash("Your account is deleted.")
        return redirect_to(url_for("auth.login"), whole=True)
    async with db().reading() as session:
        refusal = await reason_to_keep(session, actor.id)
    return await render_form(
        "account/deletion.html", form, user_data=await summarize_user_data(actor.id), refusal=refusal
    )
