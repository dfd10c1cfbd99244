"""The one escape for U+0000 in stored texts, the same in every database.

SQLite's functions end a text at a NUL, and PostgreSQL stores none. So NUL is stored as its visible symbol ␀ (U+2400),
and a real ␀ behind the symbol for escape, ␛ (U+241B), as is ␛ itself:

    NUL -> ␀        ␀ -> ␛␀        ␛ -> ␛␛

Everything is encoded on its way in and decoded on its way out, by this module. Texts without the three characters,
nearly all, are stored as they are.
"""

import re
from collections.abc import Iterable, Iterator

NUL, SYMBOL, ESCAPE = "\0", "\u2400", "\u241b"
_ENCODED = {NUL: SYMBOL, SYMBOL: ESCAPE + SYMBOL, ESCAPE: ESCAPE + ESCAPE}
_PLAIN = re.compile(f"[{NUL}{SYMBOL}{ESCAPE}]")
_STORED = re.compile(f"{ESCAPE}([{SYMBOL}{ESCAPE}])|{SYMBOL}")
_PREFIX = SYMBOL.encode()[:2]  # both characters begin with these two bytes
_STORED_BYTES = re.compile(b"%b(%b|%b)|%b" % (ESCAPE.encode(), SYMBOL.encode(), ESCAPE.encode(), SYMBOL.encode()))


def needs_encoding(text: str) -> bool:
    """Whether the text, such as a block of a file, contains any of the three characters."""
    return NUL in text or SYMBOL in text or ESCAPE in text


def is_storable(text: str) -> bool:
    """Whether it is text: half of a surrogate pair, which a script can send, is none, and no file has it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode(text: str) -> str:
    return _PLAIN.sub(lambda match: _ENCODED[match[0]], text) if needs_encoding(text) else text


def decode(stored: str) -> str:
    if SYMBOL not in stored and ESCAPE not in stored:
        return stored
    return _STORED.sub(lambda match: match[1] or NUL, stored)


def decode_beginning(stored: str) -> str:
    """Decode the beginning of a stored text, which may end between the two characters of a pair."""
    unpaired = (len(stored) - len(stored.rstrip(ESCAPE))) % 2
    return decode(stored[:-1] if unpaired else stored)


def decode_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One stored text in UTF-8, cut anywhere, decoded piece by piece."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        end = _decodable(data)
        yield decode_block(data[:end], NUL.encode())
        rest = data[end:]
    if rest:
        yield rest


def _decodable(data: bytes) -> int:
    """How many of these bytes can be decoded without knowing what follows them."""
    end = len(data)
    if data.endswith(_PREFIX):
        end -= len(_PREFIX)
    elif data.endswith(_PREFIX[:1]):
        end -= 1
    escape, at = ESCAPE.encode(), end
    while data.endswith(escape, 0, at):
        at -= len(escape)
    return end - (end - at) // len(escape) % 2 * len(escape)


def decode_block(block: bytes, nul: bytes) -> bytes:
    """A block of whole lines of UTF-8, decoded; `nul` is how the file's format writes U+0000."""
    if _PREFIX not in block:
        return block
    return _STORED_BYTES.sub(lambda match: match[1] or nul, block)


def spellings(text: str) -> tuple[str, ...]:
    """How a text that somebody typed may be stored: ␀ means itself, and NUL, which is shown as ␀."""
    encoded = encode(text)
    return (encoded, text.replace(ESCAPE, ESCAPE + ESCAPE)) if SYMBOL in text else (encoded,)
