"""The result of pass 1 and the user's corrections: plain data that is stored as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from webapp.formats import FileFormat, ReadOptions
from webapp.formats.json_columns import source_of
from webapp.formats.source import JsonLayout, Layout
from webapp.imports.notes import Note
from webapp.types import NULL, TYPES, Choice, describe

# Delimiters that are none: each line is one cell, cells are aligned with spaces, or bars draw the table.
LAYOUTS: dict[str, Layout] = {"none": "lines", "fixed": "fixed", "drawn": "drawn"}
DATE_ORDERS = frozenset(("dmy", "mdy", "ymd"))
# How a file is read, as far as the user can decide it.
READ_OPTIONS = ("encoding", "delimiter", "quote", "header", "header_row", "sheet")


@dataclass(slots=True)
class ImportOverrides:
    """The user's corrections. None means "as detected"; an empty `quote` (or "none") means that nothing is quoted.

    A `delimiter` may be several characters, or one of `LAYOUTS`.
    `order` ("dmy", "mdy", "ymd") answers for all columns at once whose days and months cannot be told apart.

    A column, by its index from 0, may have: `title`, `skip`, `type`, and how that is written: a whole `format`, or only
    `order` ("dmy", "mdy") and `null` (the word that stands for an empty cell).
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    header_row: int | None = None
    sheet: str | None = None
    order: str | None = None
    columns: dict[int, dict[str, Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON has no numeric keys."""
        return asdict(self) | {"columns": {str(index): dict(column) for index, column in self.columns.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ImportOverrides":
        columns = {int(index): dict(column) for index, column in (data.get("columns") or {}).items()}
        return cls(**{**data, "columns": columns})


@dataclass(slots=True)
class RejectedRow:
    line: int
    reason: str


@dataclass(slots=True)
class ColumnGuess:
    """A column as it would be imported. `choices` are the types that half of its filled cells have, and text."""

    title: str
    type: str
    format: dict[str, Any]
    reason: str
    empty: int
    width: int
    null_token: str | None = None  # offered: read as empty, and written back on export
    choices: list[Choice] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    skip: bool = False
    keeps_texts: bool = False
    exceptions: int = 0  # filled cells without a value of this type: they keep their text
    exception_values: list[tuple[str, int]] = field(default_factory=list)  # the most frequent, with their counts
    # What only the user can tell, as "order" (of day and month); empty if nothing.
    question: str = ""

    @property
    def null_token_accepted(self) -> bool:
        return NULL in self.format

    @property
    def orders(self) -> dict[str, Choice]:
        """The orders of day and month in which its values may be read, if there are several."""
        named = {TYPES[choice.type].format_name(choice.format): choice for choice in reversed(self.choices)}
        orders = {name: choice for name, choice in named.items() if name in DATE_ORDERS}
        return orders if len(orders) > 1 else {}

    def in_order(self, order: str) -> "ColumnGuess":
        """With this order of day and month, if its values may be read in several."""
        choice = self.orders.get(order)
        return as_chosen(self, choice) if choice else self

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ColumnGuess":
        """Ignores what older versions have stored besides."""
        known = _known(cls, data)
        choices = [Choice(**_known(Choice, choice)) for choice in data.get("choices", ())]
        exception_values = [(text, count) for text, count in data.get("exception_values", ())]
        return cls(**known | {"choices": choices, "exception_values": exception_values})


@dataclass(slots=True)
class InspectionReport:
    format: FileFormat
    encoding: str
    encoding_reason: str
    delimiter: str
    delimiter_reason: str
    quote: str
    header: bool
    header_reason: str
    header_row: int
    rows: int
    rejected_count: int
    rejected: list[RejectedRow]
    columns: list[ColumnGuess]
    sample: list[list[str]]
    escape: str = ""
    spaced: bool = False
    layout: Layout = "delimited"
    gaps: list[list[int]] = field(default_factory=list)
    comment: str = ""
    title_prefix: str = ""
    # The lines of the file: above the table, of titles, blank, and of a drawn frame. The others are rows.
    lines: int = 0
    lines_above: int = 0
    title_lines: int = 0
    blank_lines: int = 0
    drawn_lines: int = 0
    notes: list[Note] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    sheet: str | None = None
    is_archived: bool = False
    keys: list[str] | None = None
    members: list[dict[str, Any]] | None = None
    json_layout: JsonLayout = "lines"
    rows_at: str = ""
    positional: bool = False
    promoted: bool = False
    rows_within: list[str] = field(default_factory=list)
    key_title: str = ""
    listing: list[dict[str, Any]] = field(default_factory=list)  # all sheets: `name`, `rows`, `columns`, `hidden`

    @property
    def options(self) -> ReadOptions:
        """The options that read the same rows again."""
        options = {field.name: getattr(self, field.name) for field in fields(ReadOptions)}
        return ReadOptions(**options | {"encoding": self.encoding or "utf-8", "delimiter": self.delimiter or ","})

    @property
    def account(self) -> str:
        """What became of all lines of the file, in words that add up; empty for a file that has no lines."""
        if not self.lines:
            return ""
        counted = (
            self.lines_above + self.title_lines + self.rows + self.rejected_count + self.blank_lines + self.drawn_lines
        )
        parts = [
            (self.lines_above, "above the table"),
            (self.title_lines, "title row" if self.title_lines == 1 else "of titles"),
            (self.rows, "row" if self.rows == 1 else "rows"),
            (self.rejected_count, "rejected"),
            (self.blank_lines, "blank"),
            (self.drawn_lines, "of a drawn frame"),
            (self.lines - counted, "inside cells"),
        ]
        told = ", ".join(f"{count:,} {what}" for count, what in parts if count)
        return f"{self.lines:,} {'line' if self.lines == 1 else 'lines'}: {told}"

    @property
    def delimiter_choice(self) -> str:
        """The override that reads the file the same way: a delimiter, or one of `LAYOUTS`."""
        return next((name for name, layout in LAYOUTS.items() if layout == self.layout), self.delimiter)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "InspectionReport":
        rejected = [RejectedRow(**row) for row in data["rejected"]]
        columns = [ColumnGuess.from_json(column) for column in data["columns"]]
        notes = [Note(**{**note, "lines": [tuple(line) for line in note["lines"]]}) for note in data.get("notes", ())]
        return cls(**{**data, "rejected": rejected, "columns": columns, "notes": notes})

    def differs(self, overrides: ImportOverrides, option: str) -> bool:
        """Whether this option of reading, such as `delimiter`, is overridden by another value than the file was read
        with.
        """
        value = getattr(overrides, option)
        if option == "delimiter" and (value in LAYOUTS or self.layout != "delimited"):
            return value is not None and LAYOUTS.get(value) != self.layout and not self._is_usual_one_column(value)
        if option == "quote" and value == "none":
            value = ""
        return value is not None and value != getattr(self, option)

    def _is_usual_one_column(self, delimiter: str) -> bool:
        """One column is shown with the usual delimiter where that would change nothing."""
        return self.layout == "lines" and delimiter == self.delimiter

    def with_overrides(self, overrides: ImportOverrides) -> "InspectionReport | None":
        """The report with the corrections of columns applied; None if the file has to be read again."""
        if any(self.differs(overrides, option) for option in READ_OPTIONS):
            return None
        columns = []
        for index, column in enumerate(self.columns):
            corrected = _correct_column(column, overrides.columns.get(index, {}))
            if corrected is None:
                return None
            is_typed = "type" in overrides.columns.get(index, {})
            columns.append(corrected if is_typed else corrected.in_order(overrides.order or ""))
        return replace(self, columns=columns)

    def summary(self) -> dict[str, Any]:
        """The output of `rowcast inspect --json`, for scripts."""
        return {
            "encoding": self.encoding or None,
            "delimiter": self.delimiter or None,
            "quote": self.quote or None,
            "header": self.header,
            "header_row": self.header_row,
            "lines": self.lines or None,
            "account": self.account,
            "notes": [asdict(note) for note in self.notes],
            "rows": self.rows,
            "sheets": self.listing,
            "rejected": [asdict(row) for row in self.rejected],
            "columns": [
                {
                    "title": column.title,
                    "type": column.type,
                    "format": TYPES[column.type].format_name(column.format) or None,
                    "reason": column.reason,
                    "empty": column.empty,
                    "exceptions": column.exceptions,
                    "question": column.question or None,
                }
                for column in self.columns
            ],
        }


def _known(cls: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: data[field.name] for field in fields(cls) if field.name in data}


def as_chosen(
    column: ColumnGuess, choice: Choice, exception_values: Sequence[tuple[str, int]] | None = None
) -> ColumnGuess:
    """`exception_values` are known if the file was read for this choice."""
    values = column.exception_values if choice.exceptions == column.exceptions else []
    return replace(
        column,
        type=choice.type,
        format={**choice.format, **source_of(column.format)},
        keeps_texts=choice.keeps_texts,
        exceptions=choice.exceptions,
        exception_values=list(exception_values if exception_values is not None else values),
        question="",
        reason=chosen_reason(choice),
    )


def chosen_reason(choice: Choice) -> str:
    words = describe(choice)
    verb = "keeps its text" if choice.exceptions == 1 else "keep their text"
    kept = f"; {choice.exceptions:,} {verb}" if choice.exceptions else ""
    return f"{words[:1].upper()}{words[1:]}, as you chose{kept}"


def _correct_column(column: ColumnGuess, override: Mapping[str, Any]) -> ColumnGuess | None:
    """None if none of the column's choices is the one asked for."""
    renamed = replace(column, title=override.get("title") or column.title, skip=bool(override.get("skip")))
    required_format = dict(override.get("format") or {})
    null = override.get(NULL) or required_format.pop(NULL, None)
    order = override.get("order")
    if not (override.get("type") or required_format or null or order):
        return renamed

    def matches(type_: str, format: Mapping[str, Any]) -> bool:
        return (
            type_ == override.get("type", type_)
            and required_format.items() <= format.items()
            and (not order or TYPES[type_].format_name(format) == order)
        )

    if column.format.get(NULL) == null and matches(column.type, column.format):
        return renamed
    if null and null != column.null_token:
        return None
    choice = next((choice for choice in column.choices if matches(choice.type, choice.format)), None)
    if choice is None:
        return None
    return as_chosen(renamed, choice.with_null(null) if null else choice)
