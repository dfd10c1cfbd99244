"""Whether a text is JSON, on servers that only know how to fail when it is not: those before PostgreSQL 16.

They get a function of our own. It is made wherever it is looked whether a database is suitable, so that one that was
copied from a newer server has it, too.
"""

from typing import Any

from psycopg import Connection

KNOWN_SINCE = 160_000  # the `server_version_num` of the first PostgreSQL with IS JSON
NAME = "is_json_text"
_EXISTS = f"SELECT to_regprocedure('{NAME}(text)') IS NOT NULL"
_CREATE = f"""
    CREATE FUNCTION {NAME}(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    BEGIN
        RETURN CAST($1 AS json) IS NOT NULL;
    EXCEPTION WHEN invalid_text_representation OR statement_too_complex THEN
        RETURN FALSE;  -- no JSON, or nested deeper than the stack
    END $$
"""


def is_needed(version: int) -> bool:
    """By a server of this version, given as `server_version_num`."""
    return version < KNOWN_SINCE


def ensure_function(driver: "Connection[Any]") -> None:
    row = driver.execute(_EXISTS.encode()).fetchone()
    if row is None or not row[0]:
        driver.execute(_CREATE.encode())
