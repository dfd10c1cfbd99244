"""Exports equal uploads: through the browser, from the uploaded to the downloaded file."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.files import parts
from tests.servers import ROOT
from tests.tables import PLANET_ROWS, PLANETS

CORPUS = ROOT / "tests" / "corpus"


def bring(page: Page, path: Path, *accept: str) -> None:
    """Import a file just as it was found, except for words that mean nothing."""
    page.goto("/dashboard")
    page.get_by_label("Choose a file").set_input_files(path)
    for word in accept:
        page.get_by_label(f"{word} among the values").select_option("empty")
    page.get_by_role("button", name=re.compile(r"^Import [\d,]+ rows?$")).click()
    page.get_by_role("link", name="Open the table").click()
    expect(page.get_by_role("grid")).to_be_visible()


def download(page: Page, name: str) -> tuple[str, bytes]:
    """From the menu; the file's name and its bytes."""
    page.locator("summary").filter(has_text="Export").click()
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(f"^{name}")).click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def test_an_exported_csv_equals_the_upload_and_the_original_is_unchanged(page: Page, tmp_path: Path) -> None:
    path = parts(tmp_path / "parts 2024.csv", 1_000)
    bring(page, path, "NA")
    expect(page.locator("#r7 td").nth(2)).to_have_text("")

    name, exported = download(page, "CSV Cells")
    assert name == "parts 2024.csv"
    assert cells(exported.decode()) == cells(path.read_text("utf-8"))
    assert download(page, "The original file") == ("parts 2024.csv", path.read_bytes())


@pytest.mark.parametrize("name", ["hostile_cells.csv", "newlines_in_cells.csv", "leading_zeros.csv", "utf16le.csv"])
def test_a_difficult_file_is_exported_as_it_was_uploaded(page: Page, name: str) -> None:
    path = CORPUS / name
    encoding = "utf-16" if name == "utf16le.csv" else "utf-8-sig"
    bring(page, path)

    assert cells(download(page, "CSV Cells")[1].decode()) == cells(path.read_bytes().decode(encoding))
    assert download(page, "The original file")[1] == path.read_bytes()


def test_the_export_has_the_rows_columns_and_order_of_the_view(page: Page, table: Callable[..., str]) -> None:
    page.goto(f"{table(PLANETS, PLANET_ROWS)}?q=ur&sort=-2&cols=2,1")

    assert cells(download(page, "CSV Cells")[1].decode()) == [
        ["Moons", "Planet"],
        ["146", "Saturn"],
        ["28", "Uranus"],
        ["0", "Mercury"],
    ]


def test_ndjson_has_numbers_as_numbers_and_empty_cells_as_null(page: Page, table: Callable[..., str]) -> None:
    page.goto(f"{table(PLANETS, PLANET_ROWS)}?f.1=oneof:Earth,Mars")
    name, exported = download(page, "NDJSON")

    assert name == "Planets where Planet is one of Earth or Mars.ndjson"
    found: list[dict[str, Any]] = [json.loads(line) for line in exported.decode().splitlines()]
    assert [row["Planet"] for row in found] == ["Earth", "Mars"]
    assert [row["Moons"] for row in found] == [1, 2]
    assert [row["Radius"] for row in found] == [6371.0, 3389.5]
    assert [row["Seen"] for row in found] == [None, "1610-09-01"]


def test_a_view_is_exported_as_a_workbook_or_a_page_says_why_not(home: Visit, table: Callable[..., str]) -> None:
    home.expect("422")
    page = home.page
    page.goto(table({"name": "text", "n": "integer"}, [("=1+1", "2"), ("b", "1")]) + "?sort=2")
    name, exported = download(page, "Excel")
    assert name.endswith(".xlsx")
    assert list(load_workbook(io.BytesIO(exported)).active.values) == [("name", "n"), ("b", 1), ("=1+1", 2)]

    page.goto(table({"name": "text"}, [("x" * 32_768,)]))
    page.locator("summary").filter(has_text="Export").click()
    page.get_by_role("link", name=re.compile("^Excel")).click()
    expect(page.locator("#main")).to_contain_text("Row 1, column “name”, has more than 32,767 characters")


def test_formulas_are_defused_only_in_csv_for_excel(page: Page, table: Callable[..., str]) -> None:
    page.goto(table({"Cell": "text"}, [("=1+1",), ("plain",)]))

    assert cells(download(page, "CSV Cells")[1].decode())[1:] == [["=1+1"], ["plain"]]
    page.keyboard.press("Escape")
    exported = download(page, "CSV for Excel")[1]
    assert exported.startswith(b"\xef\xbb\xbf")
    safe = cells(exported.decode("utf-8-sig"))
    assert not safe[1][0].startswith("=")
    assert "=1+1" in safe[1][0]
    assert safe[2] == ["plain"]


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))
