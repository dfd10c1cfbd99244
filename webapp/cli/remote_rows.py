"""Rows of a table on another server, streamed: in the view that is asked for, or as a file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from webapp.cli.remote import RemoteServer
from webapp.db.errors import UserError

NDJSON, CSV = "application/x-ndjson", "text/csv"
EXPORTS = {
    "csv": CSV,
    "json": "application/json",
    "ndjson": NDJSON,
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

Format = Literal["csv", "ndjson", "json"]
Columns = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RowsAsked:
    """What `rowcast query` wants of a table. Columns are named by title, or by number."""

    filters: Sequence[str] = ()  # such as "Moons=ge:10"
    search: str = ""
    sort: Sequence[str] = ()  # such as "-Moons"
    fields: Sequence[str] = ()
    by_number: bool = False
    values: str = "typed"


def query_rows(server: RemoteServer, table_id: int, asked: RowsAsked, format_: Format) -> Iterator[bytes]:
    """All rows, in blocks. Raises `Refused`, `Unreachable`, and UserError for a column that is not there."""
    parameters = [("fields", name) for name in asked.fields]
    parameters += [("q", asked.search)] if asked.search else []
    parameters += [("names", "number")] if asked.by_number else []
    if asked.filters or asked.sort:
        parameters += _in_numbers(server.table(table_id)["columns"], asked)
    mimetype = CSV if format_ == "csv" else NDJSON
    parameters += [] if mimetype == CSV else [("values", asked.values)]
    with server.stream(f"/tables/{table_id}/rows", parameters, mimetype) as answer:
        yield from as_array(answer.iter_bytes()) if format_ == "json" else answer.iter_bytes()


def export_file(server: RemoteServer, table_id: int, format_: str) -> Iterator[bytes]:
    """The whole table, as its page exports it. Raises `Refused`, `Unreachable`."""
    with server.stream(f"/tables/{table_id}/export", [("format", format_)], EXPORTS[format_]) as answer:
        yield from answer.iter_bytes()


def as_array(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """NDJSON as one JSON array, with a row on each line."""
    start = b"["
    for line in lines(blocks):
        yield start + b"\n" + line
        start = b","
    yield b"[]\n" if start == b"[" else b"\n]\n"


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Those that end with a line feed: other line ends may be in texts."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole


def _in_numbers(columns: Columns, asked: RowsAsked) -> list[tuple[str, str]]:
    """Filters and order as the address of a grid has them."""
    names = {str(one["number"] if asked.by_number else one["title"]): int(one["number"]) for one in columns}
    found = [_filter(names, text) for text in asked.filters]
    if asked.sort:
        found.append(("sort", ",".join(_sorted_by(names, name) for name in asked.sort)))
    return found


def _filter(names: dict[str, int], text: str) -> tuple[str, str]:
    """The longest title that `text` begins with: a title may have = in it."""
    title = max((name for name in names if text.startswith(f"{name}=")), key=len, default=None)
    if title is None:
        raise _no_column(text.partition("=")[0])
    return f"f.{names[title]}", text[len(title) + 1 :]


def _sorted_by(names: dict[str, int], text: str) -> str:
    if text in names:
        return str(names[text])
    if text.startswith("-") and text[1:] in names:
        return f"-{names[text[1:]]}"
    raise _no_column(text)


def _no_column(name: str) -> UserError:
    return UserError(f"This table has no column “{name}”.")
