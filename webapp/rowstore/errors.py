"""Why a query cannot be answered, described for the person who asked."""

from webapp.db.errors import UserError


class QueryError(UserError):
    """A URL asks for something this table cannot answer. `argument` is the offending parameter."""

    def __init__(self, words: str, argument: str = "") -> None:
        super().__init__(words)
        self.argument = argument


class QueryTimeout(UserError):
    """The query exceeded its time limit and was interrupted."""

    def __init__(self) -> None:
        super().__init__("This took too long and was stopped. Narrow it with a filter, or search for more letters.")
