"""An import with type inference, compared with a loop that leaves the types to SQLite, and with other tools."""

import shutil
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

from benchmarks import data, importers, served
from benchmarks.measure import Options, Run, run, spread, table

OURS = "Rowcast"


def measure(folder: Path, options: Options) -> str:
    files = {
        f"generated, {options.rows:,} x 10": (
            data.generated(folder / f"rows-{options.rows}.csv", options.rows),
            options.rows,
        ),
        "flights, 1,010,328 x 19": (data.flights(folder / "flights-x3.csv"), 1_010_328),
    }
    return "\n".join(_compare(folder, title, path, rows, options.runs) for title, (path, rows) in files.items())


def _compare(folder: Path, title: str, path: Path, rows: int, runs: int) -> str:
    """All tools in turn, so many times: what the machine does meanwhile meets all of them."""
    target = folder / "other.db"
    found: dict[str, list[Run]] = {}
    for _ in range(runs):
        for name, command in importers.commands(path, target).items():
            if name in found and found[name][0].seconds > 10 * found[importers.LOOP][0].seconds:
                continue  # minutes a run: once is enough to say how slow
            _remove(target)
            found.setdefault(name, []).append(run(command))
        found.setdefault(OURS, []).append(_ours(folder, path))
    _remove(target)
    loop = [rows / each.seconds for each in found[importers.LOOP]]
    lines = []
    for name, times in found.items():
        speeds = [rows / each.seconds for each in times]
        ratio = statistics.median(speed / base for speed, base in zip(speeds, loop, strict=False))
        lines.append((name, spread(speeds), ratio, max(each.peak_mb for each in times)))
    head = ("tool", "rows/s", "to the loop", "peak MB")
    return table(f"Import: {title}, {path.stat().st_size / 1e6:.0f} MB", head, lines)


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
