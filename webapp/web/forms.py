"""What all HTML forms share.

WTForms without its tokens: cross-site requests are refused by their headers before a form is read. Checks that need the
database run in the view after `validate()`, backed by a constraint: WTForms never awaits a validator, and it takes a
coroutine that nobody awaited for success.
"""

from typing import Any, ClassVar, Self

import wtforms
from quart import request
from wtforms.validators import DataRequired, Length, Optional

from webapp.models.names import one_line


class Form(wtforms.Form):
    """In a view: `form = await SomeForm.load()`, then `if form.validate_on_submit(): ...`, then show it (again)."""

    class Meta:
        csrf = False
        locales: ClassVar[list[str]] = ["en"]

    is_submitted = False

    @classmethod
    async def load(cls, **kwargs: Any) -> Self:
        """The form as submitted, if this request submits it; else as `data` or `obj` among `kwargs` fill it."""
        is_submitted = request.method == "POST"
        form = cls(await request.form) if is_submitted else cls(**kwargs)
        form.is_submitted = is_submitted
        return form

    def validate_on_submit(self) -> bool:
        return self.is_submitted and self.validate()

    def validate(self, extra_validators: Any = None) -> bool:
        """Refuse NUL in every field: databases do not store it in text, and nobody types it."""
        valid = super().validate(extra_validators)
        for field in self:
            if any(isinstance(value, str) and "\0" in value for value in field.raw_data or ()):
                field.errors = [*field.errors, "This holds a character that cannot be kept. Please type it again."]
                valid = False
        return bool(valid)

    form_errors: list[str]

    def refuse(self, field: str | None, message: str) -> None:
        """Show an error that only the view could find, beside the field, or above the form if it concerns all of it."""
        if field is None:
            self.form_errors = [*self.form_errors, message]
        else:
            self[field].errors = [*self[field].errors, message]


def _one_line(text: str | None) -> str | None:
    return None if text is None else one_line(text)


class OneLine(wtforms.StringField):
    """A name: one line of limited length, without invisible characters. With no `required_message` it may be blank."""

    def __init__(self, label: str, required_message: str | None, max_length: int, **kwargs: Any) -> None:
        checks = [
            DataRequired(required_message) if required_message else Optional(),
            Length(max=max_length, message=f"Use at most {max_length} characters."),
        ]
        super().__init__(label, checks, filters=[_one_line], **kwargs)
