"""Statements of every request and every edit stay prepared: planning them takes longer than running them."""

from typing import Any

from webapp.db.statements import IS_OFTEN


def execute_prepared(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """SQLAlchemy's event `do_execute`: whether the statement was executed here. Of the others none is prepared: what is
    best for them depends on their arguments.
    """
    if not context.execution_options.get(IS_OFTEN):
        return False
    connection = cursor.connection
    connection.prepare_threshold = 0  # executions before it is prepared
    try:
        cursor.execute(statement, parameters)
    finally:
        connection.prepare_threshold = None
    return True
