"""Rows that are loaded before anybody has decided: nobody sees them, and they become a table's rows at once, or go."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.rowstore.backends import Backend, column
from webapp.rowstore import open_loader, open_reader
from webapp.rowstore.errors import RowsGone
from webapp.rowstore.loader import ImportWithdrawn
from webapp.rowstore.table_ref import TableRef

IMPORT = f"{7:032x}"
DRAFT = f"{IMPORT}_{1:024x}"
FIELDS = (column(1, "number", "integer"), column(3, "seen", "date", {"layout": "DD.MM.YYYY"}))
POSITIONS = (0, 2)
ROWS = [(str(number), "left out", f"{number % 28 + 1:02}.01.2024") for number in range(5_000)]


@pytest.fixture
def backend(new_backend: Callable[[], Any]) -> Backend:
    """With an import whose preview waits for a decision."""
    backend: Backend = new_backend()
    backend.begin_import(1, IMPORT)
    set_state(backend, "ready")
    return backend


def set_state(backend: Backend, state: str) -> None:
    backend.execute("UPDATE imports SET state = ?", state)


def load(backend: Backend, rows: Sequence[Sequence[str]], draft: str = DRAFT) -> int:
    """Return how many rows there were before."""
    with open_loader(backend.address) as loader:
        appender = loader.draft_appender(TableRef(0, FIELDS), POSITIONS, draft)
        before = appender.done
        list(appender.append(rows))
        appender.finish()
    return before


def drafts(backend: Backend) -> list[str]:
    with open_reader(backend.address) as rows:
        return rows.drafts()


def create(backend: Backend, draft: str = DRAFT) -> int:
    with backend.writing() as rows:
        return rows.create(TableRef(1, FIELDS), draft)


def stored(backend: Backend) -> dict[int, tuple[str, ...]]:
    with open_reader(backend.address) as rows:
        return rows.cells(TableRef(1, FIELDS), range(1, len(ROWS) + 1), FIELDS)


def test_the_rows_of_a_draft_become_those_of_the_table(backend: Backend) -> None:
    assert load(backend, ROWS[:3_000]) == 0
    assert load(backend, ROWS[3_000:]) == 3_000  # continued by another process
    assert create(backend) == len(ROWS)
    assert stored(backend) == {row_id: (row[0], row[2]) for row_id, row in enumerate(ROWS, 1)}
    assert drafts(backend) == []


def test_a_table_does_not_begin_with_a_draft_that_was_made_with_something_else(backend: Backend) -> None:
    load(backend, ROWS)
    assert create(backend, f"{IMPORT}_{2:024x}") == 0
    assert stored(backend) == {}
    assert drafts(backend) == [DRAFT]


@pytest.mark.parametrize("state", ["loading", "cancelled", "failed", "done"])
def test_a_draft_of_an_import_that_somebody_has_decided_about_gets_no_rows(backend: Backend, state: str) -> None:
    with open_loader(backend.address) as loader:
        appender = loader.draft_appender(TableRef(0, FIELDS), POSITIONS, DRAFT)
        for done in appender.append(ROWS[:10]):
            assert done == 10
        set_state(backend, state)
        with pytest.raises(ImportWithdrawn):
            list(appender.append(ROWS[10:]))
    with pytest.raises(ImportWithdrawn):
        load(backend, ROWS, f"{IMPORT}_{2:024x}")
    assert drafts(backend) == [DRAFT]


def test_a_discarded_draft_is_removed_in_steps(backend: Backend) -> None:
    load(backend, ROWS)
    with backend.writing() as rows:
        rows.discard_draft(DRAFT)
    assert drafts(backend) == []
    steps = list[bool]()
    while not steps or steps[-1]:
        with backend.writing() as rows:
            steps.append(rows.clear_discarded(2_000))
    assert steps == [True, True, False]
    with open_reader(backend.address) as reader:
        assert not reader.has_discarded()


def test_nobody_takes_what_is_left_of_a_draft_or_adds_to_it(backend: Backend) -> None:
    with open_loader(backend.address) as loader:
        appender = loader.draft_appender(TableRef(0, FIELDS), POSITIONS, DRAFT)
        list(appender.append(ROWS[:3_000]))
        with backend.writing() as rows:
            rows.discard_draft(DRAFT)
            assert rows.clear_discarded(1_000)  # and then the server is killed
        with pytest.raises(RowsGone):
            list(appender.append(ROWS[3_000:]))
    assert load(backend, ROWS) == 0  # from the beginning
    assert create(backend) == len(ROWS)
    assert len(stored(backend)) == len(ROWS)
    with open_reader(backend.address) as reader:
        assert reader.has_discarded()


@pytest.mark.parametrize("name", ["", IMPORT, f"{IMPORT}_x", f"{IMPORT}_{1:024x}; DROP TABLE users"])
def test_only_names_of_drafts_reach_the_database(backend: Backend, name: str) -> None:
    with backend.writing() as rows, pytest.raises(ValueError, match="names no draft"):
        rows.discard_draft(name)
