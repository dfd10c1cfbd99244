"""The requests to child processes about an import or its table, and the import's folder.

Both passes run in a child process (started by `children`, run by `worker`) and can be killed at any moment: pass 1
leaves only unfinished files behind, and pass 2 commits its cursor together with the rows it counts.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from webapp.rowstore.table_ref import TableRef


@dataclass(frozen=True, slots=True)
class Folder:
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

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process works on this import; the kernel releases the lock when its holder dies."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class InspectRequest:
    """Pass 1: read the whole file and determine what it is."""

    folder: Path
    filename: str
    overrules: dict[str, Any]
    max_columns: int

    def to_json(self) -> dict[str, Any]:
        return {"verb": "inspect", **asdict(self), "folder": str(self.folder)}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> "InspectRequest":
        return cls(Path(request["folder"]), request["filename"], request["overrules"], request["max_columns"])


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """Pass 2: insert the rows of the file into the table created for them.

    `address` is the row store's; `positions` says where each column, by number, is in the rows of the file.
    """

    folder: Path
    address: str
    import_id: str
    options: dict[str, Any]
    table: TableRef
    positions: dict[int, int]

    def to_json(self) -> dict[str, Any]:
        plain = {"folder": str(self.folder), "table": self.table.to_json(), "positions": list(self.positions.items())}
        return {"verb": "load", "address": self.address, "import_id": self.import_id, "options": self.options, **plain}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> "LoadRequest":
        return cls(
            Path(request["folder"]),
            request["address"],
            request["import_id"],
            request["options"],
            TableRef.from_json(request["table"]),
            dict(request["positions"]),
        )


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """After the import: build the full-text index of a large table."""

    address: str
    table: TableRef

    def to_json(self) -> dict[str, Any]:
        return {"verb": "index", "address": self.address, "table": self.table.to_json()}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> "IndexRequest":
        return cls(request["address"], TableRef.from_json(request["table"]))


def write_whole(path: Path, value: object) -> None:
    """Write JSON atomically: `path` is either complete or unchanged."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
