"""A user agent in plain words: "Firefox on Linux"."""

import re

# The first match wins, because many browsers name others as well.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Vivaldi", r"Vivaldi/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Version/.* Safari/"),
)
_SYSTEMS = (
    ("an iPhone", r"iPhone"),
    ("an iPad", r"iPad"),
    ("Android", r"Android"),
    ("ChromeOS", r"CrOS"),
    ("Windows", r"Windows"),
    ("a Mac", r"Macintosh|Mac OS X"),
    ("Linux", r"Linux|X11"),
)
_MAX_PROGRAM = 40  # characters, for clients that are no browser


def describe_user_agent(agent: str) -> str:
    """Clients choose this text themselves: it helps people recognise their own devices and proves nothing."""
    browser, system = _first_match(_BROWSERS, agent), _first_match(_SYSTEMS, agent)
    if browser and system:
        return f"{browser} on {system}"
    if browser or (agent.startswith("Mozilla/") and system):
        return browser or f"A browser on {system}"
    program = agent.partition(" ")[0].replace("/", " ")
    return program if len(program) <= _MAX_PROGRAM else f"{program[: _MAX_PROGRAM - 1]}…"


def _first_match(patterns: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in patterns if re.search(pattern, agent)), "")
