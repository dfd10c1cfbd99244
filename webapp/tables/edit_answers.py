"""What editing answers, as JSON for the grid's script and in words. Texts of cells are data: the script shows them as
text, never as markup.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from quart import Response
from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models.tables.change_set import Entry, cells_from_json
from webapp.models.tables.editing import Conflict, EditResult, Refusal
from webapp.models.tables.latest_changes import LatestChange, Place, latest_changes
from webapp.models.tables.undo import UndoBegun, UndoResult
from webapp.rowstore.page_budget import MAX_CELL
from webapp.rowstore.table_ref import Field
from webapp.tables.edit_requests import is_json
from webapp.web.formatting import format_relative, plural
from webapp.web.fragments import redirect_to
from webapp.web.paths import url_for
from webapp.web.templating import to_json

MAX_UNDO_URL = 2_000  # characters: the cookie of a message has room for these
ELLIPSIS = "…"  # as the row store ends a cell that was cut
MAX_EXPLAINED = 1_000  # conflicts whose author is looked up
SOMEBODY = "somebody whose account is gone"

Authors = Mapping[Place, LatestChange]


def answer_json(value: object, status: int = 200) -> Response:
    return Response(to_json(value), status, content_type="application/json")


async def find_authors(table_id: int, places: Collection[Place]) -> Authors:
    """Who changed these cells last, as far as the change log tells."""
    some = list(places)[:MAX_EXPLAINED]
    return await db().read(lambda connection: latest_changes(connection, table_id, some)) if some else {}


def present_result(table_id: int, result: EditResult, authors: Authors) -> dict[str, Any]:
    """`saved` has what each cell holds now: `[row, column, exact text]`, and behind it how the grid shows it, if that
    differs.
    """
    return {
        "seq": result.seq,
        "saved": [_saved(row, result.fields[column], text) for (row, column), text in result.texts.items()],
        "refused": [_refused(table_id, refusal) for refusal in result.refusals],
        "conflicts": [_conflict(conflict, result.fields, authors) for conflict in result.conflicts],
        "added": list(result.added),
        "message": describe_result(result),
    }


def _saved(row: int, field: Field, text: str) -> list[Any]:
    shown = shown_text(field, text)
    return [row, field.number, text] if shown == text else [row, field.number, text, shown]


def shown_text(field: Field, text: str) -> str:
    """As the grid shows it: empty cells are empty there, whatever the file has for them, and long ones are cut."""
    if text and text == field.empty_text:
        return ""
    return text if len(text) <= MAX_CELL else text[:MAX_CELL] + ELLIPSIS


def _refused(table_id: int, refusal: Refusal) -> dict[str, Any]:
    edit = refusal.edit
    refused: dict[str, Any] = {"row": edit.row_id, "column": edit.column, "reason": refusal.reason}
    if refusal.is_misfit:  # then it can be kept as a text, or the column turned into one of texts
        refused |= {"text": edit.text, "as_text": True, "type_url": type_url(table_id, edit.column)}
    return refused


def _conflict(conflict: Conflict, fields: Mapping[int, Field], authors: Authors) -> dict[str, Any]:
    edit = conflict.edit
    change = authors.get((edit.row_id, edit.column))
    current = conflict.current
    return {
        "row": edit.row_id,
        "column": edit.column,
        "text": edit.text,
        "current": current,
        "shown": None if current is None else shown_text(fields[edit.column], current),
        "by": change.name if change else None,
        "at": change.at.isoformat() if change else None,
        "message": describe_conflict(current, change),
    }


def describe_conflict(current: str | None, change: LatestChange | None) -> str:
    who = "Somebody" if change is None else change.name or SOMEBODY.capitalize()
    when = "" if change is None else f" {format_relative(change.at).striptags()}"
    return f"{who} deleted this row{when}." if current is None else f"{who} changed this{when}."


def describe_result(result: EditResult) -> str:
    """One sentence: “1,204 cells changed, 3 did not fit”."""
    refused, conflicts, changed = len(result.refusals), len(result.conflicts), len(result.texts)
    parts = [f"{plural(changed, 'cell')} saved" if changed or not (refused or conflicts) else ""]
    parts += [f"{plural(len(result.added), 'row')} added" if result.added else ""]
    parts += [f"{plural(refused, 'text')} did not fit" if refused else ""]
    parts += [f"{plural(conflicts, 'cell')} had been changed by others" if conflicts else ""]
    return ", ".join(filter(None, parts))


def type_url(table_id: int, number: int) -> str:
    """The page that turns a column into another type."""
    return url_for("tables.columns_show", table_id=table_id, number=number) + "/type"


def present_repeat(seq: int | None, entries: Sequence[Entry], fields: Mapping[int, Field]) -> dict[str, Any]:
    """The answer to a request that was carried out before, from what the change log has of it."""
    saved = list[list[Any]]()
    for entry in entries:
        if entry.is_cell and entry.place[1] in fields:
            saved.append(_saved(entry.place[0], fields[entry.place[1]], entry.after or ""))
        elif entry.is_row and entry.after is not None:
            cells = cells_from_json(entry.after).items()
            saved += [_saved(entry.place[0], fields[number], text) for number, text in cells if number in fields]
    added = [entry.row_id for entry in entries if entry.is_row and entry.before is None]
    answer = {"seq": seq, "saved": saved, "refused": [], "conflicts": [], "added": added, "ids": added}
    return answer | {"message": "This was saved already.", "is_repeat": True}


async def describe_undo(table_id: int, result: UndoResult, done: str) -> str:
    """`done` is a word such as “undone”. Names who changed what could not be taken back: “37 of 40 restored; 3 were
    changed since by Ana”.
    """
    if not result.left:
        return f"{plural(result.total, 'change')} {done}."
    authors = await find_authors(table_id, [entry.place for entry in result.left])
    names = dict.fromkeys(change.name or SOMEBODY for change in authors.values())
    by = f" by {_listed(list(names))}" if names else ""
    were = "1 was" if len(result.left) == 1 else f"{len(result.left):,} were"
    return f"{result.done:,} of {result.total:,} restored; {were} changed since{by}."


def undo_url(table_id: int, seq: int | None, back: str | None = None) -> str | None:
    """What takes the change set back and leads to the page `back`, or else to the table; None: nothing was changed."""
    if seq is None:
        return None
    table = url_for("tables.show", table_id=table_id)
    url = url_for("tables.reverts_create", table_id=table_id, seq=seq, back=back or table)
    if len(url) > MAX_UNDO_URL:
        return url_for("tables.reverts_create", table_id=table_id, seq=seq, back=table)
    return url


def answer_begun(table_id: int, begun: UndoBegun) -> ResponseReturnValue:
    """It is too large to be done at once. The grid's script shows the message, and leads to the page if it has one."""
    url = url_for("tables.large_changes_show", table_id=table_id, change_id=begun.change_id)
    if is_json():
        message = "This change is large. It is being taken back in the background."
        return answer_json(
            {"seq": None, "of": begun.of, "done": 0, "total": 0, "left": [], "message": message, "url": url}
        )
    return redirect_to(url)


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
