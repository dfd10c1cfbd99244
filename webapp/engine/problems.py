"""What can go wrong in the engine, in words for the person who asked for it."""

from webapp.data.problems import Problem

__all__ = ["ImportProblem", "Problem", "QueryProblem", "QueryTimeout"]


class ImportProblem(Problem):
    """The file cannot become a table. Nothing was changed; the message says why and what would help."""


class QueryProblem(Problem):
    """An address asks for something this table cannot answer. `argument` is the part of the address that does."""

    def __init__(self, words: str, argument: str = "") -> None:
        super().__init__(words)
        self.argument = argument


class QueryTimeout(Problem):
    """The answer took longer than its budget and was given up."""

    def __init__(self) -> None:
        super().__init__("This took too long and was stopped. Narrow it with a filter, or search for more letters.")
