"""The forms of the administration."""

import re
from typing import Self

from wtforms import EmailField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired

from webapp.models import Actor, Role, is_above, normalise_email
from webapp.models.accounts.people import MAX_NAME
from webapp.web.forms import Form, OneLine

MAX_INVITED = 100  # addresses at once
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

    def offer(self, actor: Actor) -> Self:
        """The roles this person may grant; the verb has the last word."""
        self["role"].choices = [(role, label) for role, label in ROLES.items() if is_above(actor, role)]
        return self


class RemovalForm(Form):
    confirmation = StringField("Address", [DataRequired("Type the address.")], filters=[stripped])
    email = ""  # of whom it removes

    def validate_confirmation(self, field: StringField) -> None:
        if (field.data or "").lower() != self.email:
            raise ValidationError("This is not their address. Nothing was removed.")


class InvitationForm(RoleForm):
    emails = TextAreaField("E-mail addresses", [DataRequired("Type at least one address.")])
    addresses: list[str]  # after validation: each address once, normalised

    def validate_emails(self, field: TextAreaField) -> None:
        typed = [part for part in re.split(r"[\s,;]+", field.data or "") if part]
        found: dict[str, None] = {}
        errors = []
        for part in typed[:MAX_INVITED]:
            try:
                found[normalise_email(part)] = None
            except ValueError:
                errors.append(f"“{part[:100]}” is no e-mail address.")
        if len(typed) > MAX_INVITED:
            errors.append(f"Invite at most {MAX_INVITED} people at once.")
        if errors:
            raise ValidationError(" ".join(errors))
        self.addresses = list(found)
