"""The full-text index of a table: it finds any three letters in any cell, as printed, without reading the rows.

SQLite's FTS5 with trigrams, without positions (`detail=none`) and without the texts (`content=''`): the smallest there
is, about half the size of the table. It says which rows hold all trigrams of a search; that they hold them in a row
is checked on the rows themselves. What NUL hides from SQLite's text functions is not found, with the index or without.

Whoever changes rows must change the index with them: `INSERT INTO s17(s17, rowid, g0 ...) VALUES ('delete', ...)` with
the texts that were there, then an INSERT of the new ones.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence

from webapp.engine.sqlite import Read, existing, reader
from webapp.engine.statement import Sql, concatenated
from webapp.engine.storage import ROW_ID, Field, StoredColumn, search_name, table_name

SHORTEST = 3  # characters; shorter searches read the rows
MOST_COLUMNS = 500  # of the index; wider tables share them
ENOUGH = 100  # rows with a trigram that say how common it is
LOOKING_INTO = 1_000  # to look into a row takes as long as to pass so many rows of a trigram

HOLD = 0.010  # seconds a chunk aims to hold the write lock, and to leave it to others after
FIRST_CHUNK = 200  # rows
PATIENCE = 120  # seconds to wait for the write lock: the index of a sort may hold it longer than a person would wait
_MOST_CHUNK = 5_000


def is_available(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with FTS5 and knows trigrams (3.34); without it every search reads the rows."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE temp.probe")
    return True


def match(read: Read, table_id: int, text: str, size: int) -> Sql | None:
    """What the index is asked for: rows that hold the trigrams of the text. None: it is too short.

    `size` is the highest row of the table. Trigrams that tell nothing beside the others are left out: what the index
    finds is looked into anyway.
    """
    trigrams = list(dict.fromkeys(text[start : start + SHORTEST] for start in range(len(text) - SHORTEST + 1)))
    if not trigrams:
        return None
    telling = _telling(read, search_name(table_id), trigrams, size)
    return Sql(f"{search_name(table_id)} MATCH ?", (" AND ".join(map(_quoted, telling)),))


def _telling(read: Read, name: str, trigrams: list[str], size: int) -> list[str]:
    """Those worth asking for. All rows hold those of “@example.org”: to walk along six such lists took 30 ms a million
    rows, to look into the few rows that the “407” before it leaves takes one.

    A trigram has to be common at both ends of the table to be left out: files are often sorted.
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
    """How many of all rows hold each of these, judged by the first (or last) that do: 1 is every row, 0 is none."""
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
    """Build the index of a table whose import is done; False when this SQLite cannot, or the table is gone.

    It is built under another name, in many short transactions with pauses in which others write. An interrupted build
    leaves a half index of that name, which the next one throws away. For a background job: `progress(rows done, of)`
    is called after each chunk and may raise to give up.
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
            connection.execute(f"DROP TABLE IF EXISTS {building}")  # whoever deleted the table came before it was made
            return False
        raise
    return True


def _fill(connection: sqlite3.Connection, insert: str, table: str, progress: Callable[[int, int], None]) -> None:
    """Chunk by chunk, each about as long as `HOLD`. The pauses are as long: SQLite's waiting writers only look now
    and then whether the lock is free, so it has to be free half of the time."""
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
    """SQL for what each column of the index holds: a cell, or in very wide tables some, a line each."""
    width = min(len(fields), MOST_COLUMNS)
    return [concatenated(_lines([field.printed for field in fields[start::width]])) for start in range(width)]


def _lines(printed: Sequence[str]) -> list[str]:
    return [part for text in printed for part in ("char(10)", text)][1:]
