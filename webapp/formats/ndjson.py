"""NDJSON: one JSON object per line. The columns are the keys of all objects, in order of first appearance."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.formats import titles
from webapp.formats.blocks import blocks, is_damaged
from webapp.formats.errors import ImportFileError
from webapp.formats.sniff_result import Decided, SniffResult, encoding_of
from webapp.formats.source import MAX_COLUMNS, Batch, ReadOptions, Reject, Row, batch_size, in_batches


class _Number(str):
    """A number, exactly as written in the file."""

    __slots__ = ()


class _Duplicate(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python would silently keep the last of two equal keys."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Duplicate
    return made


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_Number
).decode


def discover(path: Path, decided: Decided) -> SniffResult:
    found = encoding_of(path, decided.encoding)
    keys = _keys(path, found.name)
    options = ReadOptions("ndjson", found.name, header=True, keys=keys)
    return SniffResult(options, encoding_reason=found.reason, header_reason="the keys of the objects")


class NdjsonSource:
    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path, self._encoding = path, options.encoding
        self._keys = list(options.keys) if options.keys is not None else _keys(path, options.encoding)
        self.titles = titles.clean(self._keys)

    @property
    def width(self) -> int:
        return len(self.titles)

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        return in_batches(self._parts(), batch_size(size, self.width))

    def _parts(self) -> Iterator[Batch]:
        for first, lines, bytes_read, damaged in _lines(self._path, self._encoding):
            batch = Batch([], [], bytes_read)
            for line, text in enumerate(lines, first):
                if not text.strip():
                    continue
                try:
                    batch.rows.append(self._row(text, damaged))
                except ValueError as error:
                    batch.rejected.append(Reject(line, f"Line {line:,} {error}.", [text.rstrip("\r")]))
            yield batch

    def _row(self, text: str, damaged: bool) -> Row:
        if damaged and is_damaged(text):
            raise ValueError("holds bytes that are not text in this encoding")
        found = _parse(text)
        row = [_cell(found.get(key)) for key in self._keys]
        if "\\u" in text and any(map(is_damaged, [*found, *row])):
            raise ValueError("holds half a character (a lone surrogate)")
        return row


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, Sequence[str], int, bool]]:
    """Lines of NDJSON end with \\n. A \\r before it, or anywhere between two values, is white space of JSON's."""
    line = 1
    with path.open("rb") as file:
        for block in blocks(file, encoding, ends="\n"):
            lines = block.text.split("\n")
            if lines[-1] == "":
                lines.pop()
            yield line, lines, block.bytes_read, block.is_damaged
            line += len(lines)


def _parse(text: str) -> Mapping[str, Any]:
    """Raises ValueError with the end of a sentence that starts with the line number."""
    try:
        found = _decode(text)
    except _Duplicate:
        raise ValueError("has the same key twice in an object") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("is not valid JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is JSON but not an object with keys")
    return found


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
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_dump(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _keys(path: Path, encoding: str) -> list[str]:
    keys: dict[str, None] = {}
    for _, lines, _, _ in _lines(path, encoding):
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
    whole = [key for key in keys if not is_damaged(key)]  # lines with other keys are rejected
    if not whole:
        raise ImportFileError("No line of this file is a JSON object with keys, so it has no columns.")
    return whole
