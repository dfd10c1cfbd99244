"""A table's initial title: its file name in readable form."""

import re
from pathlib import PurePath

MAX_TITLE = 120


def table_title(filename: str) -> str:
    stem = PurePath(filename.replace("\\", "/")).stem
    words = re.sub(r"[\s_]+", " ", stem).strip()
    return words[:MAX_TITLE] or "Untitled"
