"""The list of people: search as you type, sorting, endless scrolling, and one action for several people."""

from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.admin import bp
from webapp.admin.people_presenter import present_people, present_person
from webapp.db.errors import UserError
from webapp.extensions import config, db
from webapp.models import Session
from webapp.models.accounts.combined_changes import PersonVerb, apply_to_each
from webapp.models.accounts.people import activate, deactivate, end_sessions
from webapp.models.accounts.people_query import PeopleListQuery, count_people, people_by_id, people_page
from webapp.web import templating
from webapp.web.access import Action, may
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import is_partial, partial, redirect_to, render, respond
from webapp.web.safe_urls import safe_next
from webapp.web.session import acting_user, current_user

MAX_SELECTED = 500  # people at once
NOBODY_SELECTED = "Nobody is selected. Select people first, with the boxes beside their names."
MAX_NAMED = 5  # of those left out, named in the message

BULK_ACTIONS: dict[str, tuple[PersonVerb, str]] = {
    "activate": (activate, "can sign in"),
    "deactivate": (deactivate, "cannot sign in any more"),
    "end-sessions": (end_sessions, "are signed out everywhere"),
}


@bp.get("/people")
@may(Action.MANAGE_PEOPLE)
async def people_index() -> ResponseReturnValue:
    return await render("admin/people/index.html", "admin/people/_results.html", **await _list())


@bp.get("/people/rows")
@may(Action.MANAGE_PEOPLE)
async def people_rows() -> ResponseReturnValue:
    """The next people, to append to a list; never a page of its own."""
    return await render("admin/people/_rows.html", **await _list())


@bp.post("/people/bulk")
@may(Action.MANAGE_PEOPLE)
async def people_bulk() -> ResponseReturnValue:
    """Applied where it is allowed, with the reason for everybody left out."""
    form = await request.form
    back = safe_next(form.get("next"), url_for("admin.people_index"))
    numbers = [int(value) for value in form.getlist("id") if value.isascii() and value.isdigit() and len(value) < 19]
    ids = list(dict.fromkeys(numbers))[:MAX_SELECTED]
    if form.get("action") not in BULK_ACTIONS or not ids:
        return _refuse_selection(back)
    verb, outcome = BULK_ACTIONS[form["action"]]
    changed, refused = await db().write(apply_to_each, acting_user(), verb, ids)
    text, kind = _describe(changed, refused, outcome), "alert" if refused else "done"
    if is_partial():
        return await _bulk_parts(ids, text, kind)
    flash(text, kind)
    return redirect_to(back)


async def _list() -> dict[str, Any]:
    query = PeopleListQuery.from_args(request.args)
    async with db().reading() as session:
        page, cursor = await people_page(session, query, Session.active_parameters(config()), request.args.get("after"))
        matching = await count_people(session, query.search)
        total = await count_people(session) if query.search else matching
    return present_people(current_user(), query, page, cursor, matching, total)


def _refuse_selection(back: str) -> ResponseReturnValue:
    """A page of its own would be a dead end: without JavaScript they are taken back to the list."""
    if is_partial():
        raise UserError(NOBODY_SELECTED)
    flash(NOBODY_SELECTED, "alert")
    return redirect_to(back)


def _describe(changed: int, refused: list[tuple[str, str]], outcome: str) -> str:
    sentences = [f"{plural(changed, 'person', 'people')} {outcome}." if changed else "Nothing was changed."]
    if refused:
        sentences.append(f"Left out: {plural(len(refused), 'person', 'people')}.")
        sentences += [f"{email}: {reason}" for email, reason in refused[:MAX_NAMED]]
    return " ".join(sentences)


async def _bulk_parts(ids: list[int], text: str, kind: str) -> ResponseReturnValue:
    """A message, and each row as a partial for its place."""
    async with db().reading() as session:
        people = await people_by_id(session, ids, Session.active_parameters(config()))
    parts = [partial("bulk-result", templating.render("admin/people/_outcome.html", text=text, kind=kind), "innerHTML")]
    for person in people:
        row = templating.render("admin/people/_row.html", row=present_person(current_user(), person))
        parts.append(partial(f"person-{person.id}", row, "outerHTML"))
    return respond(*parts)
