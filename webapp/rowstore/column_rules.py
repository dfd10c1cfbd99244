"""What edits of a column have to keep to. What is there already, and what an undo brings back, is never judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from webapp.db.errors import UserError
from webapp.rowstore.cell_input import ensure_storable
from webapp.types.reasons import shorten

MAX_CHOICES = 500
MAX_CHOICE = 200  # characters
MAX_SHOWN = 40  # characters of a text in a message


class RuleBroken(UserError):
    """The text is not one that the column's rules allow."""


class NeedsText(RuleBroken):
    """Of a column that needs one in every row."""


class NoSuchChoice(RuleBroken):
    """None of those that the column takes."""


class Repeated(RuleBroken):
    """Another cell of the column has it, and no two may."""


class RulesRefused(UserError):
    """These rules cannot be kept."""


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """`choices`: the texts that a cell may have, any if there are none; a cell may be empty unless it is `required`.
    `unique`: no two cells that are not empty have the same text.
    """

    required: bool = False
    unique: bool = False
    choices: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(bool(data.get("required")), bool(data.get("unique")), tuple(data.get("choices", ())))

    @classmethod
    def checked(cls, *, required: bool, unique: bool, choices: Sequence[str]) -> Self:
        """As somebody has typed them. Raises `RulesRefused`."""
        chosen = tuple(dict.fromkeys(filter(None, choices)))
        if len(chosen) > MAX_CHOICES:
            raise RulesRefused(f"A column can have {MAX_CHOICES} choices. These are {len(chosen):,}.")
        if any(len(choice) > MAX_CHOICE for choice in chosen):
            raise RulesRefused(f"A choice can have {MAX_CHOICE} characters.")
        for choice in chosen:
            ensure_storable(choice)
        return cls(required, unique, chosen)

    def to_json(self) -> dict[str, Any]:
        """Without what does not apply."""
        rules = {"required": self.required, "unique": self.unique, "choices": list(self.choices)}
        return {name: rule for name, rule in rules.items() if rule}

    def ensure_met(self, text: str, *, is_empty: bool) -> None:
        """Raises `RuleBroken`. Whether a text is unique is not known here."""
        if is_empty and self.required:
            raise NeedsText("This column needs a text in every row.")
        if not is_empty and self.choices and text not in self.choices:
            listed = ", ".join(shorten(choice, MAX_SHOWN) for choice in self.choices[:10])
            more = f" and {len(self.choices) - 10:,} more" if len(self.choices) > 10 else ""
            raise NoSuchChoice(f"This column takes only: {listed}{more}.")


def repeated_text(text: str, row_id: int | None) -> Repeated:
    """`row_id`: the row that has it; None: one that comes with the same change."""
    where = "is there twice" if row_id is None else f"is in row {row_id:,} already"
    return Repeated(f"“{shorten(text, MAX_SHOWN)}” {where}, and no two cells of this column may have the same text.")
