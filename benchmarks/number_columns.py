"""`python -m benchmarks.number_columns [FOLDER ...]`: which columns of numbers of real files end as text, and why.

Reads the CSV files of the public data packages of the group `bench` (pydataset, statsmodels, vega_datasets), or of the
given folders. A column counts if Python reads all its filled cells as numbers, after removing what numbers are written
with: currency, percent, groups, parentheses. A column of identifiers (leading zeros, more than 64 bits, a title such as
`zip`) is right to be text and is counted by itself.
"""

import argparse
import csv
import re
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from webapp.formats import open_source
from webapp.formats.errors import ImportFileError
from webapp.formats.sniff import sniff
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ColumnGuess, ImportOverrides
from webapp.types.guess import NUMBERS

PACKAGES = ("pydataset", "statsmodels", "vega_datasets")
MISSING = {"", "NA", "NaN", "nan", "NULL", "null", ".", "-", "?", "n/a", "N/A"}
_DRESSING = re.compile("[$€£¥%\\s,'\u2019]")
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?")
_IDENTIFIERS = ("leading zero", "beyond 64 bits", "codes:", "version or address", "names ")


def is_number(text: str) -> bool:
    bare = _DRESSING.sub("", text.removeprefix("(").removesuffix(")"))
    return any(map(str.isdigit, bare)) and _NUMBER.fullmatch(bare) is not None


def files_of(folder: Path, stack: ExitStack) -> Iterator[Path]:
    """Every CSV file in the folder and in the archives in it."""
    yield from sorted(folder.rglob("*.csv"))
    for archive in sorted(folder.rglob("*.tar.gz")):
        opened = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with tarfile.open(archive) as tar:
            tar.extractall(opened, filter="data")
        yield from (path for path in sorted(opened.rglob("*.csv")) if not path.name.startswith("._"))


def number_columns(path: Path) -> Iterator[ColumnGuess]:
    """The columns of the file that hold nothing but numbers and marks for missing ones, as they would be imported."""
    report = inspect_file(path, path.name)
    source = open_source(path, sniff(path, path.name, ImportOverrides()).options)
    is_all = [True] * len(report.columns)
    has_any = [False] * len(report.columns)
    for batch in source.batches(5000):
        for index, cells in enumerate(zip(*batch.rows, strict=True)):
            filled = set(cells) - MISSING
            has_any[index] = has_any[index] or bool(filled)
            is_all[index] = is_all[index] and all(map(is_number, filled))
    yield from (column for index, column in enumerate(report.columns) if is_all[index] and has_any[index])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--show", type=int, default=20, help="how many columns that are text to list")
    options = parser.parse_args()
    kinds: Counter[str] = Counter()
    reasons: list[tuple[str, str, str]] = []
    with ExitStack() as stack:
        for folder in options.folders or _installed():
            for path in files_of(folder, stack):
                try:
                    columns = list(number_columns(path))
                except (ImportFileError, csv.Error):
                    kinds["files refused"] += 1
                    continue
                for column in columns:
                    kind = _kind(column)
                    kinds[kind] += 1
                    if kind == "text":
                        reasons.append((path.name, column.title, column.reason))
    total = sum(count for kind, count in kinds.items() if kind != "files refused")
    for kind, count in kinds.most_common():
        print(f"{count:7,}  {count / max(1, total):6.2%}  {kind}")
    for name, title, reason in reasons[: options.show]:
        print(f"{name}: {title}: {reason}")


def _kind(column: ColumnGuess) -> str:
    if column.type != "text":
        kept = ", keeps texts" if column.keeps_texts else ""
        return f"{column.type if column.type in NUMBERS else 'another type'}{kept}"
    return "identifier" if any(sign in column.reason for sign in _IDENTIFIERS) else "text"


def _installed() -> list[Path]:
    specs = [find_spec(name) for name in PACKAGES]
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]


if __name__ == "__main__":
    main()
