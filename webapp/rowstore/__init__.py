"""Where the rows of tables live: the only code that speaks SQL to them."""

from typing import TYPE_CHECKING

from webapp.rowstore.sqlite.writer import SqliteRowWriter

if TYPE_CHECKING:  # not loaded in child processes: SQLAlchemy takes 300 ms
    from webapp.db.unit_of_work import UnitOfWork

__all__ = ["within"]


def within(work: "UnitOfWork") -> SqliteRowWriter:
    """The writer of rows in this unit of work."""
    return SqliteRowWriter(work)
