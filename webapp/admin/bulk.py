"""One action for several people: applied where it is allowed, with the reason for everybody left out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.admin import bp
from webapp.admin.doing import acting_user
from webapp.admin.person import find_row
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import User
from webapp.models.accounts import people
from webapp.models.accounts.people import ActingUser
from webapp.models.errors import NotFound
from webapp.web import templating
from webapp.web.access import Action, may
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import is_partial, partial, redirect_to, respond
from webapp.web.safe_urls import safe_next

MOST = 500  # people at once
NAMED = 5  # of those left out, named in the message

Verb = Callable[[UnitOfWork, ActingUser, int], Awaitable[Any]]
ACTIONS: dict[str, tuple[Verb, str]] = {
    "activate": (people.activate, "can sign in"),
    "deactivate": (people.deactivate, "cannot sign in any more"),
    "end-sessions": (people.end_sessions, "are signed out everywhere"),
}


class NothingChosen(UserError):
    def __init__(self) -> None:
        super().__init__("Nobody is chosen. Tick the boxes beside their names first.")


@dataclass(slots=True)
class Outcome:
    done: list[int] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # (address, why)

    def words(self, what: str) -> str:
        said = [f"{plural(len(self.done), 'person', 'people')} {what}." if self.done else "Nothing was changed."]
        if self.left_out:
            said.append(f"Left out: {plural(len(self.left_out), 'person', 'people')}.")
            said += [f"{email}: {why}" for email, why in self.left_out[:NAMED]]
        return " ".join(said)


@bp.post("/people/bulk")
@may(Action.MANAGE_PEOPLE)
async def people_bulk() -> ResponseReturnValue:
    form = await request.form
    ids = [int(text) for text in form.getlist("id") if text.isascii() and text.isdigit() and len(text) < 19]
    if form.get("action") not in ACTIONS or not ids:
        return _refused(form.get("next"))
    verb, what = ACTIONS[form["action"]]
    outcome = await db().write(_to_each, verb, acting_user(), list(dict.fromkeys(ids))[:MOST])
    words, kind = outcome.words(what), "alert" if outcome.left_out else "done"
    if is_partial():
        return await _as_parts(ids, words, kind)
    flash(words, kind)
    return redirect_to(safe_next(form.get("next"), url_for("admin.people_index")))


def _refused(back: str | None) -> ResponseReturnValue:
    """A page of its own would be a dead end: without JavaScript they are taken back to the list."""
    problem = NothingChosen()
    if is_partial():
        raise problem
    flash(str(problem), "alert")
    return redirect_to(safe_next(back, url_for("admin.people_index")))


async def _to_each(work: UnitOfWork, verb: Verb, by: ActingUser, ids: list[int]) -> Outcome:
    """A verb that refuses has changed nothing, so the rest continue in the same unit of work."""
    outcome = Outcome()
    for user_id in ids:
        try:
            await verb(work, by, user_id)
            outcome.done.append(user_id)
        except NotFound:
            continue  # removed by somebody else in the meantime
        except UserError as problem:
            person = await work.session.get_one(User, user_id)
            outcome.left_out.append((person.email, str(problem)))
    return outcome


async def _as_parts(ids: list[int], words: str, kind: str) -> ResponseReturnValue:
    """A message, and each changed row as a partial for its place."""
    parts = [
        partial("bulk-result", templating.render("admin/people/_outcome.html", text=words, kind=kind), "innerHTML")
    ]
    for user_id in ids:
        try:
            row = await find_row(user_id)
        except NotFound:
            continue
        html = templating.render("admin/people/_row.html", row=row)
        parts.append(partial(f"person-{user_id}", html, "outerHTML"))
    return respond(*parts)
