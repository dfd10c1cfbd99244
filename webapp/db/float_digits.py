"""Floats as texts that both databases write alike."""

import math
from decimal import Decimal

# Where a decimal number of 16 digits can lie exactly between two floats.
_BETWEEN = 1e16, 1e24


def all_digits(number: float) -> str:
    """The fewest digits that are read as the same float, chosen as PostgreSQL does: Python also takes those that lie
    exactly between it and the next one.
    """
    text = repr(number)
    if _BETWEEN[0] <= abs(number) < _BETWEEN[1] and _is_between(int(Decimal(text)), number):
        text = f"{number:.16e}"
    return text.removesuffix(".0")


def _is_between(short: int, number: float) -> bool:
    neighbours = (math.nextafter(number, side) for side in (math.inf, -math.inf))
    return any(2 * short == int(number) + int(neighbour) for neighbour in neighbours)
