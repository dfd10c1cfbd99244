"""Archives as somebody may send them: changed, with hashes that are right all the same."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

Change = Callable[[bytes], bytes]


def forged(
    file: Path, member: str = "", change: Change = lambda data: data, manifest: Callable[[Any], Any] = lambda data: data
) -> Path:
    """A copy with another content of one member, and a manifest that says so, before `manifest` changes that."""
    copy = file.with_name(f"forged-{len(list(file.parent.iterdir()))}")
    with ZipFile(file) as source, ZipFile(copy, "w", ZIP_DEFLATED) as target:
        said = json.loads(source.read("manifest.json"))
        for name in source.namelist():
            data = source.read(name)
            if name == "manifest.json":
                continue
            if name == member:
                data = change(data)
                for described in _members(said):
                    if described["name"] == name:
                        described |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                        described["lines"] = None if described["lines"] is None else data.count(b"\n")
            target.writestr(name, data)
        target.writestr("manifest.json", json.dumps(manifest(said)))
    return copy


def _members(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "sha256" in value:
            yield value
        for inner in value.values():
            yield from _members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(inner)
