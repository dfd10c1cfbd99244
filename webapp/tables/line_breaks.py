"""Line breaks in what a browser sends: a text field makes one kind of them of all, which would change cells that nobody
touched. What was not edited gets its own back.
"""

import re

_BREAK = re.compile(r"(\r\n|\r|\n)")


def with_one_kind(text: str) -> str:
    """As a text field of a browser holds it."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def restore_breaks(text: str, seen: str) -> str:
    """`text`, edited from `seen`, with the line breaks of `seen` before and behind what was edited, and its first one
    in between; a text without any gets line feeds.
    """
    lines = with_one_kind(text).split("\n")
    parts = _BREAK.split(seen)
    old, breaks = parts[::2], parts[1::2]
    if not breaks:
        return "\n".join(lines)
    count = len(lines) - 1
    room = min(count, len(breaks))
    before = _equal(lines, old, room)
    behind = min(_equal(lines[::-1], old[::-1], room), room - before)
    made = [*breaks[:before], *[breaks[0]] * (count - before - behind), *breaks[len(breaks) - behind :]]
    return "".join(line + end for line, end in zip(lines, [*made, ""], strict=True))


def _equal(lines: list[str], old: list[str], most: int) -> int:
    """How many of the first lines are the same."""
    return next((count for count in range(most) if lines[count] != old[count]), most)
