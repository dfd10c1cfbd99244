"""The full-text index of a table: finds any three letters in any cell, as printed, without reading the rows.

SQLite's FTS5 with trigrams, without positions (`detail=none`) and without the texts (`content=''`): the smallest
possible, about half the size of the table. It yields the rows that contain all trigrams of a search; whether they are
adjacent is checked on the rows. Text behind a NUL, which SQLite's text functions do not see, is never found.

Code that changes rows must update the index: `INSERT INTO s17(s17, rowid, g0 ...) VALUES ('delete', ...)` with the old
texts, then an INSERT of the new ones.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence

from webapp.rowstore.sqlite.connection import Read, existing, reader
from webapp.rowstore.sqlite.schema import ROW_ID, Field, StoredColumn, search_name, table_name
from webapp.rowstore.sqlite.statement import Sql, concatenated

SHORTEST = 3  # characters; shorter searches scan the rows
MOST_COLUMNS = 500  # of the index; wider tables share them
ENOUGH = 100  # rows with a trigram that suffice to estimate its share
LOOKING_INTO = 1_000  # checking one row takes as long as passing this many rows of a trigram

HOLD = 0.010  # seconds a chunk aims to hold the write lock, and to release it afterwards
FIRST_CHUNK = 200  # rows
PATIENCE = 120  # seconds to wait for the write lock: a sort index may hold it longer than people would wait
_MOST_CHUNK = 5_000


def is_available(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has FTS5 with trigrams (3.34 or later); without it every search scans the rows."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE temp.probe")
    return True


def match(read: Read, table_id: int, text: str, size: int) -> Sql | None:
    """The index query for rows that contain the text's trigrams. None: the text is too short.

    `size` is the highest row of the table. Trigrams that add nothing to the others are left out, because the rows found
    are checked anyway.
    """
    trigrams = list(dict.fromkeys(text[start : start + SHORTEST] for start in range(len(text) - SHORTEST + 1)))
    if not trigrams:
        return None
    telling = _telling(read, search_name(table_id), trigrams, size)
    return Sql(f"{search_name(table_id)} MATCH ?", (" AND ".join(map(_quoted, telling)),))


def _telling(read: Read, name: str, trigrams: list[str], size: int) -> list[str]:
    """The trigrams worth querying. All rows contain those of “@example.org”: walking six such lists took 30 ms per
    million rows, while checking the few rows left by the “407” before it takes 1 ms.

    A trigram is left out only if it is common at both ends of the table, because files are often sorted.
    """
    if len(trigrams) == 1:
        return trigrams
    shares = _shares(read, name, trigrams, size)
    rarest = min(trigrams, key=shares.__getitem__)
    worth = LOOKING_INTO * shares[rarest]
    common = [each for each in trigrams if each != rarest and shares[each] >= worth * (1 - shares[each])]
    if common and worth:
        at_end = _shares(read, name, common, size, from_end=True)
        common = [each for each in common if at_end[each] >= worth * (1 - at_end[each])]
    return [each for each in trigrams if each not in common]


def _shares(read: Read, name: str, trigrams: list[str], size: int, *, from_end: bool = False) -> dict[str, float]:
    """The share of rows that contain each, estimated from the first (or last) that do: 1 is every row, 0 is none."""
    order, reach = (f"ORDER BY {ROW_ID} DESC", f"{size} + 1 - min(id)") if from_end else ("", "max(id)")
    found = f"SELECT {ROW_ID} AS id FROM {name} WHERE {name} MATCH ? {order} LIMIT {ENOUGH}"
    share = f"(SELECT 1.0 * count(*) / iif(count(*) < {ENOUGH}, {size}, {reach}) FROM ({found}))"
    statement = Sql(f"SELECT {', '.join([share] * len(trigrams))}", tuple(map(_quoted, trigrams)))
    return dict(zip(trigrams, read(statement)[0], strict=True))


def _quoted(trigram: str) -> str:
    return f'''"{trigram.replace('"', '""')}"'''


def build_search_index(
    connection: sqlite3.Connection,
    table_id: int,
    columns: Sequence[StoredColumn],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bool:
    """Build the index of an imported table; return False if this SQLite cannot, or the table is gone.

    It is built under another name, in many short transactions with pauses in which others write. An interrupted build
    leaves an incomplete index of that name, which the next one drops. For a background job: `progress(rows done, of)`
    is called after each chunk and may raise to abort.
    """
    name, building = search_name(table_id), search_name(table_id, building=True)
    if not is_available(connection):
        return False
    if name in existing(reader(connection), [name]):
        return True
    texts = _texts(list(map(Field.of, columns)))
    names = ", ".join(f"g{index}" for index in range(len(texts)))
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")
    options = "content = '', columnsize = 0, detail = none, tokenize = 'trigram'"
    connection.execute(f"DROP TABLE IF EXISTS {building}")
    connection.execute(f"CREATE VIRTUAL TABLE {building} USING fts5({names}, {options})")
    insert = (
        f"INSERT INTO {building} ({ROW_ID}, {names}) SELECT {ROW_ID}, {', '.join(texts)} FROM {table_name(table_id)}"
    )
    try:
        _fill(connection, f"{insert} WHERE {ROW_ID} > ? AND {ROW_ID} <= ?", table_name(table_id), progress)
        connection.execute(f"ALTER TABLE {building} RENAME TO {name}")
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            connection.execute(f"DROP TABLE IF EXISTS {building}")  # the table may have been deleted before this
            return False
        raise
    return True


def _fill(connection: sqlite3.Connection, insert: str, table: str, progress: Callable[[int, int], None]) -> None:
    """Each chunk takes about `HOLD`, and so does each pause: SQLite's waiting writers poll only now and then, so the
    lock has to be free half of the time.
    """
    total = connection.execute(f"SELECT max({ROW_ID}) FROM {table}").fetchone()[0] or 0
    done, chunk = 0, FIRST_CHUNK
    while done < total:
        began = time.perf_counter()
        connection.execute(insert, (done, done + chunk))
        took = time.perf_counter() - began
        done += chunk
        progress(min(done, total), total)
        chunk = max(20, min(int(chunk * min(HOLD / took, 2)), _MOST_CHUNK))
        time.sleep(max(took, HOLD))


def _texts(fields: Sequence[Field]) -> list[str]:
    """SQL for each column of the index: one cell, or several in very wide tables, one per line."""
    width = min(len(fields), MOST_COLUMNS)
    return [concatenated(_lines([field.printed for field in fields[start::width]])) for start in range(width)]


def _lines(printed: Sequence[str]) -> list[str]:
    return [part for text in printed for part in ("char(10)", text)][1:]
