"""Refusals that any verb or lookup can raise."""

from webapp.db.errors import UserError


class NotFound(UserError):
    """The object does not exist, or not for this person; nobody can tell which."""

    def __init__(self, what: str = "page") -> None:
        super().__init__(f"There is no such {what}, or it is not yours.")


class VersionMismatch(UserError):
    """It is not in any of the versions that whoever changes it has named."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody else has changed it since you loaded it. Load it again before you change it. Nothing was changed."
        )


class NotAllowed(UserError):
    """This person may see it, but not do this."""
