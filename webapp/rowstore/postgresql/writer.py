"""Writing rows to PostgreSQL: plain functions on the connection of a unit of work."""

from typing import Any

from psycopg import Connection

from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.sql.writer import SqlRowWriter


class PostgresqlRowWriter(SqlRowWriter):
    def __init__(self, driver: "Connection[Any]") -> None:
        super().__init__(PostgresqlConnection(driver))
