"""The forms of signing up and signing in."""

from wtforms import BooleanField, EmailField, PasswordField, StringField, ValidationError
from wtforms.validators import EqualTo, InputRequired, Length

from webapp.models import normalise_email
from webapp.web.forms import Form

MIN_PASSWORD = 10
MAX_PASSWORD = 1000  # characters that are worth hashing


class EmailAddress(EmailField):
    """An address in its one spelling, or what is wrong with it in words."""

    data: str | None

    def pre_validate(self, form: Form) -> None:
        try:
            self.data = normalise_email(self.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error


class RegistrationForm(Form):
    email = EmailAddress("E-mail", [InputRequired("Type your e-mail address.")])
    password = PasswordField(
        "Password",
        [
            InputRequired("Choose a password."),
            Length(min=MIN_PASSWORD, message=f"Use at least {MIN_PASSWORD} characters; a few words are fine."),
            Length(max=MAX_PASSWORD, message=f"Use at most {MAX_PASSWORD} characters."),
        ],
    )
    confirmation = PasswordField(
        "Password again",
        [
            InputRequired("Type the password a second time."),
            EqualTo("password", message="The two passwords differ."),
        ],
    )
    setup_key = StringField("Set-up key", [InputRequired("Copy the set-up key from the server's log.")])


class LoginForm(Form):
    email = EmailAddress("E-mail", [InputRequired("Type your e-mail address.")])
    password = PasswordField(
        "Password",
        [
            InputRequired("Type your password."),
            Length(max=MAX_PASSWORD, message="No password here is that long."),
        ],
    )
    remember = BooleanField("Stay signed in on this device")
