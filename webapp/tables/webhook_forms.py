"""The forms of webhooks: where they send, and what about."""

from collections.abc import Mapping
from typing import ClassVar

from wtforms import IntegerField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange
from wtforms.widgets import CheckboxInput, ListWidget, NumberInput

from webapp.models.base import MAX_ID
from webapp.models.tables.webhook import WebhookEvent
from webapp.models.tables.webhook_terms import MAX_NAME, WebhookTerms
from webapp.outgoing.target import MAX_URL
from webapp.web.forms import Form, OneLine

EVENTS: dict[str, str] = {
    WebhookEvent.ROWS_ADDED.value: "Rows were added",
    WebhookEvent.ROWS_CHANGED.value: "Cells were changed",
    WebhookEvent.ROWS_DELETED.value: "Rows were deleted",
    WebhookEvent.COLUMNS.value: "Columns were added, changed or deleted",
    WebhookEvent.TABLE.value: "The table was renamed",
}


class WebhookForm(Form):
    """`words` are those beside the boxes of `events`."""

    words: ClassVar[Mapping[str, str]] = EVENTS
    name = OneLine("Name", "Give it a name: what it is for.", MAX_NAME)
    url = StringField(
        "Address",
        [
            DataRequired("Type the address that messages are sent to."),
            Length(max=MAX_URL, message="This is too long for an address."),
        ],
        filters=[lambda text: text and text.strip()],
    )
    events = SelectMultipleField(
        "What it is sent",
        choices=list(EVENTS),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    @property
    def terms(self) -> WebhookTerms:
        return WebhookTerms(self["name"].data or "", self["url"].data or "", tuple(self["events"].data or ()))


class ReplayForm(Form):
    seq = IntegerField(
        "From change number",
        [InputRequired("Type the number of a change."), NumberRange(1, MAX_ID, "Type the number of a change.")],
        widget=NumberInput(min=1),
    )
