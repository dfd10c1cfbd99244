"""The requests to child processes about an import or its table, and the import's folder.

Both passes run in a child process (see `child_process` and `worker`) and can be killed at any moment: pass 1
leaves only unfinished files behind, and pass 2 commits its cursor together with the rows it counts.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from webapp.db.folders import private_folder
from webapp.formats.errors import ImportFileError
from webapp.rowstore.table_ref import Field, TableRef

Progress = Callable[[int, int], None]  # (bytes of the file read, rows)


@dataclass(frozen=True, slots=True)
class ImportFolder:
    """The folder of an import's files."""

    path: Path

    @property
    def original(self) -> Path:
        """The upload, byte for byte."""
        return self.path / "original"

    @property
    def inspection(self) -> Path:
        return self.path / "inspection.json"

    @property
    def rejected(self) -> Path:
        """The rejected rows, as CSV with line number and reason."""
        return self.path / "rejected.csv"

    @property
    def draft(self) -> Path:
        """The database of a comparison, while it runs."""
        return self.path / "comparison.db"

    @property
    def comparison(self) -> Path:
        return self.path / "comparison.json"

    @property
    def plan(self) -> Path:
        """What the import would change in its table: `update_plan`."""
        return self.path / "plan.gz"

    def remove_comparison(self) -> None:
        """And what a comparison that was interrupted has left."""
        for path in (self.comparison, self.plan, self.draft, *self.path.glob("*.part")):
            path.unlink(missing_ok=True)

    @contextmanager
    def exclusive(self, name: str = "lock") -> Iterator[None]:
        """Wait until no other process works on this import; the kernel releases the lock when its holder dies. A draft
        has a lock of another name: it is made while the file is read, too.
        """
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class Request:
    """What a child process is asked to do."""

    verb: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.verb, **asdict(self)}


@dataclass(frozen=True)
class InspectRequest(Request):
    """Pass 1: read the whole file and determine what it is. `overrides` are `ImportOverrides` as JSON. If it `guesses`,
    the child also says what it believes after the first rows.
    """

    verb = "inspect"
    folder: str
    filename: str
    overrides: dict[str, Any]
    max_columns: int
    guesses: bool = False


@dataclass(frozen=True)
class LoadRequest(Request):
    """Pass 2: insert the rows of the file into the table created for them.

    `address` is the row store's; `options` are `ReadOptions`; `positions` says where each column is in the rows of the
    file.
    """

    verb = "load"
    folder: str
    address: str
    import_id: str
    options: dict[str, Any]
    table: TableRef
    positions: Sequence[int]


@dataclass(frozen=True)
class DraftRequest(Request):
    """Pass 2 before anybody has decided: load the rows into the `draft` (`Draft.name`), which nobody sees."""

    verb = "draft"
    folder: str
    address: str
    draft: str
    options: dict[str, Any]
    table: TableRef
    positions: Sequence[int]


@dataclass(frozen=True)
class CompareRequest(Request):
    """Lay the file over a table that exists, without changing it.

    `positions` says where the compared `columns` are in the rows of the file; new ones have numbers below 0. `since` is
    the change set that the table was made with: what people changed after it is theirs, unless a later set of the kinds
    `from_files` has changed it again. `last_plan` is the plan of the last file of this source, and `last_decision` what
    was decided about edits then. `mark` is the column for marks of missing rows.
    """

    verb = "compare"
    folder: str
    address: str
    options: dict[str, Any]
    table: TableRef
    columns: Sequence[Field]
    positions: Sequence[int]
    settings: dict[str, Any]
    rows: int  # of the table, about: comparing may take time that fits them
    since: int
    from_files: Sequence[str]
    last_plan: str | None = None
    last_decision: dict[str, Any] = field(default_factory=dict)
    mark: Field | None = None


@dataclass(frozen=True)
class IndexRequest(Request):
    """After the import: build the full-text index of a large table."""

    verb = "index"
    address: str
    table: TableRef


@dataclass(frozen=True)
class SurveyRequest(Request):
    """Which types may this column have? Read every cell of it."""

    verb = "survey"
    address: str
    table: TableRef
    column: Field


@dataclass(frozen=True)
class ConvertRequest(Request):
    """Convert the rows behind `last_row` from one stored column to another, for the change of type `change_id`."""

    verb = "convert"
    address: str
    table: TableRef
    source: Field
    target: Field
    change_id: int
    last_row: int


@dataclass(frozen=True)
class PlanRequest(Request):
    """Plan the large change `change_id`: by the planner of this name (`webapp.planners`), with these arguments."""

    verb = "plan"
    address: str
    change_id: int
    table: TableRef
    planner: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ApplyRequest(Request):
    """Carry out what is left of the plan of a large change."""

    verb = "apply"
    address: str
    change_id: int


@dataclass(frozen=True)
class RevertRequest(Request):
    """Take back what has been carried out of a large change."""

    verb = "revert"
    address: str
    change_id: int


def share_original(folder: ImportFolder, others: Sequence[ImportFolder]) -> None:
    """Put the upload into these folders as well; it takes no room, and is there as long as one of them is.

    Raises ImportFileError if it is gone; folders have been made then.
    """
    for other in others:
        private_folder(other.path)
        try:
            os.link(folder.original, other.original)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise ImportFileError("The uploaded file is no longer on the server. Upload it again.") from None


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically: `path` is either complete or unchanged."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
