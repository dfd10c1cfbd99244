"""Name, time zone and number style; and the state of the e-mail address."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.emails import pending_address
from webapp.account.forms import ProfileForm
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, AuditSource, Event, User
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user


@bp.route("", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def profile() -> ResponseReturnValue:
    person = current_user()
    form = (await ProfileForm.read() if request.method == "POST" else ProfileForm(obj=person)).offer(person.time_zone)
    if request.method == "POST" and form.validate():
        await db().write(_change, person.id, audit_source(), form.data)
        flash("Your profile is saved.")
        return redirect_to(url_for("account.profile"), whole=True)
    pending = await pending_address(person.id)
    return await render("account/profile.html", status=422 if form.errors else 200, form=form, pending=pending)


async def _change(work: UnitOfWork, user_id: int, audit_source: AuditSource, values: dict[str, str]) -> None:
    user = await work.session.get_one(User, user_id)
    changed = [name for name, value in values.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, values[name])
    if changed:
        await AuditEvent.record(work, Event.PROFILE_CHANGED, audit_source, user, changed=changed)
