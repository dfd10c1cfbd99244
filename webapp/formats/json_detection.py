"""Whether a text is JSON, whatever it is called; and what it is if people only take it for JSON."""

import re
from pathlib import PurePath

from webapp.formats.errors import ImportFileError
from webapp.formats.json_text import decoder

SUFFIXES = (".ndjson", ".jsonl", ".ldjson")
_NAMES = (*SUFFIXES, ".json", ".geojson", ".json5", ".jsonc", ".geojsonl", ".geojsonseq", ".topojson")
WHOLE_SAMPLE = 16 * 1024  # characters; a shorter sample is a whole file
BLANK = "\ufeff\x1e \t\r\n"  # before a value
# What is no JSON, though people call it so.
_COMMENT = re.compile(r"(?:\s|//[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_INNER_COMMENT = re.compile(r"[\[{]\s*(?://|/\*)")
_CALL = re.compile(r"(?:/\*.*?\*/\s*)?[A-Za-z_$][\w$.]*\s*\(\s*(?=[\[{])", re.DOTALL)
_ASSIGNMENT = re.compile(
    r"(?:(?:export\s+)?(?:var|let|const)\s+[\w$]+\s*=|(?:module\.)?exports\s*=|export\s+default|window[\w$.\[\]\"']*\s*=)"
    r"\s*(?=[\[{])"
)
_GUARD = re.compile(r"(?:\)\]\}'?,?\s*\n|while\s*\(1\);|for\s*\(;;\);)\s*(?=[\[{])")
_OTHER_QUOTES = re.compile(r"(?:\[\s*)*\{\s*(?:'[^'\n]*'|\"[^\"\n]*\"|[A-Za-z_$][\w$]*)\s*:\s*\S")
_WRAPPED = (
    (_CALL, "JSON inside a call of a function (JSONP). Delete the call around it"),
    (_ASSIGNMENT, "a script with JSON in it. Delete what stands before and after the JSON"),
    (_GUARD, "JSON behind a line that keeps scripts from reading it. Delete that line"),
)


def is_json(sample: str, filename: str) -> bool:
    """Whether a file that begins like this is JSON, whatever it is called."""
    if filename.lower().endswith(SUFFIXES):
        return True
    text = sample.lstrip(BLANK)
    if not text.startswith(("{", "[")):
        return False
    try:
        _, end = decoder.raw_decode(text)
    except RecursionError:
        return True
    except ValueError:
        return _begins_like_json(text)
    rest = text[end:].lstrip(" \t")
    after = rest.lstrip(" \t\r\n,\x1e")
    if text[0] == "[" and rest.startswith(","):  # [id],[name] and [1],[2] are cells
        return False
    return not rest or rest[0] in "\r\n\x1e{[" or (rest[0] == "," and after.startswith(("{", "")) and text[1:2] != "}")


def _begins_like_json(text: str) -> bool:
    """For a value that is longer than the sample, or broken: an object with a key, or an array with an item."""
    inner = text[1:].lstrip()
    if text[0] == "[":
        if not inner or inner[0] in "[{":
            return not inner or is_json(inner, "") or _begins_like_json(inner)
        try:
            _, end = decoder.raw_decode(inner)
        except ValueError:
            return False
        return inner[end:].lstrip()[:1] == ","
    if not inner.startswith('"'):
        return False
    try:
        _, end = decoder.raw_decode(inner)
    except ValueError:
        return False
    return inner[end:].lstrip()[:1] == ":"


def ensure_json(sample: str, filename: str) -> None:
    """Raises ImportFileError if a text that begins like this, and is not JSON, is what people take for it."""
    text = sample.lstrip(BLANK)
    is_named = PurePath(filename).suffix.lower() in _NAMES
    what = next((what for pattern, what in _WRAPPED if (found := pattern.match(text)) and found.end()), "")
    comment = _COMMENT.match(text)
    rest = text[comment.end() :] if comment else text
    if not what and comment and rest != text and rest[:1] in ("{", "[") and (is_named or _begins_like_json(rest)):
        what = "JSON with comments, which JSON does not have. Delete them"
    if not what and _INNER_COMMENT.match(rest):
        what = "JSON with comments, which JSON does not have. Delete them"
    if not what and _OTHER_QUOTES.match(rest) and (is_named or rest.rstrip()[-1:] in ("]", "}")):
        what = (
            "like JSON, but not written as JSON is: keys and texts stand in double quotes, a comma only between two"
            " values, and nothing is null, true and false. Save it as JSON (in Python with json.dumps)"
        )
    if what:
        raise ImportFileError(f"This file is {what}, and upload it again.")
    if is_named and len(sample) < WHOLE_SAMPLE and _is_single_value(text):
        raise ImportFileError("This JSON file holds a single value, no objects with keys: there is no table in it.")


def _is_single_value(text: str) -> bool:
    try:
        return not isinstance(decoder.decode(text.strip()), dict | list)
    except (ValueError, RecursionError):
        return False
