"""What laying a file over a table would do: counts, and the first of each kind. Plain data that is stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

MAX_SAMPLES = 20  # rows of each kind
MAX_CELLS = 12  # of a row among these
MAX_TEXT = 200  # characters of a cell among these
MAX_CONFLICTS = 200  # that are listed, and can be decided one by one
MAX_AUTHORS = 100  # sets of edits that are told apart


@dataclass(slots=True)
class SampleRow:
    """`row` is its id in the table, 0 for none; `place` where it is among the rows of the file, from 1, 0 for nowhere.
    Each cell has the column's number, and its text before and after, None where there is no such row.
    """

    row: int
    place: int
    cells: list[tuple[int, str | None, str | None]] = field(default_factory=list)
    more: int = 0  # cells that are not among them


@dataclass(slots=True)
class Misfit:
    """Texts that have no value in their column: `column` will keep them as texts."""

    column: int
    count: int = 0
    texts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Clash:
    """Something that somebody edited since the last file, and this one has otherwise. `kind` is `cell`; `deleted`, a
    row that the file still has; or `kept`, a row that the file does not have. Texts are None for rows.

    `number` counts them from 0: it is how one is decided by itself.
    """

    number: int
    kind: str
    seq: int  # of the set that edited it last
    row: int
    column: int | None
    before: str | None  # as it was in the last file
    now: str | None
    file: str | None


@dataclass(slots=True)
class ComparisonReport:
    """`seq` is the change set up to which the table was read. Rows of the file that are `refused` have a key that is
    `empty`, `repeated` in the file or `ambiguous` in the table.
    """

    seq: int
    rows: int = 0  # of the file
    table_rows: int = 0  # before
    added: int = 0
    changed: int = 0
    cells: int = 0  # of the changed rows
    same: int = 0
    missing: int = 0  # rows of the table that are not in the file
    removed: int = 0  # of these, those that will be deleted
    marked: int = 0  # and those that get a mark; a mark that is taken away is a changed cell
    left_out: int = 0  # new rows that are not wanted
    refused: dict[str, int] = field(default_factory=dict)
    keyless: int = 0  # rows of the table without a key
    entries: int = 0  # of the plan
    clashes: dict[str, int] = field(default_factory=dict)  # by kind; `both` are cells that the file has changed too
    settled: int = 0  # edited cells that stay so: that was decided for an earlier file, which had the same text
    authors: dict[int, int] = field(default_factory=dict)  # how many of them by the set that edited
    samples: dict[str, list[SampleRow]] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)
    listed: list[Clash] = field(default_factory=list)

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())

    @property
    def clash_count(self) -> int:
        return sum(self.clashes.get(kind, 0) for kind in ("cell", "deleted", "kept"))

    def deletes(self, *, with_edited: bool = False) -> int:
        """How many rows of the table go; with those that somebody edited, if that is decided."""
        return self.removed + (self.clashes.get("kept", 0) if with_edited else 0)

    @property
    def deletes_most(self) -> bool:
        """Whether more than half of the table's rows go, as far as is known how many it has."""
        return 2 * self.deletes() > self.table_rows > 0

    def loses_most(self, *, with_edited: bool = False) -> bool:
        """Whether the table would have less than half as many rows, or lose some to a file that has none at all."""
        deleted = self.deletes(with_edited=with_edited)
        return deleted > 0 and (self.rows == 0 or 2 * (deleted - self.added) > self.table_rows)

    def deleted_in_words(self, *, with_edited: bool = False) -> str:
        """Which rows go, to begin a sentence."""
        deleted = self.deletes(with_edited=with_edited)
        if deleted >= self.table_rows:
            return f"All rows of the table ({deleted:,})"
        return f"{deleted:,} of the {self.table_rows:,} rows of the table"

    @property
    def is_nothing(self) -> bool:
        """Whether the table is as the file says already."""
        return not self.entries and not self.clash_count

    def to_json(self) -> dict[str, Any]:
        """JSON has no numeric keys."""
        return asdict(self) | {"authors": {str(seq): count for seq, count in self.authors.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ComparisonReport":
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        samples = {
            kind: [
                SampleRow(**{**row, "cells": [(n, before, after) for n, before, after in row["cells"]]}) for row in rows
            ]
            for kind, rows in data.get("samples", {}).items()
        }
        return cls(
            **{
                **known,
                "samples": samples,
                "authors": {int(seq): count for seq, count in data.get("authors", {}).items()},
                "misfits": [Misfit(**each) for each in data.get("misfits", ())],
                "listed": [Clash(**each) for each in data.get("listed", ())],
            }
        )

    def summary(self) -> dict[str, Any]:
        """The output of `rowcast import --into --dry-run --json`, for scripts."""
        names = (
            "rows", "table_rows", "added", "changed", "cells", "same", "missing", "removed", "marked", "left_out",
            "refused",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names} | {"conflicts": self.clashes}


def cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
