"""The result of pass 1 and the user's corrections: plain data that is stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from webapp.formats import FileFormat, ReadOptions
from webapp.formats.errors import ImportFileError
from webapp.types import NULL, TYPES, Choice, describe

# How a file is read, as far as the user can decide it.
READ_OPTIONS = ("encoding", "delimiter", "quote", "header", "header_row", "sheet")


@dataclass(slots=True)
class ImportOverrides:
    """The user's corrections. None means "as detected"; an empty `quote` (or "none") means that nothing is quoted.

    A column, by its index from 0, may have: `title`, `skip`, `type`, and how that is written: a whole `format`, or only
    `order` ("dmy", "mdy") and `null` (the word that stands for an empty cell).
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    header_row: int | None = None
    sheet: str | None = None
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
    """A column as it would be imported. `choices` are the types that fit all values, always including text."""

    title: str
    type: str
    format: dict[str, Any]
    reason: str
    empty: int
    width: int
    null_token: str | None = None  # offered: read as empty, and written back on export
    choices: list[Choice] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    misfits: int = 0  # values that do not fit the type the user has chosen
    first_misfit: str = ""  # in words: "row 12,001 holds 00501"
    skip: bool = False

    @property
    def null_token_accepted(self) -> bool:
        return NULL in self.format

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ColumnGuess":
        """Ignores what older versions have stored besides."""
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        choices = [Choice(choice["type"], choice["format"]) for choice in data.get("choices", ())]
        return cls(**known | {"choices": choices})


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
    sheets: list[str] = field(default_factory=list)
    sheet: str | None = None
    keys: list[str] | None = None

    @property
    def options(self) -> ReadOptions:
        """The options that read the same rows again."""
        options = {field.name: getattr(self, field.name) for field in fields(ReadOptions)}
        return ReadOptions(**options | {"encoding": self.encoding or "utf-8", "delimiter": self.delimiter or ","})

    def ensure_lossless(self) -> None:
        """Raises ImportFileError if some values do not fit the type the user has chosen for their column."""
        column = next((column for column in self.columns if column.misfits and not column.skip), None)
        if column is not None:
            how_many = "1 value does" if column.misfits == 1 else f"{column.misfits:,} values do"
            raise ImportFileError(
                f"{how_many} not fit {TYPES[column.type].label.lower()} in the column “{column.title}”:"
                f" {column.first_misfit}. Nothing would be lost as text."
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "InspectionReport":
        rejected = [RejectedRow(**row) for row in data["rejected"]]
        columns = [ColumnGuess.from_json(column) for column in data["columns"]]
        return cls(**{**data, "rejected": rejected, "columns": columns})

    def differs(self, overrides: ImportOverrides, option: str) -> bool:
        """Whether this option of reading, such as `delimiter`, is overridden by another value than the file was read
        with.
        """
        value = getattr(overrides, option)
        if option == "quote" and value == "none":
            value = ""
        return value is not None and value != getattr(self, option)

    def with_overrides(self, overrides: ImportOverrides) -> "InspectionReport | None":
        """The report with the corrections of columns applied; None if the file has to be read again."""
        if any(self.differs(overrides, option) for option in READ_OPTIONS):
            return None
        columns = []
        for index, column in enumerate(self.columns):
            corrected = _correct_column(column, overrides.columns.get(index, {}))
            if corrected is None:
                return None
            columns.append(corrected)
        return replace(self, columns=columns)

    def summary(self) -> dict[str, Any]:
        """The output of `rowcast inspect --json`, for scripts."""
        return {
            "encoding": self.encoding or None,
            "delimiter": self.delimiter or None,
            "quote": self.quote or None,
            "header": self.header,
            "rows": self.rows,
            "rejected": [asdict(row) for row in self.rejected],
            "columns": [
                {
                    "title": column.title,
                    "type": column.type,
                    "format": TYPES[column.type].format_name(column.format) or None,
                    "reason": column.reason,
                    "empty": column.empty,
                }
                for column in self.columns
            ],
        }


def _correct_column(column: ColumnGuess, override: Mapping[str, Any]) -> ColumnGuess | None:
    """None if none of the column's choices is the one asked for."""
    renamed = replace(column, title=override.get("title") or column.title, skip=bool(override.get("skip")))
    required_format = dict(override.get("format") or {})
    null = override.get(NULL) or required_format.get(NULL)
    order = override.get("order")
    if not (override.get("type") or required_format or null or order):
        return renamed

    def matches(type_: str, format: Mapping[str, Any]) -> bool:
        return (
            type_ == override.get("type", type_)
            and format.get(NULL) == (null or None)
            and required_format.items() <= format.items()
            and (not order or TYPES[type_].format_name(format) == order)
        )

    if matches(column.type, column.format):
        return renamed
    choice = next((choice for choice in column.choices if matches(choice.type, choice.format)), None)
    if choice is None:
        return None
    reason = f"{describe(choice)}, as you chose"
    return replace(renamed, type=choice.type, format=choice.format, reason=reason, misfits=0, first_misfit="")
