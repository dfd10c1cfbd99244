"""What a verb or a find can refuse, whatever it is about."""

from webapp.data.problems import Problem


class NotFound(Problem):
    """There is no such thing, or not for this person: the two are told apart by nobody."""

    def __init__(self, what: str = "page") -> None:
        super().__init__(f"There is no such {what}, or it is not shared with you.")
