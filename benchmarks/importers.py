"""Other ways to turn a CSV file into a table, as somebody who knows the tool would use it: each in a process of its own."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

_LOOP = "import sys; from benchmarks import plain; plain.import_csv(sys.argv[1], sys.argv[2])"
_DUCKDB = """
import sys, duckdb
duckdb.connect(sys.argv[2]).execute("CREATE TABLE plain AS SELECT * FROM read_csv(?)", [sys.argv[1]])
"""
_PANDAS = """
import sqlite3, sys, pandas
connection = sqlite3.connect(sys.argv[2])
pandas.read_csv(sys.argv[1], keep_default_na=False).to_sql("plain", connection, index=False)
connection.commit()
"""
LOOP = "csv.reader and executemany"


def commands(source: Path, target: Path) -> dict[str, list[str]]:
    """Each command creates the database `target`, which does not exist. What is not installed is left out."""
    python, paths = [sys.executable, "-c"], [str(source), str(target)]
    found = {LOOP: [*python, _LOOP, *paths]}
    if shell := shutil.which("sqlite3"):
        statements = [
            ".output /dev/null",
            "PRAGMA journal_mode=WAL",
            ".output",
            "PRAGMA synchronous=NORMAL",
            f".import --csv '{source}' plain",
        ]
        found["sqlite3 .import"] = [shell, str(target), *statements]
    if find_spec("sqlite_utils"):
        insert = ["insert", str(target), "plain", str(source), "--csv"]  # it detects types
        found["sqlite-utils insert"] = [sys.executable, "-m", "sqlite_utils", *insert]
    if find_spec("pandas"):
        found["pandas, into SQLite"] = [*python, _PANDAS, *paths]
    if find_spec("duckdb"):
        found["DuckDB, into its own file"] = [*python, _DUCKDB, *paths]
    return found
