"""The forms for signing up, signing in and proving one's identity."""

from typing import Any

from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import EqualTo, InputRequired, Length

from webapp.models import normalise_email
from webapp.models.accounts.password import MAX_PASSWORD, problem_with
from webapp.models.accounts.user import MAX_NAME
from webapp.web.forms import Form, OneLine

MAX_CODE = 64  # characters of a code as typed


class EmailAddress(EmailField):
    """An address, normalised, or a readable error."""

    data: str | None

    def pre_validate(self, form: Form) -> None:
        try:
            self.data = normalise_email(self.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error


class OldPassword(PasswordField):
    """An existing password, as typed."""

    def __init__(self, label: str = "Password", **kwargs: Any) -> None:
        max_length = Length(max=MAX_PASSWORD, message="This password is too long.")
        super().__init__(label, [InputRequired(f"Type your {label.lower()}."), max_length], **kwargs)


class NewPassword(PasswordField):
    """A new password: hard to guess, even for somebody who knows the person.

    The person is `form.email` and `form.name`, or the `owner` where the form has no such fields.
    """

    owner: tuple[str, str] = ("", "")  # address, name

    def __init__(self, label: str = "Password", **kwargs: Any) -> None:
        super().__init__(label, [InputRequired("Choose a password."), _is_hard_to_guess], **kwargs)


def _is_hard_to_guess(form: Form, field: NewPassword) -> None:
    email, name = field.owner
    if (problem := problem_with(field.data, email or _typed(form, "email"), name or _typed(form, "name"))) is not None:
        raise ValidationError(problem)


class PasswordAgain(PasswordField):
    def __init__(self, label: str = "Password again", **kwargs: Any) -> None:
        checks = [
            InputRequired("Type the password a second time."),
            EqualTo("password", message="The two passwords differ."),
        ]
        super().__init__(label, checks, **kwargs)


class RateLimitedForm(Form):
    """A form with a limited number of tries."""

    retry_after: int | None = None  # seconds

    def refuse_for(self, seconds: int, text: str) -> None:
        self.retry_after = seconds
        self.refuse(None, text)


class RegistrationForm(RateLimitedForm):
    email = EmailAddress("E-mail", [InputRequired("Type your e-mail address.")])
    password = NewPassword()
    confirmation = PasswordAgain()
    setup_key = StringField("Set-up key", [InputRequired("Copy the set-up key from the server's log.")])


class EmailCheckForm(Form):
    """The check that runs while an address is being typed."""

    email = EmailAddress("E-mail")


class InvitationForm(RateLimitedForm):
    name = OneLine("Name", None, MAX_NAME)
    password = NewPassword()
    confirmation = PasswordAgain()


class LoginForm(RateLimitedForm):
    email = EmailAddress("E-mail", [InputRequired("Type your e-mail address.")])
    password = OldPassword()
    remember = BooleanField("Stay signed in on this device")


class CodeForm(RateLimitedForm):
    code = StringField(
        "Code",
        [InputRequired("Type the code."), Length(max=MAX_CODE, message="This code is too long.")],
    )


class ConfirmationForm(CodeForm):
    password = OldPassword()


class PasskeyForm(Form):
    credential = HiddenField()
    remember = BooleanField()


class SingleSignOnForm(Form):
    remember = BooleanField("Stay signed in on this device")
    code = StringField()


class ResetForm(RateLimitedForm):
    email = EmailAddress("E-mail", [InputRequired("Type your e-mail address.")])


class NewPasswordForm(RateLimitedForm):
    password = NewPassword("New password")
    confirmation = PasswordAgain("New password again")


def _typed(form: Form, field: str) -> str:
    return str(form[field].data or "") if field in form else ""
