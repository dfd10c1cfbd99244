"""What can go wrong below every feature, described for people. `web/errors.py` turns each into a response."""


class UserError(Exception):
    """An error that people should read: its message says what happened and what to do."""


class DatabaseBusy(UserError):
    """Another writer held the database longer than a write may wait. Trying again will most likely work."""

    def __init__(self) -> None:
        super().__init__("The database is busy with another write. Nothing was changed; please try again in a moment.")


class StorageFull(UserError):
    """The disk of the data folder is full (or a quota is reached)."""

    def __init__(self) -> None:
        super().__init__("The disk is full, so nothing can be saved. Free some space on the server, then try again.")
