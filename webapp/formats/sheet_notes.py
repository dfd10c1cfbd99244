"""What a person should know about a sheet that is read: what is lost, kept or included, and which others there are."""

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.formats.package import SheetFacts
from webapp.formats.source import Remark

NAMED = 20  # sheets that a sentence names


def of_sheet(facts: SheetFacts, hidden_columns: int, listing: Sequence[Mapping[str, Any]], chosen: str) -> list[Remark]:
    """What a person should know about the sheet `chosen`, in sentences."""
    counted = (
        (
            "formulas",
            facts.formulas_without_value,
            ("formula has", "formulas have"),
            "no stored value, so the cells are empty. Open the workbook in a spreadsheet program and save it: then they"
            " have one.",
        ),
        (
            "errors",
            facts.errors,
            ("cell holds an error", "cells hold errors"),
            "such as #N/A, kept as text.",
        ),
        (
            "merged",
            facts.merged,
            ("area is", "areas are"),
            "merged: the value is in the first cell, the others are empty.",
        ),
        ("hidden_rows", facts.hidden_rows, ("hidden row is", "hidden rows are"), "included."),
        ("hidden_columns", hidden_columns, ("hidden column is", "hidden columns are"), "included."),
    )
    notes = [Remark(kind, f"{_count(count, *words)} {rest}", count) for kind, count, words, rest in counted if count]
    if others := [_described(sheet) for sheet in listing if sheet["name"] != chosen]:
        more = f" and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
        text = f"This is “{chosen}”. The file also has: {'; '.join(others[:NAMED])}{more}."
        notes.append(Remark("sheets", text, len(others)))
    return notes


def _described(sheet: Mapping[str, Any]) -> str:
    facts = ["hidden"] if sheet["hidden"] else []
    if sheet["rows"] is not None:
        rows, columns = sheet["rows"], sheet["columns"]
        facts.append(f"{_count(rows, 'row', 'rows')}, {_count(columns, 'column', 'columns')}" if rows else "empty")
    return f"“{sheet['name']}”" + (f" ({', '.join(facts)})" if facts else "")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
