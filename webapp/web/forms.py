"""What every HTML form shares.

WTForms without its tokens: cross-site requests are refused by their headers before a form is read. Checks that need
the database happen in the view after `validate()`, backed by a constraint: WTForms never awaits a validator, and a
coroutine nobody awaited counts as success.
"""

from typing import Any, ClassVar, Self

import wtforms
from quart import request


class Form(wtforms.Form):
    """`form = await SomeForm.read()` in a view that was posted to, `SomeForm()` to show an empty one."""

    class Meta:
        csrf = False
        locales: ClassVar[list[str]] = ["en"]

    @classmethod
    async def read(cls, **kwargs: Any) -> Self:
        """The form as it was submitted."""
        return cls(await request.form, **kwargs)

    def validate(self, extra_validators: Any = None) -> bool:
        """NUL is refused in every field: no database keeps it in text, and nobody types it."""
        valid = super().validate(extra_validators)
        for field in self:
            if any(isinstance(value, str) and "\0" in value for value in field.raw_data or ()):
                field.errors = [*field.errors, "This holds a character that cannot be kept. Please type it again."]
                valid = False
        return bool(valid)

    form_errors: list[str]

    def refuse(self, field: str | None, words: str) -> None:
        """What only the view could find out, shown beside the field, or above the form when it is about all of it."""
        if field is None:
            self.form_errors = [*self.form_errors, words]
        else:
            self[field].errors = [*self[field].errors, words]
