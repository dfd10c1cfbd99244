"""The marks of values in statements: question marks become what PostgreSQL calls parameters."""

import re
from functools import lru_cache
from itertools import count

_PARTS = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|\?([0-9]*)""")


@lru_cache(512)
def with_parameters(text: str) -> str:
    """`?` becomes `$1`, `$2` and so on, and `?2` becomes `$2`; those in literals and names stay."""
    numbers = count(1)

    def replaced(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        return f"${match[1] or next(numbers)}"

    return _PARTS.sub(replaced, text)
