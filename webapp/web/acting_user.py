"""Who acts in this request, for the verbs that manage people."""

from webapp.models.accounts.people import ActingUser
from webapp.web.audit import audit_source
from webapp.web.session import current_user


def acting_user() -> ActingUser:
    """The signed-in person, or the token's owner. Raises Unauthorized if there is none."""
    return ActingUser(current_user(), audit_source())
