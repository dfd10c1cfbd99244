"""The wire format of a live stream: server-sent events as htmx reads them."""

import re
from functools import lru_cache

_LINES = re.compile(r"\r\n|\r|\n")  # not splitlines(): it splits at U+2028 and others too

PING = b"event: ping\ndata: x\n\n"
# The page has seen all there will be; without it the client would come back for ever.
DONE = b"event: done\ndata: x\n\n"


@lru_cache(maxsize=32)
def message(html: str) -> bytes:
    """An unnamed message: htmx puts the parts it holds where they belong. Many streams send the same."""
    return ("".join(f"data: {line}\n" for line in _LINES.split(html)) + "\n").encode()
