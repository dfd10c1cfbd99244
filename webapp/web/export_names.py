"""The name of an exported file says what is in it: `Flights where carrier is AA, by distance, 3 of 19 columns.csv`."""

import re

from webapp.rowstore.query import TableQuery, describe_query

MAX_BYTES = 180  # with the extension; systems allow 255, and add to it: " (1)", ".crdownload"
MAX_TITLE = 100
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*“”]+')  # on any common system
_SPACES = re.compile(r"\s+")


def name_export(title: str, query: TableQuery, extension: str) -> str:
    """Safe on every common system, and never too long: what does not fit is cut in the description."""
    text = _shorten(_clean(title), MAX_TITLE) or "Table"
    columns = len(query.visible)
    chosen = f", {columns} of {len(query.fields)} columns" if columns != len(query.fields) else ""
    described = _clean(f"{text}{describe_query(query)}")
    room = MAX_BYTES - len(f"{chosen}.{extension}".encode())
    return f"{_shorten(described, room).rstrip(' .,')}{chosen}.{extension}"


def _clean(text: str) -> str:
    return _SPACES.sub(" ", _FORBIDDEN.sub(" ", text)).replace(" ,", ",").strip(" .")


def _shorten(text: str, size: int) -> str:
    """At most `size` bytes, never half a character."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore").rstrip() + "…"
