"""The requests to child processes about an import or its table, and the import's folder.

Both passes run in a child process (started by `children`, run by `worker`) and can be killed at any moment: pass 1
leaves only unfinished files behind, and pass 2 commits its cursor together with the rows it counts.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


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

    def to_json(self) -> dict[str, Any]:
        return {"verb": "inspect", **asdict(self), "folder": str(self.folder)}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> "InspectRequest":
        return cls(Path(request["folder"]), request["filename"], request["overrules"])


@dataclass(frozen=True, slots=True)
class LoadColumn:
    """A column's position in the rows of the file, and its type in the table."""

    number: int
    title: str
    index: int
    type: str
    format: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """Pass 2: insert the rows of the file into the table created for them."""

    folder: Path
    database: Path
    import_id: str
    table_id: int
    options: dict[str, Any]
    columns: Sequence[LoadColumn]

    def to_json(self) -> dict[str, Any]:
        return {"verb": "load", **asdict(self), "folder": str(self.folder), "database": str(self.database)}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> "LoadRequest":
        return cls(
            Path(request["folder"]),
            Path(request["database"]),
            request["import_id"],
            request["table_id"],
            request["options"],
            [LoadColumn(**column) for column in request["columns"]],
        )


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """After the import: build the full-text index of a large table."""

    database: Path
    table_id: int
    columns: Sequence[LoadColumn]

    def to_json(self) -> dict[str, Any]:
        return {"verb": "index", **asdict(self), "database": str(self.database)}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> "IndexRequest":
        columns = [LoadColumn(**column) for column in request["columns"]]
        return cls(Path(request["database"]), request["table_id"], columns)


def write_whole(path: Path, value: object) -> None:
    """Write JSON atomically: `path` is either complete or unchanged."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
