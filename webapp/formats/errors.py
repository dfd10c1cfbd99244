"""Why a file cannot be imported, described for the person who uploaded it."""

from webapp.db.errors import UserError


class ImportFileError(UserError):
    """The file cannot become a table. Nothing was changed; the message says why and what would help."""
