"""Detects a file's encoding: a byte order mark, else strict UTF-8 over the whole file, else the best guess."""

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unicodedata import name as char_name

from webapp.formats import latin, plausible

BLOCK = 256 * 1024  # bytes
_GUESSED_BYTES = 256 * 1024
_MAX_GUESSES = 12  # of the detector
_WEIGHED_BYTES = 64 * 1024
_AFTER_ASCII = re.compile(r"([A-Za-z])([^\x00-\x7f])")
_BEFORE_ASCII = re.compile(r"(?<=([^\x00-\x7f]))([A-Za-z])")
_CLOSING = "\xa0\u2019\u201d\u201c\xbb\u2013\u2014\u2026\xae\u2122\xb0\xb2\xb3"
_OPENING = "\xa0\u2018\u2019\u201c\u201e\xab\u2013\u2014\xbf\xa1\u20ac\xa3\xb0\xb5"
_MIN_EVIDENCE = 12  # non-ASCII bytes a guess requires
_FALLBACK = "cp1252"
# A UTF-16 mark is two bytes of the file: Python's codec without "le" or "be" consumes it, these do not.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def byte_order_mark(head: bytes) -> tuple[bytes, str]:
    """The byte order mark at the start of a file, and its codec; empty if there is none."""
    return next(((mark, codec) for mark, codec in _MARKS if head.startswith(mark)), (b"", ""))


def codec_name(name: str) -> str:
    """Python's name for a text encoding. Raises LookupError for anything else."""
    "".encode(name)
    codec = codecs.lookup(name).name
    return "utf-8" if codec in ("ascii", "utf-8-sig") else codec


def detect(path: Path) -> tuple[str, str]:
    """The codec's name, and the reason."""
    with path.open("rb") as file:
        head = file.read(_GUESSED_BYTES)
    _, codec = byte_order_mark(head)
    if codec:
        return codec, f"{label(codec)}: the file begins with its byte order mark"
    if codec := _utf_16_without_mark(head):
        return codec, f"{label(codec)}: every other byte is zero"
    if codec := _utf_16_of_other_scripts(head):
        return codec, f"{label(codec)}: its line ends are two bytes each, and this explains its letters best"
    return _detect_narrow(path)


def label(codec: str) -> str:
    return {"cp1252": "Windows-1252"}.get(codec, codec.upper())


def _utf_16_without_mark(head: bytes) -> str:
    """In UTF-16 of mostly Latin text, every other byte is zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > half * 0.7 and even < half * 0.1:
        return "utf-16-le"
    if half and even > half * 0.7 and odd < half * 0.1:
        return "utf-16-be"
    return ""


def _utf_16_of_other_scripts(head: bytes) -> str:
    """In UTF-16 of Chinese line ends, delimiters and digits have a byte that is zero, the same of the two."""
    zeros = head.count(0)
    if not zeros or (zeros < len(head) / 20 and _count_broken(head) == 0):
        return ""
    pairs = head[: len(head) // 2 * 2]
    for codec, high, low in (("utf-16-le", pairs[1::2], pairs[::2]), ("utf-16-be", pairs[::2], pairs[1::2])):
        if high.count(0) > low.count(0) and plausible.is_plausible(pairs.decode(codec, "replace")):
            return codec
    return ""


def _count_broken(data: bytes) -> int:
    """Bytes that are not UTF-8, apart from a character that is cut off at the end."""
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(data)
    return len(text) - len(text.encode("utf-8", "ignore").decode())


def _detect_narrow(path: Path) -> tuple[str, str]:
    """For encodings that extend ASCII."""
    letters, broken, sample = _decode_as_utf8(path)
    if not broken:
        how = f"with {letters:,} characters beyond ASCII" if letters else "plain ASCII"
        return "utf-8", f"UTF-8: the whole file was read without an error, {how}"
    if letters >= broken:
        bytes_ = "1 byte is" if broken == 1 else f"{broken:,} bytes are"
        characters = "1 character beyond ASCII is" if letters == 1 else f"{letters:,} characters beyond ASCII are"
        return "utf-8", f"UTF-8, though {bytes_} not: {characters}"
    codec = _guess(sample)
    return codec, f"{label(codec)}: the file is not UTF-8, and this explains its letters best"


def _guess(sample: bytes) -> str:
    """Of the detector's candidates, the first that yields plausible words: `Café`, not `CafÈ` or `Cafй`."""
    if codec := plausible.guess(sample) or latin.guess(sample[:_WEIGHED_BYTES]):
        return codec
    if sum(byte > 127 for byte in sample[:4096]) < _MIN_EVIDENCE:
        return _FALLBACK  # a handful of bytes is too little evidence against the most common one
    import chardet  # heavy, and few files need it

    guesses = chardet.detect_all(sample, ignore_threshold=True)[:_MAX_GUESSES]
    candidates = dict.fromkeys(filter(None, map(_usable_codec, guesses)))
    sample = sample[:_WEIGHED_BYTES]
    best = min([*candidates, _FALLBACK], key=lambda codec: _oddness(sample, codec))
    return _FALLBACK if sample.decode(best, "replace") == sample.decode(_FALLBACK, "replace") else best


def _usable_codec(guess: Mapping[str, Any]) -> str | None:
    try:
        codec = codec_name(guess["encoding"] or "")
    except LookupError:
        return None
    if codec.startswith("utf-"):
        return None
    return _FALLBACK if codec == "iso8859-1" else codec  # the same letters, plus those Windows puts into the gaps


def _oddness(sample: bytes, codec: str) -> float:
    """The share of non-ASCII letters that do not fit the ASCII letter beside them."""
    text = sample.decode(codec, "replace")
    before, after = _AFTER_ASCII.findall(text), _BEFORE_ASCII.findall(text)
    odd = sum(not _goes_with(letter, other, _CLOSING) for letter, other in before)
    odd += sum(not _goes_with(letter, other, _OPENING) for letter, other in after)
    broken = text.count("\ufffd")
    return round((odd + broken) / (_count_beyond_ascii(text) + 1), 1)


def _goes_with(first: str, second: str, marks: str) -> bool:
    """Of two neighbouring letters one is ASCII: lower case does not precede upper case, and scripts do not mix."""
    other = second if first.isascii() else first
    if other in marks:
        return True
    return other.isalpha() and char_name(other, "").startswith("LATIN") and not (first.islower() and second.isupper())


def _decode_as_utf8(path: Path) -> tuple[int, int, bytes]:
    """The number of non-ASCII characters, of bytes that are not valid UTF-8, and the part to base a guess on."""
    letters = broken = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    sample = bytearray()
    with path.open("rb") as file:
        is_last = False
        while not is_last:
            block = file.read(BLOCK)
            is_last = not block
            if block.isascii() and not decoder.getstate()[0]:
                continue
            if len(sample) < _GUESSED_BYTES:
                sample += _non_ascii_lines(block)[: _GUESSED_BYTES - len(sample)]
            text = decoder.decode(block, is_last)
            if beyond := _count_beyond_ascii(text):
                undecodable = len(text) - len(text.encode("utf-8", "ignore").decode())
                broken += undecodable
                letters += beyond - undecodable
    return letters, broken, bytes(sample)


def _non_ascii_lines(block: bytes) -> bytes:
    """A megabyte of plain ASCII around them would only hide them."""
    return b"".join(line for line in block.splitlines(keepends=True) if not line.isascii())


def _count_beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))
