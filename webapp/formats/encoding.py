"""Detects a file's encoding: a byte order mark, else strict UTF-8 over the whole file, else the best guess."""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import name as name_of

import chardet

BLOCK = 256 * 1024  # bytes
_GUESSED_BYTES = 256 * 1024
_GUESSES = 12
_WEIGHED = 64 * 1024  # bytes
_AFTER_ASCII = re.compile(r"([A-Za-z])([^\x00-\x7f])")
_BEFORE_ASCII = re.compile(r"(?<=([^\x00-\x7f]))([A-Za-z])")
_CLOSING = "\xa0\u2019\u201d\u201c\xbb\u2013\u2014\u2026\xae\u2122\xb0\xb2\xb3"
_OPENING = "\xa0\u2018\u2019\u201c\u201e\xab\u2013\u2014\xbf\xa1\u20ac\xa3\xb0\xb5"
_EVIDENCE = 12  # non-ASCII bytes a guess requires
_FALLBACK = "cp1252"
# A UTF-16 mark is two bytes of the file: Python's codec without "le" or "be" consumes it, these do not.
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Encoding:
    name: str
    reason: str


def mark_of(head: bytes) -> tuple[bytes, str] | None:
    """The byte order mark at the start of a file, and its encoding."""
    return next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), None)


def known(name: str) -> str:
    """Python's name for a text encoding. Raises LookupError for anything else."""
    "".encode(name)
    found = codecs.lookup(name).name
    return "utf-8" if found in ("ascii", "utf-8-sig") else found


def detect(path: Path) -> Encoding:
    with path.open("rb") as file:
        head = file.read(_GUESSED_BYTES)
    if mark := mark_of(head):
        return Encoding(mark[1], f"{label(mark[1])}: the file begins with its byte order mark")
    if wide := _without_mark(head):
        return Encoding(wide, f"{label(wide)}: every other byte is zero")
    return _narrow(path)


def label(name: str) -> str:
    return {"cp1252": "Windows-1252"}.get(name, name.upper())


def _without_mark(head: bytes) -> str | None:
    """In UTF-16 of mostly Latin text, every other byte is zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > half * 0.7 and even < half * 0.1:
        return "utf-16-le"
    if half and even > half * 0.7 and odd < half * 0.1:
        return "utf-16-be"
    return None


@dataclass(slots=True)
class _Survey:
    """The result of decoding the whole file as UTF-8."""

    letters: int = 0  # non-ASCII characters
    broken: int = 0  # bytes that are not valid UTF-8
    sample: bytes = b""  # the part of the file the guess is based on


def _narrow(path: Path) -> Encoding:
    survey = _survey(path)
    if not survey.broken:
        how = f"with {survey.letters:,} characters beyond ASCII" if survey.letters else "plain ASCII"
        return Encoding("utf-8", f"UTF-8: the whole file was read without an error, {how}")
    if survey.letters > 2 * survey.broken:
        bytes_ = "1 byte is" if survey.broken == 1 else f"{survey.broken:,} bytes are"
        return Encoding("utf-8", f"UTF-8, though {bytes_} not: {survey.letters:,} characters beyond ASCII are")
    name = _guess(survey.sample)
    return Encoding(name, f"{label(name)}: the file is not UTF-8, and this explains its letters best")


def _guess(sample: bytes) -> str:
    """Of the detector's candidates, the first that yields plausible words: `Café`, not `CafÈ` or `Cafй`."""
    if sum(byte > 127 for byte in sample[:4096]) < _EVIDENCE:
        return _FALLBACK  # a handful of bytes is too little evidence against the most common one
    names = dict.fromkeys(filter(None, map(_usable, chardet.detect_all(sample, ignore_threshold=True)[:_GUESSES])))
    sample = sample[:_WEIGHED]
    best = min([*names, _FALLBACK], key=lambda name: _oddness(sample, name))
    return _FALLBACK if sample.decode(best, "replace") == sample.decode(_FALLBACK, "replace") else best


def _usable(guess: Mapping[str, Any]) -> str | None:
    try:
        name = known(guess["encoding"] or "")
    except LookupError:
        return None
    if name == "utf-8" or name.startswith("utf-"):
        return None
    return _FALLBACK if name == "iso8859-1" else name  # the same letters, plus those Windows puts into the gaps


def _oddness(sample: bytes, name: str) -> float:
    """The share of non-ASCII letters that do not fit the ASCII letter beside them."""
    text = sample.decode(name, "replace")
    before, after = _AFTER_ASCII.findall(text), _BEFORE_ASCII.findall(text)
    odd = sum(not _goes_with(letter, other, _CLOSING) for letter, other in before)
    odd += sum(not _goes_with(letter, other, _OPENING) for letter, other in after)
    broken = text.count("\ufffd")
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return round((odd + broken) / (beyond + 1), 1)


def _goes_with(first: str, second: str, marks: str) -> bool:
    """Of two neighbouring letters one is ASCII: lower case does not precede upper case, and scripts do not mix."""
    other = second if first.isascii() else first
    if other in marks:
        return True
    return other.isalpha() and name_of(other, "").startswith("LATIN") and not (first.islower() and second.isupper())


def _survey(path: Path) -> _Survey:
    survey = _Survey()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    sample = bytearray()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if block.isascii() and not decoder.getstate()[0]:
                continue
            if len(sample) < _GUESSED_BYTES:
                sample += _interesting(block)[: _GUESSED_BYTES - len(sample)]
            _count(decoder.decode(block), survey)
    _count(decoder.decode(b"", True), survey)
    survey.sample = bytes(sample)
    return survey


def _interesting(block: bytes) -> bytes:
    """The lines with non-ASCII bytes; a megabyte of plain ASCII around them would only hide them."""
    return b"".join(line for line in block.splitlines(keepends=True) if not line.isascii())


def _count(text: str, survey: _Survey) -> None:
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    if not beyond:
        return
    broken = len(text) - len(text.encode("utf-8", "ignore").decode())
    survey.broken += broken
    survey.letters += beyond - broken
