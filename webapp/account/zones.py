"""The time zones people choose from: continent and city, from the machine's lists."""

from functools import cache
from pathlib import Path
from zoneinfo import TZPATH, available_timezones

from webapp.account.fields import Choice

PLACES = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def zone_choices() -> dict[str, list[Choice]]:
    """By continent, each zone's name and label; UTC first. Old spellings are left out."""
    grouped: dict[str, list[Choice]] = {"Everywhere": [("UTC", "UTC")]}
    for name in sorted(_current()):
        continent, _, city = name.partition("/")
        if city and continent in PLACES:
            grouped.setdefault(continent, []).append((name, city.replace("_", " ").replace("/", ", ")))
    return grouped


def with_own(zone: str) -> dict[str, list[Choice]]:
    """Whoever chose an old spelling earlier may keep it."""
    choices = zone_choices()
    is_there = any(zone == name for group in choices.values() for name, _ in group)
    return choices if is_there else {"Chosen earlier": [(zone, zone.replace("_", " "))], **choices}


def _current() -> set[str]:
    """The names in `zone.tab`, which has no old spellings; all that are known on a machine without it."""
    known = available_timezones()
    return known & _in_table() or known


def _in_table() -> set[str]:
    """From the first folder of zones that has one: lines of country, coordinates, name, and perhaps a comment."""
    table = next((path for folder in TZPATH if (path := Path(folder, "zone.tab")).is_file()), None)
    lines = table.read_text(encoding="utf-8").splitlines() if table else []
    return {line.split("\t")[2] for line in lines if not line.startswith("#")}
