"""The interface of column types: each prints back exactly what it has read."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

Format = Mapping[str, Any]
Value = str | int | float | None

# A token such as NA that means "empty" in a column without real empties: `print(None)` reproduces it.
NULL = "null"
_MAX_NULL = 20  # characters


@dataclass(frozen=True, slots=True)
class Choice:
    """A type together with the format that reproduces a column's values."""

    type: str
    format: dict[str, Any] = field(default_factory=dict)

    def with_null(self, token: str) -> "Choice":
        return Choice(self.type, {**self.format, NULL: token})


class Recogniser(Protocol):
    """Sees all values of a column and knows which formats of its type reproduce every one of them."""

    def accept(self, values: Collection[str]) -> str | None:
        """Take the values into account and return None; or return one that does not fit, changing nothing."""
        ...

    def choices(self) -> list[Choice]:
        """Everything that fits all values seen so far, the most natural first."""
        ...

    @property
    def doubt(self) -> str:
        """Why the first choice must not be taken without asking, in readable words; empty if it may."""
        ...


class ColumnType(ABC):
    """One type of column. Values are stored as `stored`, an empty cell as nothing; how, is up to each database."""

    name: ClassVar[str]
    label: ClassVar[str]
    stored: ClassVar[type[str] | type[int] | type[float]]
    operators: ClassVar[tuple[str, ...]]

    def parse(self, text: str, format: Format) -> Value:
        """The value to store. Raises ValueError, with a readable message, for a text that `print` would not
        reproduce.
        """
        if text in ("", null_of(format)):
            return None
        value = self._parse(text, format)
        if self._print(value, format) != text:
            raise ValueError(f"“{text}” is not written as {self.describe(format)}")
        return value

    def parse_input(self, text: str, format: Format) -> Value:
        """A value typed into a filter or a form: tolerates spaces and other ways of writing the same value."""
        text = text.strip()
        return None if text in ("", null_of(format)) else self._parse_input(text, format)

    def print(self, value: Value, format: Format) -> str:
        """The text of the cell, byte for byte as it was read."""
        return null_of(format) if value is None else self._print(value, format)

    def describe(self, format: Format) -> str:
        """The type and its format in readable words."""
        return self.label.lower()

    def format_name(self, format: Format) -> str:
        """The format in one word, as in `dmy`, for option lists and scripts; empty if there is only one."""
        return ""

    def check(self, format: Format) -> dict[str, Any]:
        """Validate a user-supplied format before it is used. Raises ValueError."""
        null = null_of(format)
        if len(null) > _MAX_NULL or not null.isprintable():
            raise ValueError(f"The text for empty cells must be printable and have at most {_MAX_NULL} characters")
        return {NULL: null} if null else {}

    @abstractmethod
    def recogniser(self, format_name: str = "") -> Recogniser:
        """A new recogniser, restricted to formats of that name if there is one."""

    @abstractmethod
    def _parse(self, text: str, format: Format) -> str | int | float: ...

    def _parse_input(self, text: str, format: Format) -> str | int | float:
        return self._parse(text, format)

    def _print(self, value: str | int | float, format: Format) -> str:
        return str(value)


def null_of(format: Format) -> str:
    return str(format.get(NULL, ""))
