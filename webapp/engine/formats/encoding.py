"""Which encoding a file is in: a byte order mark, else strict UTF-8 over the whole file, else the best guess."""

import codecs
from dataclasses import dataclass
from pathlib import Path

import chardet

BLOCK = 256 * 1024  # bytes
_GUESSED_BYTES = 256 * 1024
_EVIDENCE = 12  # bytes beyond ASCII that a guess needs
_FALLBACK = "cp1252"
# A mark of UTF-16 is two bytes of the file; Python's own name without "le" and "be" eats it, these do not.
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NAMES = {"ascii": "utf-8", "iso-8859-1": "cp1252", "windows-1252": "cp1252", "utf-8-sig": "utf-8"}
_WINDOWS = "windows-"


@dataclass(frozen=True, slots=True)
class Encoding:
    name: str
    reason: str


def mark_of(head: bytes) -> tuple[bytes, str] | None:
    """The byte order mark a file begins with, and the encoding it stands for."""
    return next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), None)


def known(name: str) -> str:
    """Python's name for an encoding of texts. Raises LookupError for what is none."""
    info = codecs.lookup(name)
    if not info._is_text_encoding:
        raise LookupError(name)
    return _NAMES.get(info.name, info.name)


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
    """UTF-16 of mostly Latin text has its zero bytes at every other place."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > half * 0.7 and even < half * 0.1:
        return "utf-16-le"
    if half and even > half * 0.7 and odd < half * 0.1:
        return "utf-16-be"
    return None


@dataclass(slots=True)
class _Survey:
    """What the whole file says about UTF-8."""

    letters: int = 0  # characters beyond ASCII
    broken: int = 0  # bytes that are not UTF-8
    sample: bytes = b""  # the part of the file that a guess has to explain


def _narrow(path: Path) -> Encoding:
    survey = _survey(path)
    if not survey.broken:
        how = f"with {survey.letters:,} characters beyond ASCII" if survey.letters else "plain ASCII"
        return Encoding("utf-8", f"UTF-8: the whole file was read without an error, {how}")
    if survey.letters > 10 * survey.broken:
        bytes_ = "1 byte is" if survey.broken == 1 else f"{survey.broken:,} bytes are"
        return Encoding("utf-8", f"UTF-8, though {bytes_} not: {survey.letters:,} characters beyond ASCII are")
    name = _guess(survey.sample)
    return Encoding(name, f"{label(name)}: the file is not UTF-8, and this explains its letters best")


def _guess(sample: bytes) -> str:
    """A handful of bytes is no evidence against the encoding that is by far the most common."""
    if sum(byte > 127 for byte in sample[:4096]) >= _EVIDENCE:
        try:
            name = known(chardet.detect(sample)["encoding"] or _FALLBACK)
        except LookupError:
            name = _FALLBACK
        return _FALLBACK if name == "utf-8" else name
    return _FALLBACK


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
    """The lines with bytes beyond ASCII; a megabyte of plain ASCII around them would only hide them."""
    return b"".join(line for line in block.splitlines(keepends=True) if not line.isascii())


def _count(text: str, survey: _Survey) -> None:
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    if not beyond:
        return
    broken = len(text) - len(text.encode("utf-8", "ignore").decode())
    survey.broken += broken
    survey.letters += beyond - broken
