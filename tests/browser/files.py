"""Files that people bring, made on the fly."""

from pathlib import Path

CITIES = ("Oslo", "Köln", "Wien", "Graz", "Bern", "Rome")


def parts(path: Path, rows: int) -> Path:
    """A list of parts: integers with a word for missing values, text that looks like numbers, decimals, dates."""
    lines = ["No,Code,Stock,Price,City,Since\n"]
    lines += [
        f"{number},{number:06},{'NA' if number % 50 == 7 else number % 900},{number % 977}.{number % 10}5,"
        f"{CITIES[number % 6]},20{10 + number % 15}-{1 + number % 12:02}-{1 + number % 28:02}\n"
        for number in range(1, rows + 1)
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path
