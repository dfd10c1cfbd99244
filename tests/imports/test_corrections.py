"""The preview's form, parsed into corrections."""

from pathlib import Path

from webapp.imports.corrections import parse_overrides
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport

FORM = {"encoding": "utf-8", "delimiter": ",", "quote": '"', "header": "yes", "header_row": "0"}


def found_in(folder: Path, text: str) -> InspectionReport:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return inspect_file(path, path.name, ImportOverrides())


def test_an_unchanged_form_overrides_nothing(tmp_path: Path) -> None:
    found = found_in(tmp_path, "name,zip\nAda,00501\nGrace,10001\n")

    assert parse_overrides(FORM, found, ImportOverrides()) == ImportOverrides()


def test_only_changed_fields_are_overrides(tmp_path: Path) -> None:
    found = found_in(tmp_path, "name,zip\nAda,00501\nGrace,10001\n")

    assert parse_overrides(FORM | {"delimiter": ";"}, found, ImportOverrides()) == ImportOverrides(delimiter=";")
    assert parse_overrides(FORM | {"header": "no"}, found, ImportOverrides()) == ImportOverrides(header=False)


def test_earlier_overrides_are_kept(tmp_path: Path) -> None:
    found = found_in(tmp_path, "name,zip\nAda,00501\nGrace,10001\n")

    assert parse_overrides(FORM, found, ImportOverrides(delimiter=",")) == ImportOverrides(delimiter=",")
