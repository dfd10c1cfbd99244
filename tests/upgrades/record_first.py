"""Makes `first.sql.xz` and `first.json` with the commands of 0.1.0, which had no tables in its API, no changes of cells
and no archives; `record.py` is for later releases. (What is there now was made with a stand-in for its rate limiter,
whose package nothing else needs any more.)
"""

import sys
import tempfile
from pathlib import Path

from recording import PASSWORD, PEOPLE, Commands, many, odd, save, sha256

FORMATS = ("csv", "ndjson", "original")


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        commands = Commands(data)
        people = {"ada@example.org": "owner"} | {f"{name}@example.org": role for name, role in PEOPLE.items()}
        for email, role in people.items():
            commands.add_person(email, role)
        for name, content in (("odd.csv", odd()), ("many.csv", many())):
            (Path(folder) / name).write_bytes(content)
            commands.run("import", str(Path(folder) / name), "--owner", "ada@example.org")
        exports = {
            table: {kind: sha256(commands.run("export", table, "--format", kind)) for kind in FORMATS}
            for table in ("1", "2")
        }
        save(target, data, {"password": PASSWORD, "people": people, "exports": exports})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
