"""The one escape for U+0000 in stored texts, the same in every database.

SQLite's functions end a text at a NUL, and PostgreSQL stores none. So NUL is stored as its visible symbol ␀ (U+2400),
and a real ␀ behind the symbol for escape, ␛ (U+241B), as is ␛ itself:

    NUL -> ␀        ␀ -> ␛␀        ␛ -> ␛␛

Everything is encoded on its way in and decoded on its way out, by this module. Texts without the three characters,
nearly all, are stored as they are.
"""

import re

NUL, SYMBOL, ESCAPE = "\0", "\u2400", "\u241b"
_ENCODED = {NUL: SYMBOL, SYMBOL: ESCAPE + SYMBOL, ESCAPE: ESCAPE + ESCAPE}
_PLAIN = re.compile(f"[{NUL}{SYMBOL}{ESCAPE}]")
_STORED = re.compile(f"{ESCAPE}([{SYMBOL}{ESCAPE}])|{SYMBOL}")
_PREFIX = SYMBOL.encode()[:2]  # both characters begin with these two bytes
_STORED_BYTES = re.compile(b"%b(%b|%b)|%b" % (ESCAPE.encode(), SYMBOL.encode(), ESCAPE.encode(), SYMBOL.encode()))


def needs_encoding(text: str) -> bool:
    """Whether the text, such as a block of a file, contains any of the three characters."""
    return NUL in text or SYMBOL in text or ESCAPE in text


def encode(text: str) -> str:
    return _PLAIN.sub(lambda match: _ENCODED[match[0]], text) if needs_encoding(text) else text


def decode(stored: str) -> str:
    if SYMBOL not in stored and ESCAPE not in stored:
        return stored
    return _STORED.sub(lambda match: match[1] or NUL, stored)


def decode_block(block: bytes, nul: bytes) -> bytes:
    """A block of whole lines of UTF-8, decoded; `nul` is how the file's format writes U+0000."""
    if _PREFIX not in block:
        return block
    return _STORED_BYTES.sub(lambda match: match[1] or nul, block)


def spellings(text: str) -> tuple[str, ...]:
    """How a text that somebody typed may be stored: ␀ means itself, and NUL, which is shown as ␀."""
    encoded = encode(text)
    return (encoded, text.replace(ESCAPE, ESCAPE + ESCAPE)) if SYMBOL in text else (encoded,)
