"""The baselines on PostgreSQL: the plainest code that loads a CSV file with COPY."""

import csv
from itertools import islice
from pathlib import Path

import psycopg

# The types of the generated file's columns.
GENERATED = ("text",) * 6 + ("double precision", "bigint", "text", "text")
BATCH = 5_000  # rows in a transaction


def import_rows(source: str | Path, url: str) -> int:
    """`csv.reader` into `COPY ... FROM STDIN`, a transaction for each batch; return the number of rows."""
    with psycopg.connect(url) as connection, open(source, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        _create(connection)
        names = ", ".join(f"c{number}" for number in range(1, len(GENERATED) + 1))
        rows = 0
        while batch := list(islice(reader, BATCH)):
            with connection.cursor() as cursor, cursor.copy(f"COPY plain ({names}) FROM STDIN") as copy:
                for row in batch:
                    copy.write_row(row)
            connection.commit()
            rows += len(batch)
    return rows


def import_file(source: str | Path, url: str) -> int:
    """The file as it is, which the server parses, in one transaction."""
    with psycopg.connect(url) as connection, open(source, "rb") as file:
        _create(connection)
        names = ", ".join(f"c{number}" for number in range(1, len(GENERATED) + 1))
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY plain ({names}) FROM STDIN (FORMAT csv, HEADER)") as copy,
        ):
            while block := file.read(1 << 18):
                copy.write(block)
        return cursor.rowcount


def _create(connection: psycopg.Connection) -> None:
    columns = ", ".join(f"c{number} {type}" for number, type in enumerate(GENERATED, 1))
    connection.execute("DROP TABLE IF EXISTS plain")
    connection.execute(f"CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns})")
    connection.commit()
