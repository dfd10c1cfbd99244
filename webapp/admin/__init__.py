"""Administration: people, the audit log, background work, mails, settings."""

from quart import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/admin")

from webapp.admin import audit, invitations, jobs, mails, people, person, settings  # noqa: E402, F401  (register routes)
