"""The properties of a column as the change log has them: JSON objects with those that a change set or changed.

A column that was added or deleted has all of `title`, `type`, `format`, `rules` and `behind`, the number of the column
before it, 0 for none. Another change has only the properties it changed; of a change of type these are `type`,
`format`, `storage` and `keeps_texts`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webapp.db.errors import UserError
from webapp.formats.titles import MAX_TITLE, visible
from webapp.models.tables.change_set import Entry
from webapp.models.tables.table import Column
from webapp.rowstore.table_ref import Field

Properties = Mapping[str, Any]

OF_TYPE = ("type", "format", "storage", "keeps_texts")


class TitleRefused(UserError):
    """A column cannot have this title."""


def properties_of(column: Column, behind: int) -> dict[str, Any]:
    return {
        "title": column.title,
        "type": column.type,
        "format": dict(column.format),
        "rules": dict(column.rules),
        "behind": behind,
    }


def type_properties(column: Column) -> dict[str, Any]:
    return {
        "type": column.type,
        "format": dict(column.format),
        "storage": Field.of(column).storage,
        "keeps_texts": column.keeps_texts,
    }


def column_entry(number: int, before: Properties | None, after: Properties | None) -> Entry:
    return Entry(None, number, _to_json(before), _to_json(after))


def describe_entries(entries: Sequence[Entry]) -> str:
    """The note of their set: what became of a column, in one word; none if several things did."""
    what = {_kind_of(properties_from(entry.before), properties_from(entry.after)) for entry in entries}
    return what.pop() if len(what) == 1 else ""


def _kind_of(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if before is None or after is None:
        return "added" if before is None else "deleted"
    changed = {name for name in before if before[name] != after.get(name)}
    if changed & {"type", "format"}:
        return "type"
    return _KINDS.get(changed.pop(), "") if len(changed) == 1 else ""


_KINDS = {"title": "renamed", "behind": "moved", "rules": "rules"}


def properties_from(text: str | None) -> dict[str, Any] | None:
    """One side of an entry; None: the column was not there."""
    return None if text is None else dict(json.loads(text))


def behind(number: int, order: Sequence[int]) -> int:
    """The column before this one."""
    place = order.index(number)
    return order[place - 1] if place else 0


def read_title(text: str, others: Iterable[str]) -> str:
    """A title as somebody has typed it. Titles differ regardless of case: files have them as keys. Raises
    `TitleRefused`.
    """
    title = visible(text)
    if not title:
        raise TitleRefused("Give the column a title.")
    if len(title) > MAX_TITLE:
        raise TitleRefused(f"A title can have {MAX_TITLE} characters. This one has {len(title):,}.")
    if title.casefold() in {other.casefold() for other in others}:
        raise TitleRefused(f"Another column has the title “{title}”. Choose a different one.")
    return title


def free_title(title: str, others: Iterable[str]) -> str:
    """The title, with a number behind it if another column has taken it."""
    taken, number, candidate = {other.casefold() for other in others}, 1, title
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{title} {number}"
    return candidate


def _to_json(properties: Properties | None) -> str | None:
    return None if properties is None else json.dumps(properties, ensure_ascii=False, sort_keys=True)
