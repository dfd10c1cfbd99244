"""The command line, in a separate process."""

import io
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.conftest import make_settings
from tests.database import connect
from tests.database import environment as folder_environment
from webapp.cli.export_command import Kind, TableDeleted, export_table

CSV = "name,zip,born\r\nAda,00501,1815-12-10\r\nGrace,10001,1906-12-09\r\n"


def rowcast(*arguments: str, data_dir: Path, status: int = 0) -> str:
    command = [sys.executable, "-m", "webapp", *arguments]
    environment = {
        **folder_environment(data_dir),
        "ROWCAST_ENVIRONMENT": "testing",
        "ROWCAST_SECRET_KEY": make_settings(data_dir).secret_key.get_secret_value(),
        "PATH": "/usr/bin:/bin",
    }
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert ended.returncode == status, ended.stderr.decode()
    return (ended.stderr if status and "--json" not in arguments else ended.stdout).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(CSV.encode())
    return path


@pytest.fixture
def owned(data_dir: Path) -> Path:
    connection = connect(data_dir / "rowcast.db")
    connection.execute(
        "INSERT INTO users (email, name, password_hash, role, is_active, created_at)"
        " VALUES ('ada@example.org', 'ada', '', 'owner', TRUE, '2026-11-22 12:00:00')"
    )
    connection.close()
    return data_dir


def test_inspect_says_what_an_import_would_find(file: Path, data_dir: Path) -> None:
    found = json.loads(rowcast("inspect", str(file), "--json", data_dir=data_dir))

    assert {name: found[name] for name in ("encoding", "delimiter", "quote", "header", "rows", "rejected")} == {
        "encoding": "utf-8",
        "delimiter": ",",
        "quote": '"',
        "header": True,
        "rows": 2,
        "rejected": [],
    }
    assert [(column["title"], column["type"], column["empty"]) for column in found["columns"]] == [
        ("name", "text", 0),
        ("zip", "text", 0),
        ("born", "date", 0),
    ]
    assert "00501" in found["columns"][1]["reason"]


def test_inspect_lists_every_row_kept_aside(tmp_path: Path, data_dir: Path) -> None:
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("a,b\n" + "1,2\n" * 300 + "1,2,3\n" * 150)

    found = json.loads(rowcast("inspect", str(ragged), "--json", data_dir=data_dir))

    assert found["rows"] == 300
    assert [row["line"] for row in found["rejected"]] == list(range(302, 452))


def test_the_order_of_days_can_be_said(tmp_path: Path, owned: Path) -> None:
    path = tmp_path / "days.csv"
    path.write_text("day,n\n03/04/2024,1\n05/06/2024,2\n")
    found = json.loads(rowcast("inspect", str(path), "--json", data_dir=owned))["columns"][0]
    assert (found["type"], found["question"]) == ("text", "order")
    found = json.loads(rowcast("inspect", str(path), "--json", "--order", "mdy", data_dir=owned))["columns"][0]
    assert (found["type"], found["format"], found["question"]) == ("date", "mdy", None)
    number = rowcast("import", str(path), "--order", "dmy", data_dir=owned).split()[-1]
    assert rowcast("export", number, data_dir=owned).splitlines() == path.read_text().splitlines()


def test_inspect_without_json_names_the_reasons(file: Path, data_dir: Path) -> None:
    assert "00501" in rowcast("inspect", str(file), data_dir=data_dir)


def test_a_file_that_cannot_be_imported_is_refused_with_a_message(tmp_path: Path, data_dir: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()

    assert "empty" in json.loads(rowcast("inspect", str(empty), "--json", data_dir=data_dir, status=1))["error"]
    assert "Traceback" not in rowcast("inspect", str(empty), data_dir=data_dir, status=1)


def test_an_imported_file_is_exported_unchanged(file: Path, owned: Path) -> None:
    table = rowcast("import", str(file), "--title", "People", data_dir=owned).split()[-1]

    assert rowcast("export", table, data_dir=owned) == CSV
    assert rowcast("export", table, "--format", "original", data_dir=owned) == CSV
    rows = [json.loads(line) for line in rowcast("export", table, "--format", "ndjson", data_dir=owned).splitlines()]
    assert rows[0] == {"name": "Ada", "zip": "00501", "born": "1815-12-10"}


def test_a_table_is_exported_as_a_workbook(file: Path, owned: Path) -> None:
    table = int(rowcast("import", str(file), data_dir=owned).split()[-1])
    blocks, rows = export_table(make_settings(owned), table, "xlsx")
    sheet = load_workbook(io.BytesIO(b"".join(block for block, _ in blocks))).active
    assert [cell.value for cell in sheet[1]] == ["name", "zip", "born"]
    assert [cell.value for cell in sheet[2]] == ["Ada", "00501", "1815-12-10"]  # Excel has no days before 1900
    assert sheet.max_row == rows + 1


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "xlsx"])
def test_an_export_tells_how_many_rows_are_done(owned: Path, tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "many.csv"
    path.write_text("id,text\n" + "".join(f"{row},{sha256(bytes(row)).hexdigest()}\n" for row in range(5000)))
    table = int(rowcast("import", str(path), data_dir=owned).split()[-1])
    blocks, rows = export_table(make_settings(owned), table, kind)
    told = [done for _, done in blocks]
    assert told == sorted(told)
    assert any(0 < done < rows for done in told)
    assert told[-1] == rows == 5000


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "xlsx"])
def test_an_export_says_that_its_table_was_deleted_meanwhile(file: Path, owned: Path, kind: Kind) -> None:
    table = int(rowcast("import", str(file), data_dir=owned).split()[-1])
    blocks, _ = export_table(make_settings(owned), table, kind)
    connection = connect(owned / "rowcast.db")
    connection.execute(f"DROP TABLE t{table}")
    connection.execute("DELETE FROM tables")
    connection.close()

    with pytest.raises(TableDeleted, match="not all of it"):
        list(blocks)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "99"), "no such table"),
        (("import", "{file}", "--owner", "nobody@example.org"), "Nobody has an account"),
        (("import", "{file}", "--owner", "notanemail"), "Nobody has an account with the address notanemail"),
    ],
)
def test_a_missing_table_or_file_is_reported(file: Path, owned: Path, arguments: tuple[str, ...], words: str) -> None:
    said = rowcast(*(argument.format(file=file) for argument in arguments), data_dir=owned, status=1)

    assert words in said
    assert "Traceback" not in said


def test_an_export_without_a_database_is_refused_and_creates_none(tmp_path: Path) -> None:
    said = rowcast("export", "1", data_dir=tmp_path / "elsewhere", status=1)
    assert "no database" in said
    assert "Traceback" not in said
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("number", ["0", "99999999999999999999"])
def test_an_impossible_table_id_is_refused(owned: Path, number: str) -> None:
    assert "is not in the range" in rowcast("export", number, data_dir=owned, status=2)


def test_an_import_without_any_account_says_what_to_do_first(file: Path, data_dir: Path) -> None:
    assert "create the owner's account" in rowcast("import", str(file), data_dir=data_dir, status=1)


def test_invalid_settings_are_named(data_dir: Path) -> None:
    assert "ROWCAST_SECRET_KEY" in _with_short_key(data_dir)


def _with_short_key(data_dir: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "webapp", "db", "current"],
        env={"ROWCAST_SECRET_KEY": "short", "ROWCAST_DATA_DIR": str(data_dir), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    return ended.stderr.decode()


def test_the_database_can_be_upgraded_by_command(tmp_path: Path) -> None:
    assert "is at revision" in rowcast("db", "upgrade", data_dir=tmp_path / "new")


def test_a_file_without_columns_is_described_too(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "blank.csv"
    path.write_bytes(b"\n\n")

    assert "0 columns" in rowcast("inspect", str(path), data_dir=data_dir)


def test_a_file_with_more_columns_than_a_table_can_have_is_refused(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{number}" for number in range(2_001)) + "\n")

    assert "at most 2,000" in rowcast("inspect", str(path), data_dir=data_dir, status=1)


def test_a_rejected_row_longer_than_the_csv_field_limit_is_listed(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1," + b"\xff" * 4_500_000 + b"\n2,3\n")

    found = json.loads(rowcast("inspect", str(path), "--json", data_dir=data_dir))

    assert (found["rows"], [row["line"] for row in found["rejected"]]) == (1, [2])


def test_a_pipe_is_refused_before_it_is_read(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    assert "not a pipe" in rowcast("inspect", str(path), data_dir=data_dir, status=2)


def test_a_full_disk_is_reported(file: Path, owned: Path) -> None:
    number = rowcast("import", str(file), data_dir=owned).split()[-1]
    environment = {"ROWCAST_DATA_DIR": str(owned), "ROWCAST_ENVIRONMENT": "testing", "PATH": "/usr/bin:/bin"}
    with open("/dev/full", "wb") as full:
        for arguments in (["export", number, "--format", "original"], ["inspect", str(file)]):
            command = [sys.executable, "-m", "webapp", *arguments]
            ended = subprocess.run(
                command, env=environment, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
            )
            assert b"Error: No space left on device." in ended.stderr
            assert ended.returncode


def test_a_file_name_that_is_not_utf8_becomes_a_title(tmp_path: Path, owned: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_bytes(CSV.encode())

    number = rowcast("import", str(path), data_dir=owned).split()[-1]

    assert rowcast("export", number, "--format", "original", data_dir=owned) == CSV
