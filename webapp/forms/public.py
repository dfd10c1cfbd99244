"""The public page of a form: whoever has its address answers it, signed in or not, with or without a script, on the
page, in a page of another site that may embed it, or as a program that sends JSON.

Its address is the right, so it must not leak: search engines leave it alone, and no other site is told it.
"""

from urllib.parse import urlsplit

from quart import Response, redirect, request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from webapp.db.errors import UserError
from webapp.extensions import db
from webapp.forms import bp
from webapp.forms.inputs import build_form, hidden_of, label_of, prefilled, questions_of
from webapp.forms.requests import UnknownFields, given_of, is_json, read_json, read_page
from webapp.models import Actor, Event
from webapp.models.errors import NotFound
from webapp.models.idempotency import AlreadyDone, Outcome, RequestKey, once
from webapp.models.tables.form_answers import (
    Answer,
    AnsweredAlready,
    AnswerRefused,
    FormIncomplete,
    FormUnavailable,
    QuestionsChanged,
    SignInNeeded,
    answer_form,
    ensure_available,
)
from webapp.models.tables.table_form import Ask, FormState, PublicForm, TableForm, find_public_form
from webapp.web.access import find_factor_page, lacks_factor
from webapp.web.access import public as public_view
from webapp.web.audit import record_refusal
from webapp.web.body import body_limit
from webapp.web.errors import error_response
from webapp.web.forms import Form
from webapp.web.fragments import render
from webapp.web.headers import let_embed
from webapp.web.idempotency import content_key, header_key
from webapp.web.rate_limit.requests import writes
from webapp.web.session import current_user_or_none, load_current_user
from webapp.web.templating import to_json

MAX_BYTES = 1024 * 1024  # of an answer: a hundred fields
HONEYPOT = "homepage"  # a field that people do not see, and programs fill in
THANKS = "Thank you. Your answer is saved."
SPAM = "The last field has to stay empty: it tells people from programs. Empty it, then send the form again."
UNAVAILABLE = (FormUnavailable, FormIncomplete, SignInNeeded, AnsweredAlready)


@bp.get("/f/<token>")
@public_view
async def show(token: str) -> ResponseReturnValue:
    """`?Planet=Pluto` fills a field in, by its name."""
    await load_current_user()
    public, problem = await _open(token)
    if problem is not None:
        return await _unavailable(public, problem)
    return await _page(public, build_form(public, prefilled(public, request.args)))


@bp.post("/f/<token>")
@public_view
@writes
@body_limit(MAX_BYTES)
async def answer(token: str) -> ResponseReturnValue:
    """Whether it can be answered now is decided where the row is added: who sends the last answer twice has sent it."""
    await load_current_user()
    public, _ = await _open(token)
    return await (_answer_program(public, token) if is_json() else _answer_person(public, token))


@bp.get("/f/<token>/thanks")
@public_view
async def thanks(token: str) -> ResponseReturnValue:
    await load_current_user()
    public, problem = await _open(token)
    again_url = None if problem or public.form.one_each else url_for("forms.show", token=token)
    text = public.form.thanks or THANKS
    return _guarded(public.form, await render("forms/thanks.html", form=public.form, text=text, again_url=again_url))


def _person() -> Actor | None:
    """Who is signed in, with all the factors that the server demands of them."""
    actor = current_user_or_none()
    return None if actor is None or lacks_factor(actor) else actor


async def _open(token: str) -> tuple[PublicForm, UserError | None]:
    """The form, and why it cannot be answered now. Raises `NotFound`; guessing is in the audit log."""
    actor = _person()

    def read(connection: Connection) -> tuple[PublicForm, UserError | None]:
        public = find_public_form(connection, token)
        try:
            ensure_available(connection, public, actor)
        except UNAVAILABLE as error:
            return public, error
        return public, None

    try:
        return await db().read(read)
    except NotFound:
        record_refusal(Event.LINK_REFUSED, None, place=request.endpoint)
        raise


async def _answer_person(public: PublicForm, token: str) -> ResponseReturnValue:
    submitted = await read_page()
    form, given = build_form(public, given_of(public, submitted), submitted), given_of(public, submitted)
    if submitted.get(HONEYPOT):
        form.refuse(None, SPAM)
        return await _page(public, form, spam=submitted[HONEYPOT], status=422)
    if not form.validate():
        return await _page(public, form, status=422)
    key = content_key(submitted.get("idempotency_key"), public.form.id, sorted(given.items()), is_public=True)
    try:
        await _save(public, token, submitted.get("seen", ""), given, key)
    except AlreadyDone:
        pass
    except AnswerRefused as error:
        _explain(public, form, error)
        return await _page(public, form, status=422)
    except QuestionsChanged as error:
        return await _ask_again(token, submitted, error)
    except UNAVAILABLE as error:
        return await _unavailable(public, error)
    return redirect(public.form.next_url or url_for("forms.thanks", token=token), 303)


async def _answer_program(public: PublicForm, token: str) -> ResponseReturnValue:
    try:
        given = given_of(public, await read_json(public))
        key = await header_key(f"form {public.form.id}", is_public=True)
        await _save(public, token, public.seen, given, key)
    except UnknownFields as error:
        unknown = [{"field": name, "message": "This form has no such field."} for name in error.names]
        return _refused(422, "Some names are those of no field.", unknown)
    except AlreadyDone:
        pass
    except AnswerRefused as error:
        names = {field.column: field.name for field, _ in public.fields}
        found = [
            {"message": reason} | ({} if number is None else {"field": names[number]})
            for number, reason in error.reasons.items()
        ]
        return _refused(422, "The answer was not saved.", found)
    except QuestionsChanged as error:
        return _refused(409, str(error), [{"code": "changed"}])
    except UNAVAILABLE as error:
        return await _unavailable(public, error)
    done = {"message": public.form.thanks or THANKS, "next": public.form.next_url or None}
    return Response(to_json(done), 201, content_type="application/json")


async def _save(public: PublicForm, token: str, seen: str, given: dict[int, str], key: RequestKey | None) -> Answer:
    def outcome(result: Answer) -> Outcome:
        return Outcome(subject=f"change:{result.table_id}:{result.seq}")

    return await db().write(once, key, outcome, answer_form, token, seen, given, _person())


def _explain(public: PublicForm, form: Form, error: AnswerRefused) -> None:
    """Beside the fields; above the form what is about none that is shown."""
    asked = {field.column: (field, column) for field, column in public.fields}
    for number, reason in error.reasons.items():
        if number is None:
            form.refuse(None, reason)
        elif asked[number][0].ask is Ask.SHOWN:
            form.refuse(f"cell{number}", reason)
        else:
            form.refuse(None, f"{label_of(asked[number][0], asked[number][1].title)}: {reason}")


async def _ask_again(token: str, submitted: MultiDict[str, str], error: QuestionsChanged) -> ResponseReturnValue:
    """With what is asked for now, and what was typed already."""
    public, problem = await _open(token)
    if problem is not None:
        return await _unavailable(public, problem)
    form = build_form(public, given_of(public, submitted), submitted)
    form.refuse(None, str(error))
    return await _page(public, form, status=409)


async def _page(public: PublicForm, form: Form, *, spam: str = "", status: int = 200) -> Response:
    actor = _person()
    page = await render(
        "forms/show.html",
        status=status,
        public=public.form,
        form=form,
        questions=questions_of(public, form),
        hidden=hidden_of(public, form),
        seen=public.seen,
        action=request.path,
        spam=spam,
        person=actor.name if actor and public.form.one_each else None,
        is_preview=False,
    )
    return _guarded(public.form, page)


async def _unavailable(public: PublicForm, problem: UserError) -> Response:
    status, code = _status_of(problem)
    if is_json():
        return _refused(status, str(problem), [{"code": code}])
    sign_in_url = await _find_sign_in() if isinstance(problem, SignInNeeded) else None
    opens_at = public.form.opens_at if code == FormState.EARLY else None
    page = await render(
        "forms/unavailable.html",
        status=status,
        form=public.form,
        text=str(problem),
        opens_at=opens_at,
        sign_in_url=sign_in_url,
    )
    return _guarded(public.form, page)


async def _find_sign_in() -> str:
    actor = current_user_or_none()  # whose sign-in lacks a factor
    return url_for("auth.login", next=request.path) if actor is None else await find_factor_page(actor)


def _status_of(problem: UserError) -> tuple[int, str]:
    if isinstance(problem, FormUnavailable):
        return 409 if problem.state is FormState.EARLY else 410, str(problem.state)
    if isinstance(problem, SignInNeeded):
        return 401, "sign_in"
    return 409, "answered" if isinstance(problem, AnsweredAlready) else "incomplete"


def _refused(status: int, text: str, errors: list[dict[str, str]]) -> Response:
    return error_response(status, text, errors=errors)


def _guarded(form: TableForm, response: Response) -> Response:
    """For search engines, for the sites that embed it, and so that it may lead to another site once it is sent."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    target = urlsplit(form.next_url)
    let_embed(response, form.origins, leads_to=f"{target.scheme}://{target.netloc}" if form.next_url else "")
    return response
