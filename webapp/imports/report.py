"""The result of pass 1 and the user's corrections: plain data that is stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from webapp.formats import FileFormat, ReadOptions
from webapp.formats.errors import ImportFileError
from webapp.types import NULL, TYPES


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
class Alternative:
    """A type that fits all values, and its name."""

    type: str
    format: dict[str, Any]
    label: str


@dataclass(slots=True)
class ColumnGuess:
    """A column as it would be imported. `alternatives` and `choices` hold the other lossless types, always including
    text.
    """

    title: str
    type: str
    format: dict[str, Any]
    reason: str
    empty: int
    width: int
    null_token: str | None = None  # offered: read as empty, and written back on export
    alternatives: list[str] = field(default_factory=list)
    choices: list[Alternative] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    misfits: int = 0  # values that do not fit the type the user has chosen
    first_misfit: str = ""  # in words: "row 12,001 holds 00501"
    skip: bool = False

    @property
    def null_token_accepted(self) -> bool:
        return NULL in self.format

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ColumnGuess":
        return cls(**{**data, "choices": [Alternative(**choice) for choice in data.get("choices", ())]})


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
        return ReadOptions(
            format=self.format,
            encoding=self.encoding or "utf-8",
            delimiter=self.delimiter or ",",
            quote=self.quote,
            escape=self.escape,
            spaced=self.spaced,
            header=self.header,
            header_row=self.header_row,
            sheet=self.sheet,
            keys=self.keys,
        )

    @property
    def refusal(self) -> str:
        """Why the file cannot be imported with these corrections, in readable words; empty if it can."""
        bad = [column for column in self.columns if column.misfits and not column.skip]
        if not bad:
            return ""
        first = bad[0]
        how_many = "1 value does" if first.misfits == 1 else f"{first.misfits:,} values do"
        return (
            f"{how_many} not fit {TYPES[first.type].label.lower()} in the column “{first.title}”: {first.first_misfit}."
            " Nothing would be lost as text."
        )

    def check(self) -> None:
        """Raises ImportFileError with the text of `refusal`."""
        if self.refusal:
            raise ImportFileError(self.refusal)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "InspectionReport":
        rejected = [RejectedRow(**row) for row in data["rejected"]]
        columns = [ColumnGuess.from_json(column) for column in data["columns"]]
        return cls(**{**data, "rejected": rejected, "columns": columns})

    def settled(self, overrules: ImportOverrides) -> "InspectionReport | None":
        """The inspection with the corrections to columns applied; None if the file has to be read again."""
        reading = (
            (overrules.encoding, self.encoding),
            (overrules.delimiter, self.delimiter),
            (_quote(overrules.quote), self.quote),
            (overrules.header, self.header),
            (overrules.header_row, self.header_row),
            (overrules.sheet, self.sheet),
        )
        if any(wanted is not None and wanted != found for wanted, found in reading):
            return None
        columns = [_settle(column, overrules.columns.get(index, {})) for index, column in enumerate(self.columns)]
        settled = [column for column in columns if column is not None]
        return replace(self, columns=settled) if len(settled) == len(columns) else None


def _quote(quote: str | None) -> str | None:
    return "" if quote == "none" else quote


def _settle(column: ColumnGuess, decided: Mapping[str, Any]) -> ColumnGuess | None:
    named = replace(column, title=decided.get("title") or column.title, skip=bool(decided.get("skip")))
    wanted = dict(decided.get("format") or {})
    null = decided.get(NULL) or wanted.get(NULL)
    order = decided.get("order")
    if not (decided.get("type") or wanted or null or order):
        return named

    def is_meant(kind: str, format: Mapping[str, Any]) -> bool:
        return (
            kind == decided.get("type", kind)
            and format.get(NULL) == (null or None)
            and wanted.items() <= format.items()
            and (not order or TYPES[kind].short(format) == order)
        )

    if is_meant(column.type, column.format):
        return named
    choice = next((choice for choice in column.choices if is_meant(choice.type, choice.format)), None)
    if choice is None:
        return None
    reason = f"{choice.label}, as you chose"
    return replace(named, type=choice.type, format=choice.format, reason=reason, misfits=0, first_misfit="")


def describe(inspection: InspectionReport) -> dict[str, Any]:
    """The output of `rowcast inspect --json`, for scripts."""
    return {
        "encoding": inspection.encoding or None,
        "delimiter": inspection.delimiter or None,
        "quote": inspection.quote or None,
        "header": inspection.header,
        "rows": inspection.rows,
        "rejected": [{"line": row.line, "reason": row.reason} for row in inspection.rejected],
        "columns": [
            {
                "title": column.title,
                "type": column.type,
                "format": TYPES[column.type].short(column.format) or None,
                "reason": column.reason,
                "empty": column.empty,
            }
            for column in inspection.columns
        ],
    }
