"""Writes the cells of a sheet as CSV to standard output, as people see them in the sheet."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_MAX_EXACT = 10**15  # above it a double cannot represent every whole number


def write_values(rows: Callable[[], Iterator[Sequence[Any]]]) -> None:
    """Reads the rows twice, because only all of them show which columns hold times as well as dates."""
    with_time = {index for row in rows() for index, cell in enumerate(row) if type(cell) is datetime}
    write_texts([_text(cell, index in with_time) for index, cell in enumerate(row)] for row in rows())


def write_texts(rows: Iterable[Sequence[str]]) -> None:
    output = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False)  # noqa: SIM115  it is not ours
    writer = csv.writer(output)  # with \r\n: before Python 3.13 a \r in a cell is quoted only where it ends lines, too
    for cells in rows:
        writer.writerow(cells if any(cells) else [])
    output.flush()


def _text(cell: Any, with_time: bool) -> str:
    """As people see it in the sheet: whole numbers without a fraction, dates in ISO format.

    Numbers have the 15 digits that Excel shows; a double's further digits are rounding noise.
    """
    kind = type(cell)
    if kind is str:
        return str(cell)
    if kind is float:
        return _number(cell)
    if kind is bool:
        return "TRUE" if cell else "FALSE"
    if kind is datetime:
        return str(cell.isoformat(" "))
    if kind is date:
        return f"{cell.isoformat()} 00:00:00" if with_time else str(cell.isoformat())
    return _duration(cell) if kind is timedelta else cell.isoformat() if kind is time else str(cell)


def _number(number: float) -> str:
    if number.is_integer() and abs(number) < _MAX_EXACT:
        return str(int(number))
    text = format(number, ".15g")
    return format(Decimal(text), "f") if "e" in text and 1e-9 < abs(number) < 1e21 else text


def _duration(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
