"""Copies of a PostgreSQL database, statement by statement: see `copying.py`.

Foreign keys are not switched off: that needs a superuser. Tables come in their order.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, NullPool, column, create_engine, event, func, inspect, select, table

from webapp.db.postgresql import ENGINE, on_error, open_driver

# A transaction of hours waits for the other side of the copy now and then.
_PATIENT = "SET SESSION idle_in_transaction_session_timeout = 0; SET SESSION lock_timeout = 0"
_SEQUENCES = (
    "SELECT owner.relname, sequence.oid::regclass::text, pg_sequence_last_value(sequence.oid) FROM pg_class AS sequence"
    " JOIN pg_depend AS dependency ON dependency.classid = 'pg_class'::regclass AND dependency.objid = sequence.oid"
    " AND dependency.refclassid = 'pg_class'::regclass AND dependency.deptype IN ('a', 'i')"
    " JOIN pg_class AS owner ON owner.oid = dependency.refobjid"
    " WHERE sequence.relkind = 'S' AND owner.relnamespace = current_schema()::regnamespace ORDER BY owner.relname"
)


def is_there(url: str) -> bool:
    return True


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """REPEATABLE READ, READ ONLY: nobody waits for it."""
    with _connected(url, read_only=True) as connection, connection.begin():
        yield connection


@contextmanager
def filling(url: str) -> Iterator[Connection]:
    with _connected(url, read_only=False) as connection:
        yield connection


def clear(connection: Connection) -> None:
    for name in inspect(connection).get_table_names():
        connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')


def ensure_whole(connection: Connection) -> None:
    """The database has seen to that with every row."""


def last_ids(connection: Connection) -> dict[str, int]:
    return {name: last for name, _, last in connection.exec_driver_sql(_SEQUENCES) if last is not None}


def set_last_ids(connection: Connection, ids: Mapping[str, int]) -> None:
    """Also of tables that the source numbers by their rows alone."""
    for name, sequence, _ in connection.exec_driver_sql(_SEQUENCES).fetchall():
        highest = connection.scalar(select(func.max(column("id"))).select_from(table(name)))
        last = max(highest or 0, ids.get(name, 0))
        connection.exec_driver_sql("SELECT setval(%s::regclass, %s, %s)", (sequence, max(last, 1), last > 0))


@contextmanager
def _connected(url: str, *, read_only: bool) -> Iterator[Connection]:
    def opened() -> object:
        driver = open_driver(url, read_only=read_only)
        driver.execute(_PATIENT)
        driver.commit()
        return driver

    engine = create_engine("postgresql+psycopg://", creator=opened, poolclass=NullPool, **ENGINE)
    event.listen(engine, "handle_error", on_error)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
