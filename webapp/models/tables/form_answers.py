"""Answering a form: a row, judged like an edit, in one change set that says by which form it came.

The address is the right. All is decided in the transaction that adds the row: whether the form takes answers, how many
there are, and whether this person has answered; of two who want the last place one gets it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import User
from webapp.models.base import utc_now
from webapp.models.policy import Actor
from webapp.models.tables.change_log import publish_change
from webapp.models.tables.change_set import Via
from webapp.models.tables.editing import CellsRefused, insert_rows
from webapp.models.tables.sheet import CellEdit, Refusal, Sheet
from webapp.models.tables.table_form import (
    Ask,
    FormAnswer,
    FormState,
    PublicForm,
    TableForm,
    find_public_form,
    has_answered,
)
from webapp.rowstore.column_rules import NeedsText, NoSuchChoice, Repeated

MAX_ANSWER = 10_000  # characters of a field
NOTHING_GIVEN = "Fill in at least one field."
NEEDED, NO_CHOICE = "This needs an answer.", "Choose one of these."
# Without what strangers have no part in: which row has the same text, and what else the column would take.
WORDS_OF_RULES: dict[type[UserError], str] = {
    NeedsText: NEEDED,
    NoSuchChoice: NO_CHOICE,
    Repeated: "Somebody has given this answer already, and no two may be the same.",
}


class FormUnavailable(UserError):
    """It takes no answers now."""

    def __init__(self, state: FormState) -> None:
        self.state = state
        super().__init__(STATE_WORDS[state])


STATE_WORDS = {
    FormState.EARLY: "This form is not open yet.",
    FormState.CLOSED: "This form is closed. It takes no answers any more.",
    FormState.FULL: "This form has all the answers that it takes.",
}


class FormIncomplete(UserError):
    """The table demands what the form does not ask for, or its rows are still coming in."""

    def __init__(self) -> None:
        super().__init__(
            "This form cannot save answers at the moment: its table has changed. Tell whoever gave you the address."
        )


class SignInNeeded(UserError):
    def __init__(self) -> None:
        super().__init__("This form takes one answer a person. Sign in to answer it.")


class AnsweredAlready(UserError):
    def __init__(self) -> None:
        super().__init__("You have answered this form already. It takes one answer a person.")


class QuestionsChanged(UserError):
    """It asks for something else than the page that was filled in."""

    def __init__(self) -> None:
        super().__init__("This form was changed while you filled it in. Look through it once more, then send it again.")


class AnswerRefused(UserError):
    """`reasons` by the number of the column; None is for the answer as a whole."""

    def __init__(self, reasons: Mapping[int | None, str]) -> None:
        self.reasons = reasons
        super().__init__(next(iter(reasons.values())))


@dataclass(frozen=True, slots=True)
class Answer:
    table_id: int
    row_id: int
    seq: int


async def answer_form(
    work: UnitOfWork, token: str, seen: str, given: Mapping[int, str], actor: Actor | None = None
) -> Answer:
    """Add a row with what was `given` by column number; `seen` tells what was asked for (`PublicForm.seen`).

    `actor` counts only where the form takes one answer a person: otherwise nobody is told who has answered. Raises
    `NotFound`, and what is above.
    """
    answer = await work.run(lambda connection: _answer(connection, token, seen, given, actor))
    publish_change(work, answer.table_id, answer.seq)
    return answer


def ensure_available(connection: Connection, public: PublicForm, actor: Actor | None) -> None:
    """Raises why this person cannot answer now."""
    state = public.form.state(utc_now())
    if public.form.one_each and actor is not None and has_answered(connection, public.form.id, actor.id):
        raise AnsweredAlready
    if state is not FormState.OPEN:
        raise FormUnavailable(state)
    if public.form.one_each and actor is None:
        raise SignInNeeded
    if public.missing or not public.fields or public.table.state != "ready":
        raise FormIncomplete


def _answer(connection: Connection, token: str, seen: str, given: Mapping[int, str], actor: Actor | None) -> Answer:
    public = find_public_form(connection, token)
    ensure_available(connection, public, actor)
    if seen != public.seen:
        raise QuestionsChanged
    by = _named(connection, actor) if public.form.one_each else None
    sheet, texts = Sheet(connection, public.table), _texts(public, given)
    if reasons := _demanded(public, texts):
        raise AnswerRefused(reasons | _judge(sheet, public, texts, set(reasons)))
    result = _insert(sheet, public, texts, by)
    if by is not None:
        connection.execute(_ANSWERED, {"form_id": public.form.id, "user_id": by.id, "at": utc_now()})
    connection.execute(_COUNT, {"key": public.form.id, "now": utc_now()})
    return result


def _named(connection: Connection, actor: Actor | None) -> Actor:
    """Raises `SignInNeeded`, also for an account that has just gone."""
    if actor is None or connection.scalar(_ACTIVE, {"user_id": actor.id}) is None:
        raise SignInNeeded
    return actor


def _texts(public: PublicForm, given: Mapping[int, str]) -> dict[int, str]:
    """Of the form's own columns alone, whatever else was sent."""
    return {
        field.column: field.default if field.ask is Ask.FIXED else given.get(field.column, "")
        for field, _ in public.fields
    }


def _demanded(public: PublicForm, texts: Mapping[int, str]) -> dict[int | None, str]:
    """Why the form itself refuses them, by column."""
    reasons = dict[int | None, str]()
    for field, _ in public.fields:
        text, is_free = texts[field.column], field.ask is not Ask.FIXED
        if field.ask is Ask.SHOWN and field.required and not text.strip():
            reasons[field.column] = NEEDED
        elif is_free and field.choices and text and text not in field.choices:
            reasons[field.column] = NO_CHOICE
        elif is_free and len(text) > MAX_ANSWER:
            reasons[field.column] = f"Use at most {MAX_ANSWER:,} characters. This has {len(text):,}."
    shown = [field.column for field, _ in public.fields if field.ask is Ask.SHOWN] or list(texts)
    if not reasons and not any(texts[number].strip() for number in shown):
        reasons[None] = NOTHING_GIVEN
    return reasons


def _judge(
    sheet: Sheet, public: PublicForm, texts: Mapping[int, str], refused: set[int | None]
) -> dict[int | None, str]:
    """What else is wrong, so that all of it is said at once."""
    free = [field.column for field, _ in public.fields if field.ask is not Ask.FIXED and field.column not in refused]
    edits = [CellEdit(0, number, None, texts[number]) for number in free if texts[number]]
    for _ in sheet.accept(edits, of_new_rows=True):
        pass
    return {refusal.edit.column: _reason(refusal) for refusal in sheet.refusals}


def _insert(sheet: Sheet, public: PublicForm, texts: Mapping[int, str], by: Actor | None) -> Answer:
    """Raises `AnswerRefused`."""
    try:
        result = insert_rows(sheet, by, [texts], Via.FORM, form_id=public.form.id)
    except CellsRefused as error:
        asked = {field.column: field for field, _ in public.fields}
        known = {each.edit.column for each in error.refusals}
        if any(number not in asked or asked[number].ask is Ask.FIXED for number in known):
            raise FormIncomplete from error
        raise AnswerRefused({each.edit.column: _reason(each) for each in error.refusals}) from error
    return Answer(public.table.id, result.ids[0], result.seq or 0)


def _reason(refusal: Refusal) -> str:
    return WORDS_OF_RULES.get(type(refusal.error), refusal.reason)


_ACTIVE = select(User.id).where(User.id == bindparam("user_id"), User.is_active)
_ANSWERED = insert(FormAnswer)
_COUNT = (
    update(TableForm)
    .where(TableForm.id == bindparam("key"))
    .values(answers=TableForm.answers + 1, answered_at=bindparam("now", type_=TableForm.answered_at.type))
)
