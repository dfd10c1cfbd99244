"""A large change in words: what it does, and how far it is."""

from dataclasses import dataclass
from typing import NamedTuple

from webapp.models import LargeChange, LargeState
from webapp.models.tables.change_set import Kind
from webapp.web.formatting import capitalise, plural

_WHAT = {
    Kind.CELLS: "Changing cells",
    Kind.ADD_ROWS: "Adding rows",
    Kind.DELETE_ROWS: "Deleting rows",
    Kind.COLUMNS: "Adding columns",
    Kind.RESTORE: "Restoring what was deleted",
    Kind.IMPORT_UPDATE: "Updating from a file",
    Kind.UNDO: "Undoing a change",
    Kind.REDO: "Redoing a change",
    Kind.REVERT: "Taking back a change",
}


class _Verbs(NamedTuple):
    """What is done to cells and rows."""

    gerund: str = "Changing"
    participle: str = "changed"


_VERBS = {
    Kind.ADD_ROWS: _Verbs("Adding", "added"),
    Kind.DELETE_ROWS: _Verbs("Deleting", "deleted"),
    Kind.RESTORE: _Verbs("Restoring", "restored"),
}


@dataclass(frozen=True, slots=True)
class PresentedChange:
    """`share` is how much is done, from 0 to 1; None while nobody knows. `sentence` says what is happening, or what
    became of it.
    """

    id: int
    state: str
    title: str
    sentence: str
    share: float | None
    is_running: bool
    may_cancel: bool
    may_start: bool = False


def present_change(change: LargeChange, *, may_cancel: bool = True) -> PresentedChange:
    state = LargeState(change.state)
    is_running = state in (LargeState.PLANNING, LargeState.APPLYING, LargeState.REVERTING)
    return PresentedChange(
        change.id,
        state,
        describe_kind(change),
        _sentence(change, state),
        change.share if state in (LargeState.APPLYING, LargeState.REVERTING) else None,
        is_running,
        may_cancel and state in (LargeState.PLANNING, LargeState.READY, LargeState.APPLYING),
        may_cancel and state == LargeState.READY and change.entries > 0,
    )


def describe_kind(change: LargeChange) -> str:
    return change.note or _WHAT.get(Kind(change.kind), "A large change")


def _sentence(change: LargeChange, state: LargeState) -> str:
    verbs = _VERBS.get(Kind(change.kind), _Verbs())
    match state:
        case LargeState.PLANNING:
            return "Working out what will change. Nothing is changed yet."
        case LargeState.READY if not change.entries:
            return "Nothing would change."
        case LargeState.READY:
            return f"{_extent(change)} will be {verbs.participle}. Nothing is changed yet."
        case LargeState.APPLYING:
            return f"{verbs.gerund} {_extent(change)}. Others can go on working in the table meanwhile."
        case LargeState.REVERTING:
            return "What has been changed is being taken back."
        case LargeState.CANCELLED if change.seq is None:
            return "It was cancelled before anything was changed."
        case LargeState.CANCELLED:
            return "It was cancelled. What it had changed was taken back, but for what somebody had changed since."
        case LargeState.FAILED:
            return change.failure or "It failed."
        case LargeState.DONE if change.seq is None:
            return "There was nothing to change."
        case LargeState.DONE:
            left = f", except for {plural(change.left, 'place')} listed below" if change.left else ""
            return f"{capitalise(verbs.participle)} {_extent(change)}{left}."


def _extent(change: LargeChange) -> str:
    """What is planned: cells that change in rows that stay, and rows that come or go as a whole."""
    whole = change.entries - change.cells
    cells = f"{plural(change.cells, 'cell')} in {plural(change.rows - whole, 'row')}" if change.cells else ""
    rows = plural(whole, "whole row" if cells else "row") if whole else ""
    return " and ".join(filter(None, [cells, rows])) or "columns"
