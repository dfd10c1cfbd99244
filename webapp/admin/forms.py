"""The forms of the administration."""

from wtforms import EmailField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired

from webapp.models import Actor, Role, is_above, normalise_email
from webapp.models.accounts.people import MAX_NAME
from webapp.web.forms import Form, OneLine

ROLES = {
    Role.OWNER: "Owner",
    Role.ADMINISTRATOR: "Administrator",
    Role.MEMBER: "Member",
    Role.GUEST: "Guest",
}


def stripped(text: str | None) -> str | None:
    return text and text.strip()


class NameForm(Form):
    name = OneLine("Name", "Type a name.", MAX_NAME)


class AddressForm(Form):
    email = EmailField("E-mail", [DataRequired("Type the new address.")], filters=[stripped])

    def validate_email(self, field: EmailField) -> None:
        try:
            field.data = normalise_email(field.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error


class RoleForm(Form):
    role = SelectField("Role", coerce=Role, validate_choice=True)

    def offer(self, actor: Actor) -> "RoleForm":
        """The roles this person may grant; the verb has the last word."""
        self["role"].choices = [(role, words) for role, words in ROLES.items() if is_above(actor, role)]
        return self


class RemovalForm(Form):
    confirmation = StringField("Address", [DataRequired("Type the address.")], filters=[stripped])


class InvitationForm(RoleForm):
    emails = TextAreaField("E-mail addresses", [DataRequired("Type at least one address.")])
