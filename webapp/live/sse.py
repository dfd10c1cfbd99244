"""The wire format of a live stream: server-sent events as htmx reads them."""

import re
from functools import lru_cache

_LINES = re.compile(r"\r\n|\r|\n")  # not splitlines(), which also splits at U+2028 and others

PING = b"event: ping\ndata: x\n\n"
# Tells the page that the stream is complete; without it the client would reconnect forever.
DONE = b"event: done\ndata: x\n\n"


@lru_cache(maxsize=32)
def message(html: str) -> bytes:
    """An unnamed message: htmx places its parts. Many streams send the same one."""
    return ("".join(f"data: {line}\n" for line in _LINES.split(html)) + "\n").encode()
