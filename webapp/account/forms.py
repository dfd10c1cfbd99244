"""The forms of the account pages."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, available_timezones

from markupsafe import Markup
from wtforms import DateField, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, Optional, Regexp
from wtforms.widgets import html_params

from webapp.auth.forms import CodeForm, EmailAddress, NewPasswordForm, OldPassword
from webapp.models import normalise_email
from webapp.models.accounts.user import MAX_EMAIL, MAX_NAME
from webapp.web.forms import Form, OneLine

Choice = tuple[str, str]  # value, label

MAX_LABEL = 80  # characters of the name of a passkey or token
LIFETIMES = [
    ("30", "in 30 days"),
    ("90", "in 90 days"),
    ("365", "in a year"),
    ("date", "after a day of my choice"),
    ("never", "never"),
]
REACHES = [("all", "all tables that I may see, now and later"), ("some", "only the tables that I choose")]
NUMBER_STYLES = [
    ("comma", "1,234,567.8"),
    ("point", "1.234.567,8"),
    ("space", "1\u202f234\u202f567,8"),
    ("apostrophe", "1'234'567.8"),
    ("none", "1234567.8"),
]
AREAS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


class GroupedSelectField(StringField):
    """A `<select>`. WTForms' own takes different choices in the versions this runs on."""

    def __init__(self, label: str, groups: Mapping[str, Sequence[Choice]], **kwargs: Any) -> None:
        """`groups` by heading; those under "" have none."""
        super().__init__(label, **kwargs)
        self.groups = groups

    def pre_validate(self, form: Form) -> None:
        if self.data not in {value for choices in self.groups.values() for value, _ in choices}:
            raise ValidationError("Choose one of these.")

    def widget(self, field: "GroupedSelectField", **attributes: Any) -> Markup:
        groups = Markup().join(self._group(heading, choices) for heading, choices in self.groups.items())
        params = Markup(html_params(id=self.id, name=self.name, **attributes))  # noqa: S704  (escaped by WTForms)
        return Markup("<select {}>{}</select>").format(params, groups)

    def _group(self, heading: str, choices: Sequence[Choice]) -> Markup:
        options = Markup().join(self._option(*choice) for choice in choices)
        return Markup('<optgroup label="{}">{}</optgroup>').format(heading, options) if heading else options

    def _option(self, value: str, label: str) -> Markup:
        selected = Markup(" selected") if value == self.data else ""
        return Markup('<option value="{}"{}>{}</option>').format(value, selected, label)


@cache
def time_zone_choices() -> dict[str, list[Choice]]:
    """By continent, each zone's name and label; UTC first. Old spellings are left out."""
    grouped: dict[str, list[Choice]] = {"Everywhere": [("UTC", "UTC")]}
    for name in sorted(_current_time_zones()):
        area, _, city = name.partition("/")
        if city and area in AREAS:
            grouped.setdefault(area, []).append((name, city.replace("_", " ").replace("/", ", ")))
    return grouped


def _current_time_zones() -> set[str]:
    """The names in the machine's `zone.tab`, which has no old spellings; all that are known on a machine without it.

    Its lines are country, coordinates, name, and perhaps a comment.
    """
    table = next((path for folder in TZPATH if (path := Path(folder, "zone.tab")).is_file()), None)
    lines = table.read_text(encoding="utf-8").splitlines() if table else []
    known = available_timezones()
    return known & {line.split("\t")[2] for line in lines if not line.startswith("#")} or known


class ProfileForm(Form):
    name = OneLine("Name", "Say what you want to be called.", MAX_NAME)
    time_zone = GroupedSelectField("Time zone", {})
    number_style = GroupedSelectField("Numbers", {"": NUMBER_STYLES})

    def offer_time_zones(self, current: str) -> None:
        """Those there are, and the person's `current` one: whoever chose an old spelling earlier may keep it."""
        choices = time_zone_choices()  # read with the first form: it opens 600 files
        if not any(current == name for group in choices.values() for name, _ in group):
            choices = {"Chosen earlier": [(current, current.replace("_", " "))], **choices}
        self["time_zone"].groups = choices


class EmailForm(Form):
    email = EmailAddress(
        "New address",
        [InputRequired("Type the new address."), Length(max=MAX_EMAIL, message="This address is too long.")],
    )

    def is_other_than(self, current: str) -> bool:
        """Else there is a message beside the field."""
        if self["email"].data == current:
            self.refuse("email", "This is your address already.")
        return not self.errors


class EmailConfirmationForm(Form):
    token = HiddenField(validators=[DataRequired(), Length(max=200)])


class PasswordForm(NewPasswordForm):
    current = OldPassword("Current password")


class NewSecondFactorForm(CodeForm):
    sealed = HiddenField(validators=[InputRequired(), Length(max=1000)])


class RecoveryCodesForm(Form):
    replaces = HiddenField()  # when those were created that the new ones replace


class PasskeyNameForm(Form):
    name = OneLine("Name", "Give it a name you will recognise it by.", MAX_LABEL)


class NewPasskeyForm(PasskeyNameForm):
    credential = HiddenField()


class TokenForm(Form):
    """Beside it the boxes `table`, which count with the reach `some`, as `others` does: numbers of tables that there
    are no boxes for.
    """

    name = OneLine("Name", "Say what it is for, such as the program's name.", MAX_LABEL)
    scope = GroupedSelectField("It may", {})
    reach = GroupedSelectField("It reaches", {"": REACHES}, default="all")
    others = StringField(
        "Other tables, by their numbers",
        [Optional(), Regexp(r"\s*[0-9]{1,15}([\s,]+[0-9]{1,15}){0,499}[\s,]*$", message="Type numbers, with commas.")],
    )
    lifetime = GroupedSelectField("It expires", {"": LIFETIMES}, default="90")
    until = DateField("Last day", [Optional()])


class DeletionForm(Form):
    email = StringField("Your address", [InputRequired("Type your address to confirm."), Length(max=MAX_EMAIL)])

    def is_confirmed_by(self, current: str) -> bool:
        """Whether it is their address; else there is a message beside the field."""
        try:
            is_same = normalise_email(self["email"].data) == current
        except ValueError:
            is_same = False
        if not is_same:
            self.refuse("email", "The address does not match. Nothing was deleted.")
        return is_same
