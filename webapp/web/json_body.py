"""Bodies of JSON that may be large: they are read in a thread, and never take more memory than they are worth."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from quart import current_app
from werkzeug.exceptions import BadRequest

MAX_PARTS = 1_000_000  # a hundred thousand edits have seven each. Each takes up to a hundred bytes in memory
LARGE = 256 * 1024  # bytes that are read in a thread
_PART = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{,]', re.DOTALL)  # a text, or what begins or separates values
_QUOTE = ord('"')


async def load_json(data: bytes, **options: Any) -> Any:
    """Strictly, as `webapp.api.json` does it, with its options. Raises BadRequest."""
    loads: Callable[[bytes], Any] = partial(current_app.json.loads, **options)
    if len(data) < LARGE:
        return loads(data)
    await asyncio.to_thread(_ensure_few_parts, data)
    return await asyncio.to_thread(loads, data)


def _ensure_few_parts(data: bytes) -> None:
    """What is in texts does not count, but is told apart only where it might be too much."""
    if sum(map(data.count, (b",", b"[", b"{"))) <= MAX_PARTS:
        return
    parts = (match for match in _PART.finditer(data) if data[match.start()] != _QUOTE)
    if next(islice(parts, MAX_PARTS, None), None) is not None:
        raise BadRequest("The body has more values than any change of a table needs.")
