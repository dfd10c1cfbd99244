"""NDJSON: one JSON object per line. The columns are the keys of all objects, in order of first appearance."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.formats import titles
from webapp.formats.blocks import is_damaged, read_blocks
from webapp.formats.errors import ImportFileError
from webapp.formats.source import MAX_COLUMNS, Batch, ReadOptions, Reject, Row, in_batches


class _Number(str):
    """A number, exactly as written in the file."""

    __slots__ = ()


class _DuplicateKey(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python would silently keep the last of two equal keys."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKey
    return members


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_Number
).decode


class NdjsonSource:
    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path, self._encoding = path, options.encoding
        self._keys = list(options.keys) if options.keys is not None else find_keys(path, options.encoding)
        self.titles = titles.clean(self._keys)

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        return in_batches(self._parts(), size, len(self.titles))

    def _parts(self) -> Iterator[Batch]:
        for first, lines, bytes_read, may_be_damaged in _read_lines(self._path, self._encoding):
            batch = Batch([], [], bytes_read)
            for line, text in enumerate(lines, first):
                if not text.strip():
                    continue
                try:
                    batch.rows.append(self._row(text, may_be_damaged))
                except ValueError as error:
                    batch.rejected.append(Reject(line, f"Line {line:,} {error}.", [text.rstrip("\r")]))
            yield batch

    def _row(self, text: str, may_be_damaged: bool) -> Row:
        if may_be_damaged and is_damaged(text):
            raise ValueError("holds bytes that are not text in this encoding")
        members = _parse(text)
        row = [_cell(members.get(key)) for key in self._keys]
        if "\\u" in text and any(map(is_damaged, [*members, *row])):
            raise ValueError("holds half a character (a lone surrogate)")
        return row


def _read_lines(path: Path, encoding: str) -> Iterator[tuple[int, Sequence[str], int, bool]]:
    """Yield the number of the first line, the lines, the bytes read so far, and whether some may be undecodable.

    Lines of NDJSON end with \\n. A \\r before it, or anywhere between two values, is white space of JSON's.
    """
    line = 1
    with path.open("rb") as file:
        for block in read_blocks(file, encoding, lone_cr=False):
            lines = block.text.split("\n")
            if lines[-1] == "":
                lines.pop()
            yield line, lines, block.bytes_read, block.is_damaged
            line += len(lines)


def _parse(text: str) -> Mapping[str, Any]:
    """Raises ValueError with the end of a sentence that starts with the line number."""
    try:
        members = _decode(text)
    except _DuplicateKey:
        raise ValueError("has the same key twice in an object") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("is not valid JSON") from None
    if not isinstance(members, dict):
        raise ValueError("is JSON but not an object with keys")
    return members


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if value is True or value is False:
        return "true" if value else "false"
    try:
        return _dump(value)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _dump(value: Any) -> str:
    """Back to JSON, with numbers unchanged."""
    if isinstance(value, dict):
        members = (f"{json.dumps(key, ensure_ascii=False)}:{_dump(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def find_keys(path: Path, encoding: str) -> list[str]:
    """The keys of all objects, in order of first appearance. Raises ImportFileError."""
    keys: dict[str, None] = {}
    for _, lines, _, _ in _read_lines(path, encoding):
        for text in lines:
            try:
                keys.update(dict.fromkeys(_parse(text)) if text.strip() else {})
            except ValueError:
                continue
        if len(keys) > MAX_COLUMNS:
            raise ImportFileError(
                f"The objects have more than {MAX_COLUMNS:,} different keys, and each would be a column."
                f" A table here has at most {MAX_COLUMNS:,}."
            )
    readable = [key for key in keys if not is_damaged(key)]  # lines with other keys are rejected
    if not readable:
        raise ImportFileError("No line of this file is a JSON object with keys, so it has no columns.")
    return readable
