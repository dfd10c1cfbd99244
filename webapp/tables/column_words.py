"""What the change log has of a column, in words: its title, its type, its rules, and where it is."""

from collections.abc import Mapping
from typing import Any

from webapp.models.tables.column_properties import properties_from
from webapp.types import TYPES, Choice, describe

Titles = Mapping[int, str]  # of the columns that somebody may see, by number


def column_words(properties: str | None, titles: Titles) -> list[tuple[str, str]]:
    """Pairs of what it is and what it is like. What only the row store needs is left out."""
    found = properties_from(properties) or {}
    pairs = [("Title", found["title"])] if "title" in found else []
    if found.get("type") in TYPES:
        pairs.append(("Type", describe(Choice(found["type"], found.get("format", {})))))
    if "rules" in found:
        pairs.append(("Rules", _rules(found["rules"])))
    if "behind" in found:
        pairs.append(("Place", _place(found["behind"], titles)))
    return pairs


def _rules(rules: Mapping[str, Any]) -> str:
    words = [word for word in ("required", "unique") if rules.get(word)]
    if rules.get("choices"):
        words.append(f"one of {', '.join(rules['choices'])}")
    return "; ".join(words) or "none"


def _place(behind: int, titles: Titles) -> str:
    return f"behind {titles.get(behind, 'a deleted column')}" if behind else "first"
