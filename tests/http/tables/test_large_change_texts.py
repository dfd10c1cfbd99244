"""What is said of changes of many rows: on the page of a large one in each state, and in the message after others."""

import pytest

from webapp.models import LargeChange, LargeState
from webapp.models.tables.bulk_changing import BulkResult
from webapp.models.tables.change_set import Kind
from webapp.planners.bulk.report import BulkReport
from webapp.tables.bulk_forms import ACTIONS
from webapp.tables.bulk_presenter import describe_result
from webapp.tables.large_change_presenter import present_change

CELLS = {"entries": 6_500, "cells": 6_500, "rows": 6_500}
ROWS = {"entries": 1_502, "cells": 0, "rows": 1_502}
BOTH = {"entries": 3, "cells": 1, "rows": 3}


def say(kind: Kind, state: LargeState, seq: int | None = 7, left: int = 0, **counts: int) -> str:
    counts = {"entries": 0, "cells": 0, "rows": 0, "parts": 1, "parts_done": 0} | counts
    return present_change(LargeChange(id=1, kind=kind, state=state, seq=seq, left=left, note="", **counts)).sentence


@pytest.mark.parametrize(
    ("kind", "counts", "planned", "done"),
    [
        (Kind.CELLS, CELLS, "6,500 cells in 6,500 rows will be changed.", "Changed 6,500 cells in 6,500 rows."),
        (Kind.DELETE_ROWS, ROWS, "1,502 rows will be deleted.", "Deleted 1,502 rows."),
        (Kind.ADD_ROWS, ROWS, "1,502 rows will be added.", "Added 1,502 rows."),
        (Kind.RESTORE, ROWS, "1,502 rows will be restored.", "Restored 1,502 rows."),
        (Kind.IMPORT_UPDATE, BOTH, "1 cell in 1 row and 2 whole rows", "Changed 1 cell in 1 row and 2 whole rows."),
    ],
)
def test_it_says_what_is_done_to_how_many_cells_and_rows(
    kind: Kind, counts: dict[str, int], planned: str, done: str
) -> None:
    assert say(kind, LargeState.READY, None, **counts).startswith(planned)
    assert say(kind, LargeState.DONE, **counts) == done


def test_it_says_whether_anything_was_changed() -> None:
    assert say(Kind.CELLS, LargeState.DONE, None) == "There was nothing to change."
    assert say(Kind.UNDO, LargeState.DONE) == "Changed columns."
    assert say(Kind.CELLS, LargeState.DONE, left=12, **CELLS).endswith("rows, except for 12 places listed below.")
    assert say(Kind.CELLS, LargeState.CANCELLED, None, **CELLS) == "It was cancelled before anything was changed."
    assert "was taken back" in say(Kind.CELLS, LargeState.CANCELLED, **CELLS)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (1, "1 cell was not changed, because somebody else had changed it at the same moment."),
        (2, "2 cells were not changed, because somebody else had changed them at the same moment."),
    ],
)
def test_the_message_says_what_was_not_changed_and_why(left: int, words: str) -> None:
    said = describe_result(ACTIONS["set"], BulkReport(), BulkResult(seq=7, rows=3, cells=3, left=left))
    assert said == f"3 cells changed. {words}"
