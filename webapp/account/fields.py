"""A select field for the account's forms, with optional groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from wtforms import StringField, ValidationError
from wtforms.widgets import html_params

from webapp.web.forms import Form

Choice = tuple[str, str]  # value, label


class OneOf(StringField):
    """A `<select>`. WTForms' own takes different choices in the versions this runs on."""

    def __init__(self, label: str, groups: Mapping[str, Sequence[Choice]], **kwargs: Any) -> None:
        """`groups` by heading; those under "" have none."""
        super().__init__(label, **kwargs)
        self.groups = groups

    def pre_validate(self, form: Form) -> None:
        if self.data not in {value for choices in self.groups.values() for value, _ in choices}:
            raise ValidationError("Choose one of these.")

    def widget(self, field: "OneOf", **attributes: Any) -> Markup:
        inside = Markup().join(self._group(heading, choices) for heading, choices in self.groups.items())
        given = Markup(html_params(id=self.id, name=self.name, **attributes))  # noqa: S704  (escaped by WTForms)
        return Markup("<select {}>{}</select>").format(given, inside)

    def _group(self, heading: str, choices: Sequence[Choice]) -> Markup:
        options = Markup().join(self._option(*choice) for choice in choices)
        return Markup('<optgroup label="{}">{}</optgroup>').format(heading, options) if heading else options

    def _option(self, value: str, words: str) -> Markup:
        selected = Markup(" selected") if value == self.data else ""
        return Markup('<option value="{}"{}>{}</option>').format(value, selected, words)
