"""The forms of the account pages."""

from typing import Self

from wtforms import DateField, HiddenField, StringField
from wtforms.validators import InputRequired, Length, Optional

from webapp.account.fields import OneOf
from webapp.account.zones import with_own
from webapp.auth.forms import CodeForm, EmailAddress, NewPasswordForm, OldPassword
from webapp.models.accounts.people import MAX_NAME
from webapp.models.accounts.user import MAX_EMAIL
from webapp.web.forms import Form, OneLine

MAX_LABEL = 80  # characters of the name of a passkey or token
LIFETIMES = [
    ("30", "in 30 days"),
    ("90", "in 90 days"),
    ("365", "in a year"),
    ("date", "after a day of my choice"),
    ("never", "never"),
]
NUMBER_STYLES = [
    ("comma", "1,234,567.8"),
    ("point", "1.234.567,8"),
    ("space", "1\u202f234\u202f567,8"),
    ("apostrophe", "1'234'567.8"),
    ("none", "1234567.8"),
]


class ProfileForm(Form):
    name = OneLine("Name", "Say what you want to be called.", MAX_NAME)
    time_zone = OneOf("Time zone", {})
    number_style = OneOf("Numbers", {"": NUMBER_STYLES})

    def offer(self, zone: str) -> Self:
        """The zones there are, and the one the person has."""
        self["time_zone"].groups = with_own(zone)  # loaded with the first form: it opens 600 files
        return self


class EmailForm(Form):
    email = EmailAddress(
        "New address",
        [InputRequired("Type the new address."), Length(max=MAX_EMAIL, message="No address is that long.")],
    )


class ConfirmationForm(Form):
    token = HiddenField(validators=[InputRequired(), Length(max=200)])


class PasswordForm(NewPasswordForm):
    current = OldPassword("Current password")


class NewFactorForm(CodeForm):
    sealed = HiddenField(validators=[InputRequired(), Length(max=1000)])


class NewCodesForm(Form):
    instead_of = HiddenField()  # when those were made that the new ones replace


class PasskeyNameForm(Form):
    name = OneLine("Name", "Give it a name you will recognise it by.", MAX_LABEL)


class NewPasskeyForm(PasskeyNameForm):
    credential = HiddenField()


class TokenForm(Form):
    name = OneLine("Name", "Say what it is for, such as the program's name.", MAX_LABEL)
    scope = OneOf("It may", {})
    lifetime = OneOf("It expires", {"": LIFETIMES}, default="90")
    until = DateField("Last day", [Optional()])


class DeletionForm(Form):
    email = StringField("Your address", [InputRequired("Type your address to confirm."), Length(max=MAX_EMAIL)])
