"""A type together with the format its values are printed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Format = Mapping[str, Any]
Value = str | int | float | None

# A token such as NA that means "empty" in a column without real empties: `print(None)` reproduces it.
NULL = "null"


@dataclass(frozen=True, slots=True)
class Choice:
    """A type together with the format its values are printed in.

    Where that format does not print every cell back, the column `keeps_texts`: the cells that differ are stored as they
    were written, beside their value. `exceptions` are the filled cells that have no value of this type.
    """

    type: str
    format: dict[str, Any] = field(default_factory=dict)
    keeps_texts: bool = False
    exceptions: int = 0

    def with_null(self, token: str) -> "Choice":
        """With the only exception, if there is one, taken as an empty cell."""
        return replace(self, format={**self.format, NULL: token}, exceptions=0)
