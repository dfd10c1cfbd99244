"""An import with type inference, compared with a loop that knows the types and only inserts."""

import shutil
import sqlite3
import statistics
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks import data, plain, served
from benchmarks.measure import Options, Run, run, table

FLIGHTS = (int,) * 3 + (str, int, str, str, int, str, str, int) + (str,) * 4 + (int,) * 3 + (str,)
_PLAIN = (
    "import sys; from pathlib import Path; from benchmarks import imports, plain;"
    " print(plain.import_csv(Path(sys.argv[1]), Path(sys.argv[2]), imports.TYPES[sys.argv[3]]), file=sys.stderr)"
)
TYPES: dict[str, tuple[Callable[[str], object], ...]] = {"generated": plain.GENERATED, "flights": FLIGHTS}


def measure(folder: Path, options: Options) -> str:
    rows, runs = options.rows, options.runs
    files = {
        "generated": data.generated(folder / f"rows-{rows}.csv", rows),
        "flights": data.flights(folder / "flights-x3.csv"),
    }
    found = []
    for kind, path in files.items():
        count = rows if kind == "generated" else 1_010_328
        pairs = [(_plain(folder, path, kind), _ours(folder, path)) for _ in range(runs)]
        speeds = [[count / each.seconds for each in column] for column in zip(*pairs, strict=True)]
        ratio = statistics.median(ours / theirs for theirs, ours in zip(*speeds, strict=True))
        peaks = [max(each.peak_mb for each in column) for column in zip(*pairs, strict=True)]
        size = f"{path.stat().st_size / 1e6:.0f} MB, {count:,} rows"
        found.append((kind, size, *map(statistics.median, speeds), ratio, *peaks))
    head = ("file", "size", "plain loop, rows/s", "import, rows/s", "ratio", "plain peak MB", "import peak MB")
    return table("Import: read, infer, insert", head, found)


def _plain(folder: Path, path: Path, kind: str) -> Run:
    target = folder / "plain.db"
    _remove(target)
    return run([sys.executable, "-c", _PLAIN, str(path), str(target), kind])


def _ours(folder: Path, path: Path) -> Run:
    """On the command line, into a fresh database; the peak is that of the largest process, a child."""
    target = fresh(folder / "import")
    return run([*served.rowcast("import", str(path), data=target)])


def fresh(target: Path) -> Path:
    """A data folder with the owner's account and nothing else."""
    shutil.rmtree(target, ignore_errors=True)
    served.register(target)
    return target


def imported(folder: Path, rows: int) -> Path:
    """A data folder whose table 1 is the generated file; created once."""
    target = folder / f"data-{rows}"
    if not (target / "imported").exists():
        fresh(target)
        run([*served.rowcast("import", str(data.generated(folder / f"rows-{rows}.csv", rows)), data=target)])
        (target / "imported").touch()
    with closing(sqlite3.connect(target / "rowcast.db", isolation_level=None)) as connection:
        # The server would resume it on the core it is measured on. `pages` asks for it by itself, and waits.
        connection.execute("UPDATE tables SET search_index = 'none' WHERE search_index = 'building'")
    return target


def _remove(path: Path) -> None:
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
