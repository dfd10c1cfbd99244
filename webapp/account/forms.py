"""The forms of one's own account."""

from typing import Any

from wtforms import DateField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional

from webapp.account.fields import OneOf
from webapp.account.zones import zone_choices
from webapp.auth.forms import EmailAddress
from webapp.auth.passwords import MAX_PASSWORD
from webapp.models.people import MAX_NAME
from webapp.web.forms import Form

MAX_EMAIL = 320
MAX_LABEL = 80  # characters of the name of a passkey or token
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("date", "until a day"), ("never", "ever")]
NUMBER_STYLES = [
    ("comma", "1,234,567.8"),
    ("point", "1.234.567,8"),
    ("space", "1\u202f234\u202f567,8"),
    ("apostrophe", "1'234'567.8"),
    ("none", "1234567.8"),
]


def one_line(text: str | None) -> str | None:
    """As it is shown: one line, no spaces around, nothing that cannot be seen. NUL is left for the form to refuse."""
    if text is None:
        return None
    return " ".join("".join(letter for letter in text if letter.isprintable() or letter in "\0\t\n\r ").split())


class ProfileForm(Form):
    name = StringField(
        "Name",
        [DataRequired("Tell how you want to be called."), Length(max=MAX_NAME, message="Use at most 200 characters.")],
        filters=[one_line],
    )
    time_zone = OneOf("Time zone", {})
    number_style = OneOf("Numbers", {"": NUMBER_STYLES})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self["time_zone"].groups = zone_choices()  # when the first form is shown: it opens 600 files


class EmailForm(Form):
    email = EmailAddress(
        "New address",
        [InputRequired("Type the new address."), Length(max=MAX_EMAIL, message="No address is that long.")],
    )


class ConfirmationForm(Form):
    token = HiddenField(validators=[InputRequired(), Length(max=200)])


class PasswordForm(Form):
    current = PasswordField(
        "Current password",
        [
            InputRequired("Type your current password."),
            Length(max=MAX_PASSWORD, message="No password here is that long."),
        ],
    )
    password = PasswordField(
        "New password",
        [
            InputRequired("Choose a new password."),
            Length(max=MAX_PASSWORD, message=f"Use at most {MAX_PASSWORD} characters."),
        ],
    )
    confirmation = PasswordField(
        "New password again",
        [
            InputRequired("Type the new password a second time."),
            EqualTo("password", message="The two passwords differ."),
        ],
    )


class CodeForm(Form):
    code = StringField("Code", [InputRequired("Type the code."), Length(max=100, message="No code is that long.")])


class NewFactorForm(CodeForm):
    sealed = HiddenField(validators=[InputRequired(), Length(max=1000)])


class PasskeyNameForm(Form):
    name = StringField(
        "Name",
        [
            DataRequired("Give it a name you will recognise it by."),
            Length(max=MAX_LABEL, message=f"Use at most {MAX_LABEL} characters."),
        ],
        filters=[one_line],
    )


class NewPasskeyForm(PasskeyNameForm):
    credential = HiddenField()


class TokenForm(Form):
    name = StringField(
        "Name",
        [
            DataRequired("Say what it is for, such as the program's name."),
            Length(max=MAX_LABEL, message=f"Use at most {MAX_LABEL} characters."),
        ],
        filters=[one_line],
    )
    scope = OneOf("May", {})
    lifetime = OneOf("Works for", {"": LIFETIMES}, default="90")
    until = DateField("Last day", [Optional()])


class DeletionForm(Form):
    email = StringField("Your address", [InputRequired("Type your address to confirm."), Length(max=MAX_EMAIL)])
