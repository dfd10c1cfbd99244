"""The history in words: who did what, by what way, how much of it, and what a cell was and became."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from markupsafe import Markup, escape
from quart import url_for

from webapp.models.tables.change_set import Entry, Kind, SetState, Via, cells_from_json
from webapp.models.tables.history_query import SetInfo
from webapp.models.tables.undo import NOT_UNDOABLE
from webapp.tables.column_words import column_words
from webapp.web.formatting import capitalise, plural

MAX_NAMED = 3  # columns that a sentence names
MAX_SHOWN = 2_000  # characters of a text in a diff
MAX_WORDS = 100  # of a text whose changed words are marked one by one
MAX_CELLS = 30  # of a row that was added or deleted
SOMEBODY, ANYBODY = "somebody whose account is gone", "somebody"
DELETED_COLUMN = "a deleted column"
KINDS: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "cells": ("Cells", (Kind.CELLS,)),
    "rows": ("Rows added, deleted or restored", (Kind.ADD_ROWS, Kind.DELETE_ROWS, Kind.RESTORE)),
    "columns": ("Columns", (Kind.COLUMNS,)),
    "title": ("Title", (Kind.TITLE,)),
    "undo": ("Undo and redo", (Kind.UNDO, Kind.REDO, Kind.REVERT)),
    "import": ("Import", (Kind.IMPORT, Kind.IMPORT_UPDATE)),
}
WAYS = {
    Via.GRID: "in the grid",
    Via.PAGE: "on a page",
    Via.IMPORT: "from a file",
    Via.API: "through the API",
    Via.FORM: "via a form that is gone",
}
_LARGE_STATES = {
    SetState.WHOLE: "",
    SetState.GROWING: "being applied",
    SetState.CANCELLED: "cancelled",
    SetState.FAILED: "failed and taken back",
}
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_DEL, _INS, _NOTHING = Markup("<del>{}</del>"), Markup("<ins>{}</ins>"), Markup("")
_FEWER = Markup('<span class="muted">… and {} more</span>')
EMPTY = Markup('<span class="muted">empty</span>')
HIDDEN = Markup('<span class="muted">for those who may edit</span>')

Titles = Mapping[int, str]  # of the columns that somebody may see, by number


@dataclass(frozen=True, slots=True)
class Line:
    """A change set in a list. `state` says whether it is in force, in words; `revert_url` is None if it cannot be
    undone or redone, or not by this person.
    """

    seq: int
    at: datetime
    who: str
    what: str
    way: str
    url: str
    state: str
    state_url: str | None
    revert_url: str | None
    revert_text: str
    revert_icon: str
    is_import: bool
    entries: Sequence["DiffLine"] = ()
    purged: str = ""  # what of it was deleted for good, in words

    @property
    def sentence(self) -> str:
        return f"{self.who} {self.what}"


@dataclass(frozen=True, slots=True)
class DiffLine:
    """What one entry changed: `row` and `row_url` are None where it is about no row, `column` the column's title."""

    row: int | None
    row_url: str | None
    column: str
    what: str
    before: Markup
    after: Markup


def present_set(
    table_id: int, one: SetInfo, titles: Titles, *, may_edit: bool, may_rename: bool, entries: Sequence[DiffLine] = ()
) -> Line:
    is_possible = may_edit and one.undone_by is None and one.kind not in NOT_UNDOABLE and _has_something(one)
    if _is_title(one) and not may_rename:
        is_possible = False
    return Line(
        one.seq,
        one.at,
        capitalise(_who(one)),
        describe_set(one, titles),
        f"via form {one.form}" if one.form else WAYS.get(Via(one.via), ""),
        url_for("tables.histories_show", table_id=table_id, seq=one.seq),
        *_state(table_id, one),
        url_for("tables.reverts_create", table_id=table_id, seq=one.seq) if is_possible else None,
        *(("Redo this", "redo") if is_undo(one) else ("Undo this", "undo")),
        one.kind == Kind.IMPORT,
        entries,
        _purged(one),
    )


def _who(one: SetInfo) -> str:
    return one.name or (ANYBODY if one.via == Via.FORM else SOMEBODY)


def _purged(one: SetInfo) -> str:
    if one.is_purging:
        return "What it deleted is being deleted for good."
    if not one.purged:
        return ""
    return f"{plural(one.purged, 'entry is', 'entries are')} gone: what they were about was deleted for good."


def _has_something(one: SetInfo) -> bool:
    """Not a large change that is being applied, or of which nothing has remained; nor one that is being purged."""
    if one.is_purging:
        return False
    return one.state == SetState.WHOLE or (one.state != SetState.GROWING and one.rows > 0)


def is_undo(one: SetInfo) -> bool:
    """Whether what it took back is not in force because of it: undoing an undo is redoing."""
    return one.kind == Kind.UNDO or (one.kind == Kind.REVERT and _trace(one)[1] % 2 == 1)


def _is_title(one: SetInfo) -> bool:
    return _trace(one)[0].kind == Kind.TITLE


def _trace(one: SetInfo) -> tuple[SetInfo, int]:
    """What it is about in the end, and by how many steps back and forth."""
    origin, steps = one, 0
    while origin.taken_back is not None:
        origin, steps = origin.taken_back, steps + 1
    return origin, steps


def _state(table_id: int, one: SetInfo) -> tuple[str, str | None]:
    if one.undone_by is None:
        return _LARGE_STATES[SetState(one.state)], None
    return "redone" if is_undo(one) else "undone", url_for(
        "tables.histories_show", table_id=table_id, seq=one.undone_by
    )


def describe_set(one: SetInfo, titles: Titles) -> str:
    """Such as \u201cchanged 3 cells in City and People\u201d; the person's name goes before it."""
    if one.kind in _STEPS:
        return _describe_step(one, titles)
    if one.kind == Kind.IMPORT:
        return f"imported {plural(one.rows, 'row')} from {one.note}"
    if one.kind == Kind.IMPORT_UPDATE:
        return f"updated {plural(one.rows, 'row')} from {one.note or 'a file'}"
    if one.kind == Kind.TITLE:
        return "renamed the table"
    if one.kind == Kind.COLUMNS:
        return f"{_COLUMN_VERBS.get(one.note, 'changed')} the column {_named(one.columns, titles)}"
    verb = "pasted" if one.note == "pasted" else None
    if one.kind == Kind.CELLS:
        return f"{verb or 'changed'} {plural(one.cells, 'cell')} in {_named(one.columns, titles)}"
    if one.kind == Kind.ADD_ROWS:
        return f"{verb or 'added'} {plural(one.rows, 'row')}"
    if one.kind == Kind.RESTORE:
        rows, columns = plural(one.rows, "row") if one.rows else "", _named(one.columns, titles)
        return f"restored {' and '.join(filter(None, [rows, columns and f'the column {columns}']))}"
    return f"deleted {plural(one.rows, 'row')}"


_STEPS = {Kind.UNDO, Kind.REDO, Kind.REVERT}
_COLUMN_VERBS = {
    "added": "added",
    "deleted": "deleted",
    "renamed": "renamed",
    "moved": "moved",
    "rules": "changed the rules of",
    "type": "changed the type of",
}


def _describe_step(one: SetInfo, titles: Titles) -> str:
    origin, steps = _trace(one)
    if origin.kind in _STEPS:  # what it took back is not kept
        verb = "redid" if one.kind == Kind.REDO else "undid"
        return f"{verb} change {one.undo_of}{', which is not kept' if origin is one else ''}"
    whose = "" if origin.actor_id == one.actor_id else f" by {_who(origin)}"
    return f"{'undid' if steps % 2 else 'redid'} \u201c{describe_set(origin, titles)}\u201d{whose}"


def _named(numbers: Sequence[int], titles: Titles) -> str:
    named = list(dict.fromkeys(titles.get(number, DELETED_COLUMN) for number in numbers))
    if len(named) > MAX_NAMED:
        return f"{', '.join(named[: MAX_NAMED - 1])} and {len(named) - MAX_NAMED + 1} other columns"
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))


def present_entries(
    table_id: int, entries: Sequence[Entry], titles: Titles, rows: Collection[int] | None = None
) -> list[DiffLine]:
    """`rows` are those whose texts may be read, None: of all rows. What is in a column without a title here may not."""
    return [_present_entry(table_id, entry, titles, rows) for entry in entries]


def _present_entry(table_id: int, entry: Entry, titles: Titles, rows: Collection[int] | None) -> DiffLine:
    row = entry.row_id
    url = None if row is None else url_for("tables.rows_history", table_id=table_id, row_id=row)
    is_hidden = row is not None and rows is not None and row not in rows
    if entry.is_title:
        return DiffLine(None, None, "", "Title", *mark_changes(entry.before or "", entry.after or ""))
    if entry.is_row:
        what = "Row added" if entry.before is None else "Row deleted"
        before, after = (
            _NOTHING if cells is None else HIDDEN if is_hidden else _row_text(cells, titles)
            for cells in (entry.before, entry.after)
        )
        return DiffLine(row, url, "", what, before, after)
    title = titles.get(entry.column or 0)
    if title is None:
        return DiffLine(row, url, DELETED_COLUMN, "Column" if row is None else "Cell", HIDDEN, HIDDEN)
    if entry.is_column:
        return DiffLine(
            None, None, title, "Column", _column_text(entry.before, titles), _column_text(entry.after, titles)
        )
    before, after = (HIDDEN, HIDDEN) if is_hidden else mark_changes(entry.before or "", entry.after or "")
    return DiffLine(row, url, title, "Cell", before, after)


def mark_changes(before: str, after: str) -> tuple[Markup, Markup]:
    """Both texts, with the words that went in `<del>` and those that came in `<ins>`."""
    old, new = _WORD.findall(_shown(before)), _WORD.findall(_shown(after))
    if max(len(old), len(new)) > MAX_WORDS or not old or not new:
        return _wrapped(_DEL, _shown(before)), _wrapped(_INS, _shown(after))
    left = right = _NOTHING
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        was, now = "".join(old[a:b]), "".join(new[c:d])
        left += escape(was) if tag == "equal" else _wrapped(_DEL, was, empty=_NOTHING)
        right += escape(now) if tag == "equal" else _wrapped(_INS, now, empty=_NOTHING)
    return left, right


def _wrapped(element: Markup, text: str, empty: Markup = EMPTY) -> Markup:
    return element.format(text) if text else empty


def _shown(text: str) -> str:
    """Cut, and with a symbol for the character that no page can show."""
    return (text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\u2026").replace("\0", "\u2400")


def _row_text(cells: str, titles: Titles) -> Markup:
    """The filled cells of a row, as far as they may be read."""
    filled = [(titles[number], text) for number, text in cells_from_json(cells).items() if text and number in titles]
    return _pairs(filled)


def _column_text(properties: str | None, titles: Titles) -> Markup:
    return _NOTHING if properties is None else _pairs(column_words(properties, titles))


def _pairs(pairs: Sequence[tuple[str, str]]) -> Markup:
    shown = [Markup("<b>{}</b> {}").format(_shown(name), _shown(text)) for name, text in pairs[:MAX_CELLS]]
    if len(pairs) > MAX_CELLS:
        shown.append(_FEWER.format(len(pairs) - MAX_CELLS))
    return Markup(", ").join(shown) if shown else EMPTY
