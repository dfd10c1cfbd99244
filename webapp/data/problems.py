"""What can go wrong below every feature, in words for a person. Each becomes an answer in `web/errors.py`."""


class Problem(Exception):
    """Something a person should read about: the message says what happened and what to do."""


class DatabaseBusy(Problem):
    """Somebody else held the database for longer than a write may wait. Trying again will most likely work."""

    def __init__(self) -> None:
        super().__init__("The database is busy with another write. Nothing was changed; please try again in a moment.")


class StorageFull(Problem):
    """The disk that holds the data folder has no room left (or a quota is reached)."""

    def __init__(self) -> None:
        super().__init__("The disk is full, so nothing can be saved. Free some space on the server, then try again.")
