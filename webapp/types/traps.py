"""Explains why a value that looks like a number or a date could not be reproduced."""

import re

_TRAPS = (
    (re.compile(r"\s.*|.*\s", re.DOTALL), "spaces around it"),
    (re.compile(r"[0-9]+_[0-9_]+"), "underscore"),
    (re.compile(r"-?0[0-9]+(?:[.,][0-9]+)?"), "leading zero"),
    (re.compile(r"\+[0-9.,]+"), "plus sign"),
    (re.compile(r"-0(?:[.,]0+)?"), "minus zero"),
    (re.compile(r"-?[0-9]{19,}"), "beyond 64 bits"),
    (re.compile(r"-?(?=(?:[.,]?[0-9]){16})[0-9]+[.,][0-9]+"), "over 15 digits"),
    (re.compile(r"-?[0-9]+[.,][0-9]*0"), "zero at the end"),
    (re.compile(r"-?[0-9]+[.,][0-9]+"), "fewer decimals than values that end in a zero"),
    (re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+"), "exponent"),
    (re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE), "not a number"),
    (re.compile(r"-?[0-9]{1,3}(?:[,.' ][0-9]{3})+"), "grouped digits"),
    (re.compile(r"(?:(?!\d)[^\x00-\x7f])*\d[^\x00-\x7f]*"), "digits of another script"),
)


def why_not(value: str) -> str:
    """A short explanation; empty if the value is plainly text."""
    return next((words for pattern, words in _TRAPS if pattern.fullmatch(value)), "")
