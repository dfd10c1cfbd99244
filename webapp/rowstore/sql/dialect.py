"""What the databases write differently: a dialect prints it as SQL. The rest of this package is the same SQL on all."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from webapp.rowstore.nul_escape import ESCAPE
from webapp.rowstore.sql.schema import column_name, companion_name, text_column_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Limits
from webapp.types.date import ISO

Format = Mapping[str, Any]

_LAYOUTS = {"date": ISO, "datetime": "YYYY-MM-DDTHH:mm:ss", "time": "HH:mm:ss", "duration": "h:mm:ss"}


class Dialect(Protocol):
    """The database prints every cell, because a filter, a search, a compare-and-swap and an export need the same text;
    what the types do in Python (`webapp.types`) is the same.

    Expressions are SQL, and so are those that are given. `row_id` is the name of the column with the rows' ids.
    """

    row_id: str
    limits: Limits
    stored_as: Mapping[type, str]  # the types of stored columns

    # -- tables ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_sql(self, table: TableRef, name: str = "") -> str:
        """The statement that makes a table for rows. With a `name` it is that of a draft, which may exist."""
        ...

    def column_sql(self, name: str, stored: type) -> str:
        """A stored column as it is written where it is made."""
        return f"{name} {self.stored_as[stored]}"

    # -- cells -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def print_value(self, field: Field, name: str, format: Format) -> str:
        """A value of this column, or an empty cell, given as `name`, as text; never NULL."""
        ...

    def print_shown(self, field: Field) -> str:
        """The cell as people see and search it; never NULL."""
        return _with_text(field, self.print_value(field, column_name(field), field.shown))

    def print_exact(self, field: Field) -> str:
        """The cell as it was in the file, byte for byte; never NULL."""
        return _with_text(field, self.print_value(field, column_name(field), field.format))

    def print_beginning(self, field: Field, limit: int) -> str:
        """`print_shown`; of a text with more than `limit` characters only these, and an `ESCAPE` behind them.

        So a text was cut if it has more characters than `limit`; and whether any of a page's was is noticed where the
        page is searched for escapes in any case.
        """
        name, longest = text_column_name(field), int(limit)
        if name is None:
            return self.print_shown(field)
        # Asking for the length of each first takes a third of the time of cutting each.
        cut = f"substr({name}, 1, {longest}) || '{ESCAPE}'"
        return f"CASE WHEN length({name}) > {longest} THEN {cut} ELSE {self.print_shown(field)} END"

    @abstractmethod
    def bind(self, field: Field) -> str | None:
        """A question mark, with what converts a cell's text into the stored value; None if `ColumnType.parse` has to do
        it. Anything that is not of the type is an error.
        """
        ...

    @abstractmethod
    def typed(self, mark: str, stored: type) -> str:
        """A question mark for a value that stored columns of this type have."""
        ...

    # -- order and comparisons -------------------------------------------------------------------------------------

    @abstractmethod
    def sort_keys(self, field: Field) -> tuple[str, ...]:
        """What orders the rows by a column, and what its index begins with: texts case-insensitively (apple, Banana,
        cherry), of the letters A to Z only. The last of them is exact; one before it orders most rows.
        """
        ...

    @abstractmethod
    def ignoring_case(self, text: str) -> str:
        """What the exact one of the sort keys of a text column is, for a text given as SQL."""
        ...

    @abstractmethod
    def key_of(self, field: Field, value: str) -> tuple[str, ...]:
        """What the `sort_keys` are compared with: a value of this column, given as SQL."""
        ...

    @abstractmethod
    def unindexed_key(self, field: Field) -> str:
        """The exact one of the sort keys, written so that no index provides it."""
        ...

    @abstractmethod
    def smallest_key(self, field: Field) -> str:
        """A first sort key that is not above any filled cell's."""
        ...

    @abstractmethod
    def differs(self, left: str, right: str) -> str:
        """True of different values, also if one is NULL; false of two that are NULL."""
        ...

    @abstractmethod
    def text_contains(self, cell: str, text: str) -> Sql:
        """True of cells that contain this text, regardless of case."""
        ...

    @abstractmethod
    def text_starts_with(self, cell: str, text: str) -> Sql: ...

    @abstractmethod
    def is_one_of(self, name: str, values: Sequence[int]) -> Sql:
        """True of these integers, however many."""
        ...

    @abstractmethod
    def is_text_of(self, texts: Sequence[str], keys: Sequence[Sequence[str]]) -> Sql:
        """True if the expressions `texts` are together one of these keys, as stored, however many; each has a text for
        each of them.
        """
        ...

    # -- expressions -----------------------------------------------------------------------------------------------

    @abstractmethod
    def total(self, name: str) -> str:
        """An aggregate: the sum of a column's numbers as a float, 0.0 if there are none."""
        ...

    @abstractmethod
    def average(self, name: str) -> str: ...

    @abstractmethod
    def last_characters(self, text: str, count: int) -> str: ...

    @abstractmethod
    def size_in_bytes(self, text: str) -> str: ...

    @abstractmethod
    def has_one_of(self, text: str, characters: Sequence[str]) -> str:
        """True of texts that have one of these characters, as they are stored."""
        ...

    @abstractmethod
    def finds(self, text: str, classes: str) -> str:
        """True of texts in which these are found: characters, and classes of them in brackets."""
        ...

    @abstractmethod
    def as_float(self, value: str) -> str: ...

    @abstractmethod
    def all_digits(self, number: str) -> str:
        """A float with as few digits as it takes to read the same number again: nearly always at most 15. On every
        database it has the same.
        """
        ...

    @abstractmethod
    def digits(self, number: str, count: int) -> str:
        """A float with so many digits that count, without trailing zeros; with an exponent where it is short."""
        ...

    @abstractmethod
    def days_since(self, date: str, first: str) -> str:
        """How many days an ISO date is after the date `first`."""
        ...

    # -- JSON and lines --------------------------------------------------------------------------------------------

    @abstractmethod
    def json_text(self, text: str) -> str:
        """A text as a JSON string."""
        ...

    @abstractmethod
    def is_json(self, text: str) -> str: ...

    @abstractmethod
    def is_json_number(self, text: str, most: int) -> str:
        """True of what a reader of JSON takes for a number; of an integer only if it is not beyond `most`."""
        ...

    @abstractmethod
    def as_bytes(self, text: str) -> str:
        """UTF-8."""
        ...

    @abstractmethod
    def sample(self, table: str, what: str, where: Sql, size: int, rows: int) -> Sql:
        """`what` over about this many `rows`, spread evenly over a table whose highest id is `size`."""
        ...


def layout_of(field: Field) -> str:
    """How a day, a time or a duration is written."""
    return str(field.format.get("layout", _LAYOUTS[field.type]))


def is_empty(field: Field) -> str:
    """SQL that is true of empty cells: those with neither a value nor a text."""
    return (
        f"({column_name(field)} IS NULL AND {_text_or_empty(field)} = '')"
        if companion_name(field)
        else _no_value(field)
    )


def is_filled(field: Field) -> str:
    """SQL that is true of all other cells."""
    name = column_name(field)
    return f"({name} IS NOT NULL OR {_text_or_empty(field)} <> '')" if companion_name(field) else f"{name} IS NOT NULL"


def is_exception(field: Field) -> str:
    """SQL that is true of filled cells without a value."""
    return f"({_no_value(field)} AND {_text_or_empty(field)} <> '')" if companion_name(field) else "FALSE"


def _no_value(field: Field) -> str:
    return f"{column_name(field)} IS NULL"


def _text_or_empty(field: Field) -> str:
    """Where empty cells have a word of their own in the file, a cell of no characters is kept as a text."""
    return f"coalesce({companion_name(field)}, '')"


def _with_text(field: Field, printed: str) -> str:
    companion = companion_name(field)
    return f"coalesce({companion}, {printed})" if companion else printed
