"""The forms of links: what a link allows, for how long, and for whom."""

from datetime import date, datetime, timedelta

from wtforms import BooleanField, DateField, HiddenField, PasswordField, RadioField, TextAreaField
from wtforms.validators import Length, Optional

from webapp.extensions import hasher
from webapp.models import utc_now
from webapp.models.accounts.password import MAX_PASSWORD
from webapp.models.tables import linking
from webapp.models.tables.form_checks import is_origin, read_origins
from webapp.models.tables.linking import LinkTerms
from webapp.web.days import end_of
from webapp.web.formatting import find_time_zone
from webapp.web.forms import Form, OneLine
from webapp.web.session import current_user

MAX_VIEW, MAX_LINES = 8_000, 20_000  # characters
TABLE, VIEW = "table", "view"


class LinkForm(Form):
    name = OneLine("Name", "Give it a name: for whom it is.", linking.MAX_NAME)
    may_edit = BooleanField("Edit")
    may_search = BooleanField("Search and filters", default=True)
    may_export = BooleanField("Export", default=True)
    until = DateField("Last day", [Optional()])
    password = PasswordField(
        "Password",
        [
            Optional(),
            Length(linking.MIN_PASSWORD, MAX_PASSWORD, f"Use {linking.MIN_PASSWORD} to {MAX_PASSWORD} characters."),
        ],
    )
    forget_password = BooleanField("Without the password that it has")
    origins = TextAreaField("Sites that may embed it", [Length(max=MAX_LINES)])


class NewLinkForm(LinkForm):
    what = RadioField("What it shows", choices=[TABLE, VIEW], default=TABLE)
    view = HiddenField(validators=[Length(max=MAX_VIEW, message="This view is too long for a link.")])


async def read_terms(form: LinkForm, password_hash: str | None = None) -> LinkTerms:
    """`password_hash` is of the password that the link has, which an empty field leaves as it is."""
    day, password = form["until"].data, form["password"].data
    if password:
        password_hash = await hasher().hash(password)
    elif form["forget_password"].data:
        password_hash = None
    return LinkTerms(
        form["name"].data or "",
        may_edit=form["may_edit"].data,
        may_search=form["may_search"].data,
        may_export=form["may_export"].data,
        expires_at=end_of(day, find_time_zone(current_user().time_zone)) if day else None,
        password_hash=password_hash,
        origins=_origins(form),
    )


def without_secrets(terms: LinkTerms) -> tuple[object, ...]:
    """What tells one form from another; a hash is another each time."""
    return terms.name, terms.may_edit, terms.may_search, terms.may_export, terms.expires_at, tuple(terms.origins)


def _origins(form: LinkForm) -> tuple[str, ...]:
    return read_origins((form["origins"].data or "").splitlines())


def day_before(end: datetime) -> date:
    """The day that ends then."""
    return (end - timedelta(seconds=1)).date()


def is_possible(form: LinkForm, password_hash: str | None = None) -> bool:
    """Else there is a message beside a field."""
    day, zone = form["until"].data, find_time_zone(current_user().time_zone)
    if day is not None and end_of(day, zone) <= utc_now():
        form.refuse("until", "Choose a day from today on.")
    if wrong := [line for line in _origins(form) if not is_origin(line)]:
        form.refuse(
            "origins", f"“{wrong[0][:100]}” is no site. Type one a line, such as https://example.org, without a path."
        )
    elif len(_origins(form)) > linking.MAX_ORIGINS:
        form.refuse("origins", str(linking.TooManyOrigins()))
    has_password = form["password"].data or (password_hash and not form["forget_password"].data)
    if has_password and _origins(form):
        form.refuse("origins", str(linking.NeverBoth()))
    return not form.errors
