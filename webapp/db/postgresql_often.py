"""Statements of every request and every edit stay prepared: planning them takes longer than running them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from webapp.db.statements import IS_OFTEN


def execute_prepared(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """SQLAlchemy's event `do_execute`: whether the statement was executed here. Of the others none is prepared: what is
    best for them depends on their arguments.
    """
    if not context.execution_options.get(IS_OFTEN):
        return False
    with prepared(cursor.connection):
        cursor.execute(statement, parameters)
    return True


@contextmanager
def prepared(connection: Any) -> Iterator[None]:
    """Statements that are executed in the block stay prepared."""
    connection.prepare_threshold = 0  # executions before they are
    try:
        yield
    finally:
        connection.prepare_threshold = None
