"""What is typed into the search: words, each of which some cell of a row contains, and phrases in quotes.

`new york` finds rows that have both words, be it in different cells; `"new york"` finds the phrase within one cell. A
quote inside of a phrase is doubled; elsewhere than at the beginning of a word it is a character like any other.
"""

import re

from webapp.rowstore.errors import QueryError

MAX_TERMS = 10
_MAX_TESTS = 5_000  # terms times columns: a statement has a limited number of values, up to six for each of these
# A phrase ends at a quote before a space; while it is still being typed, at the end of the text.
_TERM = re.compile(
    r"\"(?P<phrase>(?:[^\"]|\"\")+)(?:\"(?=\s|\Z)|\Z)|“(?P<curly>[^”]+)(?:”(?=\s|\Z)|\Z)|(?P<word>\S+)", re.DOTALL
)


def parse_search(text: str) -> tuple[str, ...]:
    """The words and phrases, in order, each once; without those that another one contains."""
    found = [_term(match) for match in _TERM.finditer(text)]
    terms = list(dict.fromkeys(term for term in found if term))
    return tuple(term for term in terms if not any(term != other and term in other for other in terms))


def ensure_searchable(terms: tuple[str, ...], columns: int) -> None:
    """Raises QueryError, with a readable message, if a table of so many columns cannot be searched for all of them."""
    limit = min(MAX_TERMS, max(_MAX_TESTS // max(columns, 1), 2))
    if len(terms) > limit:
        wide = "" if limit == MAX_TERMS else f" in a table of {columns:,} columns"
        raise QueryError(
            f"A search{wide} has at most {limit} words; this one has {len(terms):,}. "
            "Put them in quotes to find them as one phrase.",
            "q",
        )


def describe_search(terms: tuple[str, ...]) -> str:
    """As in “new” and “york”."""
    return " and ".join(f"“{term}”" for term in terms)


def _term(match: re.Match[str]) -> str:
    if match["phrase"]:
        return match["phrase"].replace('""', '"')
    return match["curly"] or match["word"] or ""
