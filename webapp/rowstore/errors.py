"""Why rows cannot be read or written, described for the person who asked."""

from webapp.db.errors import UserError


class QueryError(UserError):
    """A URL asks for something this table cannot answer. `argument` is the offending parameter."""

    def __init__(self, message: str, argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument


class QueryTimeout(UserError):
    """The query exceeded its time limit and was interrupted."""

    def __init__(self) -> None:
        super().__init__("This took too long and was stopped. Narrow it with a filter, or search for more letters.")


class RowsGone(UserError):
    """The table was deleted since it was found."""

    def __init__(self) -> None:
        super().__init__("There is no such table any more: it was deleted a moment ago.")


class CellValueError(UserError):
    """A text does not fit the type of its column."""

    def __init__(self, title: str, why: str = "") -> None:
        super().__init__(f"A value of the column “{title}” does not fit its type{f': {why}' if why else '.'}")


class UnfitForExcel(UserError):
    """A text is longer than a cell in Excel may be. `row_id` is 0 if nobody knows in which row."""

    def __init__(self, title: str, row_id: int = 0) -> None:
        place = f"Row {row_id:,}, column “{title}”," if row_id else f"A cell of the column “{title}”"
        super().__init__(
            f"{place} has more than 32,767 characters, and Excel allows no more in a cell."
            " Hide the column, or export as CSV."
        )
