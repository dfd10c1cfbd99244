"""What somebody wants done with a file who sees no page in between: a program, or a command line."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from webapp.db.errors import UserError
from webapp.imports.comparison_report import ComparisonReport
from webapp.imports.update_settings import Missing, Mode, UpdateSettings
from webapp.models.tables.table import Column
from webapp.models.tables.update_checks import SettingsRefused
from webapp.planners.update_plan import FILE, THEIRS

ALLOW: Final = "allow deletions"


class TooFewRows(UserError):
    """The table would lose most of its rows, which nobody has allowed."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """If it `starts`, the file is imported once it is read. What is None, and no keys, is as found, or as for the last
    file of its name. `keys` are titles of the table's columns; `edits` is what becomes of people's (`Decision`).
    """

    starts: bool = False
    title: str | None = None  # of a new table
    mode: str | None = None
    keys: tuple[str, ...] = ()
    missing: str | None = None
    adds_rows: bool | None = None
    edits: str = THEIRS
    allows_deletions: bool = False
    comparisons: int = 0  # that others have outdated meanwhile

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Wishes":
        return cls(**{**data, "keys": tuple(data["keys"])}) if data else cls()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"keys": list(self.keys)}

    def applied_to(self, settings: UpdateSettings, columns: Sequence[Column]) -> UpdateSettings:
        """`settings` are as found. Raises `SettingsRefused` for a key that is none of the table's columns."""
        return replace(
            settings,
            mode=Mode(self.mode or settings.mode),
            keys=numbers_of(self.keys, columns, "keys") or settings.keys,
            missing=Missing(self.missing or settings.missing),
            adds_rows=settings.adds_rows if self.adds_rows is None else self.adds_rows,
        )

    def loses_most(self, report: ComparisonReport) -> bool:
        return report.loses_most(with_edited=self.edits == FILE)

    def ensure_enough_rows(self, report: ComparisonReport, allow: str = ALLOW) -> None:
        """Nobody looks at the comparison, and a file may have been cut off. `allow` says what allows it. Raises
        `TooFewRows`.
        """
        if self.allows_deletions or not self.loses_most(report):
            return
        lost = report.deleted_in_words(with_edited=self.edits == FILE)
        rows = f"{report.rows:,} row{'s' * (report.rows != 1)}" if report.rows else "no rows"
        is_said = self.missing or self.mode == Mode.REPLACE
        remembered = "" if is_said else ", and so it was decided for an earlier one"
        raise TooFewRows(
            f"{lost} would be deleted, since the file has {rows}{remembered}. Nothing was imported."
            f" Is it the right file? If so, {allow}."
        )


def numbers_of(titles: Sequence[str], columns: Sequence[Column], field: str) -> tuple[int, ...]:
    """The columns of these titles, in any case. Raises `SettingsRefused`, which names the `field`."""
    numbers = {column.title.casefold(): column.number for column in columns}
    if unknown := [title for title in titles if title.casefold() not in numbers]:
        raise SettingsRefused(f"The table has no column “{unknown[0]}”.", field)
    return tuple(dict.fromkeys(numbers[title.casefold()] for title in titles))
