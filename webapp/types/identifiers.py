"""Titles that say that the numbers of a column are names of things, which nobody adds up."""

import re

_WORD = re.compile(r"[A-ZÄÖÜ]?[^\W\d_A-ZÄÖÜ]+|[A-ZÄÖÜ]+(?![^\W\d_A-ZÄÖÜ])")
# What a word of a title names, and how many digits the longest number of such a column has.
_NAMED = {
    "post code": (("zip", "zipcode", "postcode", "postal", "postleitzahl", "plz", "cep"), range(4, 10)),
    "phone number": (("phone", "telephone", "telefon", "tel", "fax", "telefono", "téléphone"), range(5, 16)),
    "ISBN": (("isbn",), (10, 13)),
    "article number": (("ean", "gtin", "upc", "ean13"), range(8, 15)),
    "account number": (("iban", "kontonummer", "accountnumber", "kontonr"), range(6, 19)),
    "social security number": (("ssn",), (9,)),
}
_VERSIONS = {"version", "ver", "release", "versions"}
_QUANTITIES = {"count", "total", "sum", "average", "mean", "users", "sales", "price", "cost", "revenue", "anzahl"}


def titled(title: str, longest: int, *, is_mixed: bool) -> str:
    """What a column with this title holds, in words; empty if it may well hold numbers.

    `longest`: the digits of its longest number; 0 if some numbers have a sign or a fraction. `is_mixed`: they are not
    all written in one way, as 1.9 and 1.10.
    """
    words = {word.lower() for word in _WORD.findall(title)}
    if words & _QUANTITIES:
        return ""
    if {"account", "number"} <= words or {"account", "no"} <= words:
        words.add("accountnumber")
    if is_mixed and words & _VERSIONS:
        return f'"{title}" names versions'
    for name, (marks, lengths) in _NAMED.items():
        if longest in lengths and words.intersection(marks):
            return f'"{title}" names {name}s'
    return ""
