"""What the columns of a file that leave no doubt say about those that do."""

from collections.abc import Collection, Iterable

from webapp.types.guess import TypeGuesser
from webapp.types.reading_hints import Hints

_MAX_TITLE = 40  # characters


def find_hints(columns: Collection[tuple[str, TypeGuesser]], delimiter: str) -> Hints:
    """`columns` are titles with what is known about each; `delimiter` is empty if the file has none."""
    marks = _by_evidence((title, guesser.mark) for title, guesser in columns)
    orders = _by_evidence((title, guesser.order) for title, guesser in columns)
    mark, mark_reason = _mark(marks, delimiter)
    order, order_reason = _order(orders, marks, delimiter)
    return Hints(mark, mark_reason, order, order_reason)


def _by_evidence(columns: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    titles: dict[str, list[str]] = {}
    for title, evidence in columns:
        if evidence:
            titles.setdefault(evidence, []).append(title)
    return titles


def _mark(marks: dict[str, list[str]], delimiter: str) -> tuple[str, str]:
    points, commas = len(marks.get(".", ())), len(marks.get(",", ()))
    if points != commas:
        mark = "," if commas > points else "."
        return mark, f"as in {_title(marks[mark])}"
    if delimiter == ";":
        return ",", "as the delimiter ; suggests"
    return ".", "as nothing in the file says otherwise"


def _order(orders: dict[str, list[str]], marks: dict[str, list[str]], delimiter: str) -> tuple[str, str]:
    """Empty if columns contradict each other.

    Where decimals have a comma and a semicolon separates the cells, nobody writes the month first.
    """
    if len(orders) == 1:
        order, titles = next(iter(orders.items()))
        return order, f"as in {_title(titles)}"
    if not orders and delimiter == ";" and "," in marks and "." not in marks:
        return "dmy", f"as the decimal comma in {_title(marks[','])} suggests"
    return "", ""


def _title(titles: list[str]) -> str:
    title = titles[0]
    return f'"{title if len(title) <= _MAX_TITLE else title[: _MAX_TITLE - 1] + "…"}"'
