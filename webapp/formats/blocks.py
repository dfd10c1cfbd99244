"""Reads a file as blocks of whole lines, decoded on the way; undecodable bytes stay recognisable."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from webapp.formats.encoding import BLOCK, byte_order_mark
from webapp.formats.errors import ImportFileError

MAX_LINE = 16 * 1024 * 1024  # characters; no table has longer lines
# An undecodable byte becomes a lone surrogate, U+DC00 plus the byte: no valid input decodes to one.
_ERROR_HANDLER = "rowcast-keep"
_UNDECODABLE = re.compile("[\udc00-\udcff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ERROR_HANDLER, _keep_bytes)


def can_decode(encoding: str) -> bool:
    """Whether bytes that are nothing in this encoding stay recognisable: some codecs refuse a file for one of them."""
    try:
        codecs.getincrementaldecoder(encoding)(_ERROR_HANDLER).decode(b"a,b\n\xff\xfe\x00\x00" * 4)
    except (LookupError, ValueError):
        return False
    return True


@dataclass(slots=True)
class Block:
    text: str  # ends with a line's end, but for the last block
    bytes_read: int
    is_damaged: bool  # some bytes could not be decoded
    is_last: bool = False


def is_damaged(text: str) -> bool:
    """Whether it contains lone surrogates; encoding finds them faster than searching."""
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def escape_undecodable(text: str) -> str:
    """Undecodable bytes written as \\xE9, lone surrogates as \\uD800."""
    escaped = _UNDECODABLE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02X}", text)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04X}", escaped)


def read_blocks(file: BinaryIO, encoding: str, size: int = BLOCK, *, lone_cr: bool = True) -> Iterator[Block]:
    """Lines end with \\n, \\r\\n or, with `lone_cr`, \\r, as in the file, and are never split."""
    decoder = codecs.getincrementaldecoder(encoding)(_ERROR_HANDLER)
    mark, marked_encoding = byte_order_mark(file.read(4))
    file.seek(len(mark) if marked_encoding == encoding else 0)
    carry = ""
    while raw := file.read(size):
        text = carry + decoder.decode(raw)
        cut = _last_line_end(text) if lone_cr else text.rfind("\n") + 1
        if cut:
            yield Block(text[:cut], file.tell(), is_damaged(text[:cut]))
        carry = text[cut:]
        if len(carry) > MAX_LINE:
            raise ImportFileError(
                f"A line of this file has more than {MAX_LINE // 1024 // 1024} million characters, which no table has."
                " Is it a table at all?"
            )
    text = carry + decoder.decode(b"", True)
    yield Block(text, file.tell(), is_damaged(text), is_last=True)


def _last_line_end(text: str) -> int:
    """The position after the last line end. A \\r at the very end may be half of \\r\\n, so it waits."""
    cut = text.rfind("\n") + 1
    return cut or text.rfind("\r", 0, len(text) - 1) + 1
