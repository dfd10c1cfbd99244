"""Fixtures of the engine's tests, none of which needs an app."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import settings

from tests.rowstore.stored import Cells, Column, Table, stored

Store = Callable[..., Table]

# How long an example takes says nothing on a busy machine.
settings.register_profile("engine", deadline=None)
settings.load_profile("engine")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Makes tables of columns and rows of texts, each in a file of its own."""
    with ExitStack() as stack:

        def make(columns: list[Column], rows: Iterable[Cells]) -> Table:
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
            table = stored(path, columns, rows)
            stack.enter_context(closing(table.connection))
            return table

        yield make
