"""What a plan says about itself: how many, some samples, and what is refused. It is small, whatever the plan is."""

from dataclasses import asdict, dataclass, field
from typing import Any

from webapp.planners.bulk.fitting import Refused
from webapp.rowstore.entries import Entry

MAX_SAMPLES = 12
MAX_REFUSALS = 20
_SHOWN = 300  # characters of a text


@dataclass
class BulkReport:
    """`looked_at`: rows that the decision is about; `rows` and `cells`: how many change; `refused`: cells that stay as
    they are, because the text does not fit, and `misfits`, how many of them could be kept as texts. `samples` are
    `[row, column, before, after]`, `refusals` `[row, column, text, reason]`.
    """

    looked_at: int = 0
    rows: int = 0
    cells: int = 0
    refused: int = 0
    misfits: int = 0
    samples: list[list[Any]] = field(default_factory=list)
    refusals: list[list[Any]] = field(default_factory=list)
    last_row: int = field(default=0, repr=False)

    def note_cell(self, entry: Entry) -> None:
        """Entries of one row follow each other."""
        self.cells += 1
        self.note_row(entry.row_id or 0)
        if len(self.samples) < MAX_SAMPLES:
            sample = [entry.row_id, entry.column, shorten(entry.before or ""), shorten(entry.after or "")]
            if sample[1:] not in [other[1:] for other in self.samples]:  # each kind of change once
                self.samples.append(sample)

    def note_row(self, row_id: int) -> None:
        self.rows += row_id != self.last_row
        self.last_row = row_id

    def note_refusal(self, refused: Refused) -> None:
        self.refused += 1
        self.misfits += refused.is_misfit
        if len(self.refusals) < MAX_REFUSALS:
            wanted = refused.wanted
            self.refusals.append([wanted.row_id, wanted.column, shorten(wanted.text), _shorten_quote(refused)])

    def to_json(self) -> dict[str, Any]:
        report = asdict(self)
        del report["last_row"]
        return report

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "BulkReport":
        return cls(**data)


def shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _shorten_quote(refused: Refused) -> str:
    """Most reasons quote the text."""
    return refused.reason.replace(refused.wanted.text, shorten(refused.wanted.text), 1)
