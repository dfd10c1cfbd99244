"""The forms of the administration."""

import re
from typing import Self

from wtforms import SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired

from webapp.auth.forms import EmailAddress
from webapp.models import Actor, Role, is_above, normalise_email
from webapp.models.accounts.user import MAX_NAME
from webapp.web.forms import Form, OneLine

MAX_INVITED = 100  # addresses at once
ROLES = {
    Role.OWNER: "Owner",
    Role.ADMINISTRATOR: "Administrator",
    Role.MEMBER: "Member",
    Role.GUEST: "Guest",
}


class NameForm(Form):
    name = OneLine("Name", "Type a name.", MAX_NAME)


class AddressForm(Form):
    email = EmailAddress("E-mail", [DataRequired("Type the new address.")])


class RoleForm(Form):
    role = SelectField("Role", coerce=Role, validate_choice=True)

    def offer(self, actor: Actor) -> Self:
        """The roles this person may grant; the verb has the last word."""
        self["role"].choices = [(role, label) for role, label in ROLES.items() if is_above(actor, role)]
        return self


class RemovalForm(Form):
    confirmation = StringField("Address", [DataRequired("Type the address.")])
    email = ""  # of the person to remove

    def validate_confirmation(self, field: StringField) -> None:
        if (field.data or "").strip().lower() != self.email:
            raise ValidationError("The address does not match. Nothing was removed.")


class InvitationForm(RoleForm):
    emails = TextAreaField("E-mail addresses", [DataRequired("Type at least one address.")])
    addresses: list[str]  # after validation: each address once, normalised

    def validate_emails(self, field: TextAreaField) -> None:
        parts = [part for part in re.split(r"[\s,;]+", field.data or "") if part]
        emails, errors = [], []
        for part in parts[:MAX_INVITED]:
            try:
                emails.append(normalise_email(part))
            except ValueError:
                errors.append(f"“{part[:100]}” is no e-mail address.")
        if len(parts) > MAX_INVITED:
            errors.append(f"Invite at most {MAX_INVITED} people at once.")
        if errors:
            raise ValidationError(" ".join(errors))
        self.addresses = list(dict.fromkeys(emails))
