"""Whether a text is JSON, in SQL that any server understands: before version 16 PostgreSQL only knows how to fail.

What is no object and no array is one match. Of others the strings become `""` and other values `0`; then the innermost
objects and arrays become `0` in turn, until nothing changes. A text of which a single value is left is JSON. As on
SQLite it is not, if it is nested deeper than a thousand levels.
"""

from webapp.rowstore.sql.statement import quoted

MAX_DEPTH = 1_000
_SPACE = r"[ \t\n\r]*"
_STRING = r'"(?:[^"\\\u0001-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_OTHER = r"true|false|null|-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][-+]?[0-9]+)?"
_VALUE = f'{_SPACE}(?:""|0){_SPACE}'
_MEMBER = f'{_SPACE}""{_SPACE}:{_VALUE}'


def _listed(part: str) -> str:
    return f"(?:{_SPACE}|{part}(?:,{part})*)"


_INNERMOST = rf"\[{_listed(_VALUE)}\]|\{{{_listed(_MEMBER)}\}}"


def is_json(text: str) -> str:
    """`text` is SQL, which is evaluated once."""
    is_nested = f"given ~ {quoted(f'^{_SPACE}[[{{]')}"
    is_plain = f"given ~ {quoted(f'^{_SPACE}(?:{_STRING}|{_OTHER}){_SPACE}$')}"
    tokens = _replaced(_replaced("given", _STRING, '""'), _OTHER, "0")
    next_step = f"SELECT {_replaced('rest', _INNERMOST, '0')}, depth + 1 FROM steps"
    has_more = f"depth < {MAX_DEPTH} AND rest ~ {quoted(_INNERMOST)}"
    steps = f"SELECT {tokens}, 0 UNION ALL {next_step} WHERE {has_more}"
    left = f"SELECT rest ~ {quoted(f'^{_SPACE}0{_SPACE}$')} FROM steps ORDER BY depth DESC LIMIT 1"
    nested = f"(WITH RECURSIVE steps(rest, depth) AS ({steps}) {left})"
    # OFFSET: else the expression would take the place of each `given`.
    found = f"CASE WHEN {is_nested} THEN {nested} ELSE {is_plain} END"
    return f"(SELECT {found} FROM (SELECT {text} AS given OFFSET 0) AS cell)"


def _replaced(text: str, pattern: str, by: str) -> str:
    return f"regexp_replace({text}, {quoted(pattern)}, {quoted(by)}, 'g')"
