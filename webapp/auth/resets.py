"""A forgotten password: the same response for every address, and a link for those that have an account.

Nothing about the mail happens before the response, so its timing reveals nothing either. Choosing a new password does
not sign anybody in: a second factor is still asked for.
"""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.auth import RESET_PATH, bp
from webapp.auth.forms import NewPasswordForm, ResetForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import find_link, render_form
from webapp.extensions import config, db, hasher
from webapp.models import Purpose
from webapp.models.accounts.password import complete_password_reset, request_password_reset
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.known_devices import remember_device
from webapp.web.mailer import mailer
from webapp.web.oidc.choices import roles_with_password, single_sign_on
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import sign_out


@bp.route("/reset", methods=["GET", "POST"])
@public
async def reset() -> ResponseReturnValue:
    """Repeated requests beyond the limit send no mail, and nobody is told that either."""
    form = await ResetForm.load()
    if form.validate_on_submit() and await rate_limits().allow(form, (rate_limits().link, client_address())):
        email = form["email"].data
        if await rate_limits().mail.try_hit(email):
            db().write_soon(request_password_reset, audit_source(), mailer, email, roles_with_password())
        flash(f"If {email} has an account here, {_where_the_link_is()}. It works for an hour.")
        return redirect_to(url_for("auth.login"), whole=True)
    return await render_form("auth/reset.html", form, sends_mail=config().sends_mail, **single_sign_on())


@bp.route(RESET_PATH, methods=["GET", "POST"])
@public
async def reset_edit(token: str) -> ResponseReturnValue:
    link = await find_link(Purpose.RESET, token)
    form = await NewPasswordForm.load()
    form["password"].owner = (link.email or "", "")
    if form.validate_on_submit() and await rate_limits().allow(form, (rate_limits().link, client_address())):
        await _set_password(token, form["password"].data)
        flash("Your new password is set, and you are signed out everywhere. Sign in with it now.")
        return redirect_to(url_for("auth.login"), whole=True)
    return await render_form("auth/reset_edit.html", form, token=token, email=link.email)


def _where_the_link_is() -> str:
    if config().sends_mail:
        return "a mail with a link is on its way"
    if config().is_development:
        return f"a link for it is at {url_for('auth.outbox_index')} now"
    return "whoever runs this server has a link for you now"


async def _set_password(token: str, password: str) -> None:
    user = await db().write(complete_password_reset, audit_source(), mailer, token, await hasher().hash(password))
    await sign_out()
    if user.totp_secret is None:  # reading the mails must not grant a separate allowance of tries at the codes
        remember_device(user)
