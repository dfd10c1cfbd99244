"""The search index of a table: one GIN index of trigrams over the texts of each row, as printed and shown.

It finds rows that contain the letters of a search, whatever their case; what is found is checked again, cell by cell.
Case is folded by the database's own collation (C.UTF-8), which knows all letters.
"""

import hashlib
from collections.abc import Iterable, Sequence

from webapp.rowstore.nul_escape import spellings
from webapp.rowstore.postgresql.dialect import DIALECT
from webapp.rowstore.sql.letters import cases, escape_like
from webapp.rowstore.sql.statement import NEW_LINE, Sql, all_of, concatenate
from webapp.rowstore.table_ref import Field, TableRef

TRIGRAM = 3  # characters


def search_text_sql(fields: Iterable[Field]) -> str:
    """What the index is made of: the texts of these columns, one per line, in the order of their numbers. The index
    stays as it is when columns change places; it is used only for exactly this expression.
    """
    ordered = sorted(fields, key=lambda field: field.number)
    return f"({concatenate([DIALECT.print_shown(field) for field in ordered], NEW_LINE)})"


def search_prefix(table_id: int) -> str:
    """The beginning of the names of a table's search indexes."""
    return f"s{int(table_id)}_"


def search_name(table: TableRef) -> str:
    """The search index of the columns as they are stored now: another one if they are stored, or printed, otherwise."""
    made_of = hashlib.blake2b(search_text_sql(table.indexed).encode(), digest_size=8)
    return f"{search_prefix(table.id)}{made_of.hexdigest()}"


def match_sql(fields: Sequence[Field], terms: Sequence[str]) -> Sql | None:
    """True of rows that contain the terms that the index knows, each in whatever cell; None if it knows none."""
    known = [term for term in terms if _is_indexed(term)]
    if not known:
        return None
    text = f'{search_text_sql(fields)} COLLATE "default"'
    return all_of([Sql(f"{text} ILIKE ?", (f"%{escape_like(term)}%",)) for term in known])


def _is_indexed(term: str) -> bool:
    """Whether it has a trigram, and the database folds its letters as we do. Without three letters or digits in a row
    it has no trigram, and the index would yield the whole table. What may be stored in two ways is not looked up.
    """
    words = "".join(letter if letter.isalnum() else " " for letter in term).split()
    return any(len(word) >= TRIGRAM for word in words) and len(spellings(term)) == 1 and all(map(_folds_as_usual, term))


def _folds_as_usual(letter: str) -> bool:
    """Of some letters, such as `ß` or the sign for Kelvin, each rule knows other cases."""
    if letter.isascii():
        return True
    lower, upper = letter.lower(), letter.upper()
    is_single = len(lower) == len(upper) == 1
    return is_single and {case.lower() for case in cases(letter)} == {lower} and lower.upper() == upper
