"""The interface of column types: each prints back exactly what it has read."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from webapp.types.choice import NULL, Choice, Format, Value
from webapp.types.tally import PADDING, Recogniser

__all__ = ["NULL", "Choice", "ColumnType", "Format", "Value", "null_of"]

_MAX_NULL = 20  # characters


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

    def shortcut(self, format: Format) -> tuple[re.Pattern[str], Callable[[str], Value]] | None:
        """How most texts are parsed several times as fast: each that the pattern matches as a whole is what `print`
        makes of what the function makes of it. None if there is no such way.
        """
        return None

    def read(self, text: str, format: Format) -> Value:
        """What a cell means that may be written otherwise than `print` would: `1,000` in a column of plain numbers, or
        ` 7 ` in a file whose columns are aligned by spaces.

        None if it is empty, or means nothing in this type: such a cell has only a text.
        """
        if text in ("", null_of(format)):
            return None
        if (value := self._read(text, format)) is None and (bare := text.strip(PADDING)) != text:
            return None if bare in ("", null_of(format)) else self._read(bare, format)
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

    @property
    def default_format(self) -> dict[str, Any]:
        """The format where no cell of a column has a value of this type."""
        return self.check({})

    @abstractmethod
    def recogniser(self, format_name: str = "") -> Recogniser:
        """A new recogniser, restricted to formats of that name if there is one."""

    def _read(self, text: str, format: Format) -> Value:
        """The same, of a text that is not empty; spaces around it may be left to `read`."""
        try:
            return self.parse(text, format)
        except ValueError:
            return None

    @abstractmethod
    def _parse(self, text: str, format: Format) -> str | int | float: ...

    def _parse_input(self, text: str, format: Format) -> str | int | float:
        return self._parse(text, format)

    def _print(self, value: str | int | float, format: Format) -> str:
        return str(value)


def null_of(format: Format) -> str:
    return str(format.get(NULL, ""))
