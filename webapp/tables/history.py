"""The history of a table: all changes, what one of them changed, what has become of a row or a cell, and taking a
change back. Whoever may see the table may read it; texts of deleted rows and columns only who could bring them back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import tzinfo
from itertools import islice
from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db
from webapp.models import is_allowed
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess, find_access
from webapp.models.tables.change_set import Entry, Via
from webapp.models.tables.editing import with_deleted_columns
from webapp.models.tables.history_query import (
    HistoryFilter,
    HistoryPage,
    SetInfo,
    find_set,
    list_entries,
    list_people,
    list_sets,
)
from webapp.models.tables.row_history import list_row_history
from webapp.models.tables.undo import UndoBegun, UndoResult, revert
from webapp.tables import bp
from webapp.tables.edit_answers import answer_begun, answer_json, describe_undo
from webapp.tables.edit_requests import is_json
from webapp.tables.history_presenter import KINDS, DiffLine, Line, Titles, is_undo, present_entries, present_set
from webapp.web.access import Action, may
from webapp.web.days import begin_of, end_of, parse_day
from webapp.web.flashes import flash
from webapp.web.formatting import find_time_zone
from webapp.web.fragments import redirect_to, render, render_large
from webapp.web.row_reads import read_rows
from webapp.web.safe_urls import safe_next
from webapp.web.session import current_user

MAX_LEFT = 100  # changes that could not be taken back and are listed


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The filter of the page, as its URL has it: the id of a person, the number of a column, a key of `KINDS`, days."""

    person: str = ""
    column: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> "HistoryQuery":
        """Invalid parameters are ignored."""
        values = {field.name: args.get(field.name, "").strip() for field in fields(cls)}
        is_valid = {name: parse_day(values[name]) is not None for name in ("since", "until")}
        is_valid |= {name: _number(values[name]) is not None for name in ("person", "column")}
        is_valid["kind"] = values["kind"] in KINDS
        return cls(**{name: value for name, value in values.items() if is_valid[name]})

    def args(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}

    def wanted(self, zone: tzinfo) -> HistoryFilter:
        since, until = parse_day(self.since), parse_day(self.until)
        return HistoryFilter(
            _number(self.person),
            _number(self.column),
            KINDS[self.kind][1] if self.kind else (),
            begin_of(since, zone) if since else None,
            end_of(until, zone) if until else None,
        )


@bp.get("/<id:table_id>/history")
async def histories_index(table_id: int) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id)
    query, before = HistoryQuery.from_args(request.args), request.args.get("before", type=int)
    wanted = query.wanted(find_time_zone(current_user().time_zone))
    page = await db().read(lambda connection: list_sets(connection, table_id, wanted, before))
    people = await db().read(lambda connection: list_people(connection, table_id))
    more = {**query.args(), "before": page.before}
    return await render(
        "tables/history/index.html",
        table=access.table,
        query=query,
        people=people,
        kinds=[(value, title) for value, (title, _) in KINDS.items()],
        lines=await _present(access, page),
        more_url=url_for("tables.histories_index", table_id=table_id, **more) if page.before else None,
        mine_url=url_for("tables.histories_index", table_id=table_id, person=current_user().id),
        pruned_to=None if page.before else access.table.log_pruned_to,
        may_edit=_may(access, Action.EDIT_TABLE),
    )


@bp.get("/<id:table_id>/history/<id:seq>")
async def histories_show(table_id: int, seq: int) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id)
    after = request.args.get("after", default=-1, type=int)
    one = await db().read(lambda connection: find_set(connection, table_id, seq))
    page = await db().read(lambda connection: list_entries(connection, table_id, seq, after))
    (line,) = await _present(access, HistoryPage([one], None, {}))
    more = (
        None if page.after is None else url_for("tables.histories_show", table_id=table_id, seq=seq, after=page.after)
    )
    return await render_large(
        "tables/history/show.html",
        table=access.table,
        line=line,
        entries=await present_diff(access, page.entries),
        more_url=None if page.after is None else more,
        takes_back_url=_url_of(table_id, one.taken_back),
    )


@bp.get("/<id:table_id>/rows/<id:row_id>/history")
async def rows_history(table_id: int, row_id: int) -> ResponseReturnValue:
    """Of the row, or with `column` of one of its cells: who changed this."""
    access = await find_access(db(), current_user(), table_id)
    column, before = _number(request.args.get("column", "")), request.args.get("before", type=int)
    is_there = row_id in await _existing(access, [row_id])
    if not (is_there or _may(access, Action.EDIT_TABLE)):
        raise NotFound("row")
    titles = await readable_titles(access)
    if column is not None and column not in titles:
        raise NotFound("column")
    page = await db().read(lambda connection: list_row_history(connection, table_id, row_id, column, before))
    more: dict[str, Any] = {"column": column, "before": page.before}
    return await render_large(
        "tables/history/row.html",
        "tables/history/_row_panel.html",
        table=access.table,
        row_id=row_id,
        column=titles[column] if column is not None else None,
        lines=await _present(access, page),
        is_there=is_there,
        is_stopped=page.stopped,
        more_url=url_for("tables.rows_history", table_id=table_id, row_id=row_id, **more) if page.before else None,
        row_url=url_for("tables.rows_show" if is_there else "tables.rows_history", table_id=table_id, row_id=row_id),
        pruned_to=None if page.before else access.table.log_pruned_to,
    )


@bp.post("/<id:table_id>/history/<id:seq>/revert")
@may(Action.EDIT_TABLE)
async def reverts_create(table_id: int, seq: int) -> ResponseReturnValue:
    """Take one change back, whoever made it; the answer lists what somebody has changed since. If that is nothing,
    it is the page `back` of the address, where the change was made.
    """
    via = Via.GRID if is_json() else Via.PAGE
    result = await db().write(revert, current_user(), table_id, seq, via)
    if isinstance(result, UndoBegun):
        return answer_begun(table_id, result)
    word = await _word_of(table_id, result)
    message = await describe_undo(table_id, result, word)
    if is_json():
        numbers = {"seq": result.seq, "of": result.of, "done": result.done, "total": result.total}
        return answer_json(numbers | {"left": [entry.place for entry in result.left], "message": message})
    if not result.left and "back" in request.args:
        flash(message)
        return redirect_to(safe_next(request.args["back"], url_for("tables.show", table_id=table_id)))
    access = await find_access(db(), current_user(), table_id)
    left = [entry.reversed for entry in result.left[:MAX_LEFT]]
    return await render_large(
        "tables/history/reverted.html",
        table=access.table,
        message=message,
        word=word.capitalize(),
        entries=await present_diff(access, left),
        unlisted=len(result.left) - len(left),
        set_url=url_for("tables.histories_show", table_id=table_id, seq=result.seq),
    )


async def _word_of(table_id: int, result: UndoResult) -> str:
    """Undoing an undo is redoing."""
    original = await db().read(lambda connection: find_set(connection, table_id, result.of))
    return "redone" if is_undo(original) else "undone"


async def _present(access: TableAccess, page: HistoryPage) -> list[Line]:
    """The lines, in the history of a row with what changed in it."""
    titles, may_edit = await readable_titles(access), _may(access, Action.EDIT_TABLE) and access.table.state == "ready"
    may_rename = _may(access, Action.CHANGE_TABLE)
    diff = iter(await present_diff(access, [entry for one in page.sets for entry in page.entries.get(one.seq, ())]))
    return [
        present_set(
            access.table.id,
            one,
            titles,
            may_edit=may_edit,
            may_rename=may_rename,
            entries=list(islice(diff, len(page.entries.get(one.seq, ())))),
        )
        for one in page.sets
    ]


async def present_diff(access: TableAccess, entries: Sequence[Entry]) -> list[DiffLine]:
    """In a thread: comparing many long texts word by word takes a while."""
    if not entries:
        return []
    titles, rows = await readable_titles(access), None
    if not _may(access, Action.EDIT_TABLE):
        rows = await _existing(access, [entry.row_id for entry in entries if entry.row_id is not None])
    return await asyncio.to_thread(present_entries, access.table.id, entries, titles, rows)


async def readable_titles(access: TableAccess) -> Titles:
    """Of the columns whose texts this person may read."""
    table = access.table
    if not _may(access, Action.EDIT_TABLE):
        return {field.number: field.title for field in table.ref.fields}
    ref = await db().read(lambda connection: with_deleted_columns(connection, table))
    return {field.number: field.title for field in ref.stored}


async def _existing(access: TableAccess, ids: Sequence[int]) -> set[int]:
    ref, wanted = access.table.ref, list(dict.fromkeys(ids))
    return set(await read_rows(lambda rows: rows.cells(ref, wanted, ()), config().query_timeout))


def _may(access: TableAccess, action: Action) -> bool:
    return is_allowed(current_user(), action, access)


def _url_of(table_id: int, one: SetInfo | None) -> str | None:
    return url_for("tables.histories_show", table_id=table_id, seq=one.seq) if one else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
