"""What stands above a table: lines of comments, of any number."""

import re
from collections.abc import Sequence

_COMMENT = re.compile(r'\s*"?(#|//|%|--(?=\s)|\*(?=\s)|!(?=\s))')
_BLOCK_START, _BLOCK_END = "/*", "*/"
FIELDS = "#Fields:"  # the titles of a log in the extended format of the W3C


def comment_mark(line: str) -> str:
    """What a line of comment begins with; empty if it is none."""
    match = _COMMENT.match(line)
    return match[1] if match else ""


def count_comments(lines: Sequence[str]) -> int:
    """How many lines at the beginning are comments or blank and do not look like the last one before the table.

    The last line of comment may hold the titles, so it is not counted. If all lines look like comments, none is one.
    """
    last = -1
    is_block = False
    for index, line in enumerate(lines):
        text = line.strip()
        if is_block or text.startswith(_BLOCK_START):
            is_block = _BLOCK_END not in text
            last = index + (not is_block)
        elif comment_mark(text):
            last = index
        elif text:
            return max(last, 0)
    return 0
