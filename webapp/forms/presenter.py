"""A form in the lists and on the page of its editors: what it is doing now, in words."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from markupsafe import Markup

from webapp.models import utc_now
from webapp.models.tables.table_form import Ask, FormState, PublicForm

STATES = {
    FormState.OPEN: ("Open", "done"),
    FormState.EARLY: ("Not open yet", ""),
    FormState.CLOSED: ("Closed", ""),
    FormState.FULL: ("Full", "alert"),
}
_FRAME = Markup('<iframe src="{}" title="{}" width="100%" height="800"></iframe>')


@dataclass(frozen=True, slots=True)
class PresentedForm:
    """`url` is empty if it cannot be read any more; `prefill` shows how the address fills a field in; `missing` are the
    titles of columns that the table needs a text in and the form has none for; `gone` counts fields without a column.
    """

    id: int
    table_id: int
    name: str
    url: str
    is_on: bool
    state: str
    kind: str
    answers: int
    max_answers: int | None
    answered_at: datetime | None
    missing: list[str]
    gone: int
    prefill: str
    frame: str


def present_form(public: PublicForm, url: str) -> PresentedForm:
    form = public.form
    state, kind = STATES[form.state(utc_now())] if form.is_on else ("Off", "")
    names = [field.name for field, _ in public.fields if field.ask is not Ask.FIXED]
    return PresentedForm(
        form.id,
        form.table_id,
        form.name,
        url,
        form.is_on,
        state,
        kind,
        form.answers,
        form.max_answers,
        form.answered_at,
        public.missing,
        len(form.fields) - len(public.fields),
        f"{url}?{quote(names[0], safe='')}=…" if url and names else "",
        str(_FRAME.format(url, form.name)) if url and form.origins else "",
    )
