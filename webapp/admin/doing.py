"""The manager in this request."""

from webapp.models.accounts.people import ActingUser
from webapp.web.audit import audit_source
from webapp.web.session import current_user


def acting_user() -> ActingUser:
    return ActingUser(current_user(), audit_source())
