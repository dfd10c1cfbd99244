"""Only the row store and `webapp/db` speak the database's own language; import-linter guards their imports."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN_SQL = re.compile(
    r"""\b(?:rowid|PRAGMA|sqlite_master|sqlite3)\b  # SQLite's own words
    |\b[tcsi]\{[\w.]*(?:id|number)\b                # names of tables, columns and indexes, as in t{table_id}
    |\b[tcsi][0-9]+_?\b(?=["' ])                     # or spelt out, as in t17 and c3
    """,
    re.VERBOSE,
)
INSIDE = ("webapp/rowstore/sqlite/", "webapp/db/")
OTHERS = [
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "webapp").rglob("*.py"))
    if not path.relative_to(ROOT).as_posix().startswith(INSIDE)
]


def code_of(path: str) -> str:
    """Without docstrings and comments, which may name what they explain."""
    text = re.sub(r'""".*?"""', "", (ROOT / path).read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"(?m)(^|\s)#.*$", "", text)


@pytest.mark.parametrize("path", OTHERS)
def test_no_other_module_speaks_sql_to_rows(path: str) -> None:
    assert OWN_SQL.findall(code_of(path)) == []


@pytest.mark.parametrize(
    "line",
    ["SELECT rowid FROM x", 'f"DROP TABLE t{table_id}"', 'f"c{number}"', '"SELECT * FROM t17 "', "import sqlite3"],
)
def test_sql_for_rows_would_be_found(line: str) -> None:
    assert OWN_SQL.search(line)
