"""Administration: people, the audit log, background work, mails, settings."""

from quart import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/admin")

from webapp.admin import (  # noqa: E402, F401  (routes register themselves)
    audit,
    bulk,
    invitations,
    jobs,
    mails,
    people,
    person,
    settings,
)
