"""The time zones people choose from: continent and city, from the machine's list."""

from functools import cache
from zoneinfo import available_timezones

from webapp.account.fields import Choice

PLACES = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def zone_choices() -> dict[str, list[Choice]]:
    """By continent, each zone's name and label; UTC first. Old spellings are left out."""
    grouped: dict[str, list[Choice]] = {"Everywhere": [("UTC", "UTC")]}
    for name in sorted(available_timezones()):
        continent, _, city = name.partition("/")
        if city and continent in PLACES:
            grouped.setdefault(continent, []).append((name, city.replace("_", " ").replace("/", ", ")))
    return grouped
