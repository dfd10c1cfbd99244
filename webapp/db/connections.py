"""The connection that a writer's thread works with, beside the session of the unit of work."""

from sqlalchemy import Connection


def begun(connection: Connection) -> Connection:
    """The connection, in a transaction for ever as far as SQLAlchemy knows; the true ones are begun and ended by the
    driver.

    A session that a function makes for it joins that. Else it would begin one itself and, when it is closed, roll back
    the driver's, with all that the unit of work had read and written before.
    """
    connection.begin()
    return connection
