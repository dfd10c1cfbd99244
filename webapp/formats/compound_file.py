"""The container of .xls: a file of sectors, in which streams lie in chains (compound file). Source: [MS-CFB] 2."""

import struct
from collections.abc import Iterator
from itertools import chain, islice

_FREE = 0xFFFFFFFA  # sector numbers from here on are marks


class UnknownStructureError(ValueError):
    """The file is written in another way than is known here. Its reader may still read it."""


def workbook_stream(data: bytes) -> bytes:
    """The stream of the workbook. Raises UnknownStructureError, struct.error, IndexError or KeyError."""
    shift, mini_shift = struct.unpack_from("<HH", data, 30)
    if shift not in (9, 12) or mini_shift != 6:
        raise UnknownStructureError("sectors of another size")
    size = 1 << shift
    directory, _, cutoff, mini_start, _, difat, _ = struct.unpack_from("<7I", data, 48)

    def sector(number: int) -> bytes:
        return data[(number + 1) * size : (number + 2) * size]

    tables = [number for number in struct.unpack_from("<109I", data, 76) if number < _FREE]
    sectors, seen = len(data) // size, 0
    while difat < _FREE and seen <= sectors and len(tables) <= sectors:
        numbers = struct.unpack(f"<{size // 4}I", sector(difat))
        tables += [number for number in numbers[:-1] if number < _FREE]
        difat, seen = numbers[-1], seen + 1
    numbers_of = (struct.unpack(f"<{size // 4}I", sector(start)) for start in tables)
    table = [*islice(chain.from_iterable(numbers_of), sectors)]  # of those that exist: a list of them may go in circles

    def follow(number: int, following: list[int]) -> Iterator[int]:
        for _ in range(len(following) + 1):
            if number >= _FREE:
                return
            yield number
            number = following[number]
        raise UnknownStructureError("a chain of sectors that does not end")

    def read(start: int) -> bytes:
        return b"".join(map(sector, follow(start, table)))

    entries = read(directory)
    names: dict[str, tuple[int, int]] = {}
    for at in range(0, len(entries) - 127, 128):
        length = struct.unpack_from("<H", entries, at + 64)[0]
        name = entries[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").lower()
        names.setdefault(name, struct.unpack_from("<II", entries, at + 116))
    start, length = names.get("workbook") or names["book"]
    if length >= cutoff:
        return read(start)[:length]
    (root, _), small = names["root entry"], read(mini_start)
    mini_table = list(struct.unpack(f"<{len(small) // 4}I", small))
    mini = read(root)
    return b"".join(mini[number * 64 : number * 64 + 64] for number in follow(start, mini_table))[:length]
