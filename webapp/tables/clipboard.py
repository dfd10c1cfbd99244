"""The text of a clipboard as a block of cells, as spreadsheets put it there: tabs between cells, lines between rows,
and quotation marks around a cell that has one of them.
"""

import re

from webapp.models.tables.action_limits import MAX_CELLS, TooManyCells, ensure_few

Block = list[list[str]]

# A quoted cell counts only up to a separator: `"so" he said` is a text that begins with a quotation mark.
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"(?=\t|\r\n|\n|\r|\Z)')
_PLAIN = re.compile(r"[^\t\r\n]*")
_BREAK = re.compile(r"\r\n|\n|\r")


def parse_block(text: str) -> Block:
    """Rows of cells, in time proportional to the text. One line break at the end belongs to the last row. A cell in
    quotation marks without anything that needs them is left as it is, since it was typed so. Raises `TooManyCells`
    before they are made.
    """
    if '"' not in text:
        text = _without_last_break(text)
        ensure_few(1 + text.count("\t") + text.count("\n") + text.count("\r") - text.count("\r\n"))
        return [line.split("\t") for line in _BREAK.split(text)]
    rows: Block = [[]]
    place, end, count = 0, len(text), 0
    while True:
        cell, place = _cell(text, place)
        rows[-1].append(cell)
        count += 1
        if count > MAX_CELLS:
            raise TooManyCells(None)
        if place >= end:
            return rows
        if text[place] == "\t":
            place += 1
            continue
        place = _after_break(text, place)
        if place >= end:
            return rows
        rows.append([])


def _cell(text: str, place: int) -> tuple[str, int]:
    if text.startswith('"', place) and (quoted := _QUOTED.match(text, place)) and re.search(r'[\t\r\n"]', quoted[1]):
        return quoted[1].replace('""', '"'), quoted.end()
    plain = _PLAIN.match(text, place)
    end = plain.end() if plain else place
    return text[place:end], end


def _without_last_break(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith(("\r", "\n")) else text


def _after_break(text: str, place: int) -> int:
    found = _BREAK.match(text, place)
    return found.end() if found else place + 1
