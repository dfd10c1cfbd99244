"""What can go wrong in the engine, described for the person who asked for it."""

from webapp.data.problems import Problem

__all__ = ["ImportProblem", "Problem", "QueryProblem", "QueryTimeout"]


class ImportProblem(Problem):
    """The file cannot become a table. Nothing was changed; the message says why and what would help."""


class QueryProblem(Problem):
    """A URL asks for something this table cannot answer. `argument` is the offending parameter."""

    def __init__(self, words: str, argument: str = "") -> None:
        super().__init__(words)
        self.argument = argument


class QueryTimeout(Problem):
    """The query exceeded its time limit and was interrupted."""

    def __init__(self) -> None:
        super().__init__("This took too long and was stopped. Narrow it with a filter, or search for more letters.")
