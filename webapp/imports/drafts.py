"""What pass 2 would load, known before anybody has decided: a draft of the table."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from webapp.imports.report import InspectionReport
from webapp.rowstore.table_ref import Field, TableRef


@dataclass(frozen=True, slots=True)
class Draft:
    """`name` is that of the rows in the row store. It holds a hash of all that decides about them, so that rows which
    were loaded with other options than those of the final decision are under another name, and never taken.
    """

    name: str
    options: dict[str, Any]
    table: TableRef
    positions: Sequence[int]

    @classmethod
    def of(cls, import_id: str, report: InspectionReport) -> "Draft":
        """The table that this report leads to: the columns that are not skipped, with their numbers."""
        options = asdict(report.options)
        chosen = [(index, column) for index, column in enumerate(report.columns) if not column.skip]
        fields = tuple(Field(index + 1, "", column.type, column.format, column.keeps_texts) for index, column in chosen)
        stored = [[field.number, field.type, field.format, field.keeps_texts] for field in fields]
        name = f"{import_id}_{_digest([options, stored])}"
        return cls(name, options, TableRef(0, fields), [index for index, _ in chosen])


def import_of(draft: str) -> str:
    """The id of the import, of a draft's name."""
    return draft.partition("_")[0]


def _digest(value: Any) -> str:
    """24 hexadecimal digits. Options that went through JSON, where tuples become lists, have the same."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
