"""Reads a file as blocks of whole lines, decoded on the way; undecodable bytes stay recognisable."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from webapp.formats.encoding import BLOCK, byte_order_mark
from webapp.formats.errors import ImportFileError

MAX_LINE = 16 * 1024 * 1024  # characters; no table has longer lines
# An undecodable byte becomes a lone surrogate, U+DC00 plus the byte: no valid input decodes to one.
_ERROR_HANDLER = "rowcast-keep"
_UNDECODABLE = re.compile("[\udc00-\udcff]+")
_KEPT = "".join(chr(0xDC00 + byte) for byte in range(256))  # by byte
_ESCAPED = {0xDC00 + byte: f"\\x{byte:02X}" for byte in range(256)}
# Bytes that begin no character of UTF-8. A file may have millions in a row: they are kept at once.
_NEVER_FIRST_IN_UTF_8 = re.compile(rb"[\x80-\xc1\xf5-\xff]*")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    end = error.end
    if error.encoding == "utf-8":
        end = _end_of_run(_NEVER_FIRST_IN_UTF_8, error.object, end)
    elif error.encoding == "charmap":  # a byte that is nothing in the encoding is nothing when it comes again
        end = _end_of_run(_repeated(error.object[error.start : end]), error.object, end)
    return codecs.charmap_decode(error.object[error.start : end], "strict", _KEPT)[0], end


def _end_of_run(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    run = pattern.match(data, start)
    return run.end() if run else start


@cache
def _repeated(byte: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(byte) + b"*")


codecs.register_error(_ERROR_HANDLER, _keep_bytes)


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Decodes bytes as they come; those that are nothing in this encoding stay recognisable."""
    return codecs.getincrementaldecoder(encoding)(_ERROR_HANDLER)


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
    escaped = _UNDECODABLE.sub(lambda run: run[0].translate(_ESCAPED), text)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04X}", escaped)


def read_blocks(file: BinaryIO, encoding: str, size: int = BLOCK, *, lone_cr: bool = True) -> Iterator[Block]:
    """Lines end with \\n, \\r\\n or, with `lone_cr`, \\r, as in the file, and are never split."""
    decode = decoder(encoding).decode
    mark, marked_encoding = byte_order_mark(file.read(4))
    file.seek(len(mark) if marked_encoding == encoding else 0)
    carry = ""
    while raw := file.read(size):
        text = carry + decode(raw)
        cut = _last_line_end(text) if lone_cr else text.rfind("\n") + 1
        if cut:
            yield Block(text[:cut], file.tell(), is_damaged(text[:cut]))
        carry = text[cut:]
        if len(carry) > MAX_LINE:
            raise ImportFileError(
                f"A line of this file has more than {MAX_LINE // 1024 // 1024} million characters, which no table has."
                " Is it a table at all?"
            )
    text = carry + decode(b"", True)
    yield Block(text, file.tell(), is_damaged(text), is_last=True)


def _last_line_end(text: str) -> int:
    """The position after the last line end. A \\r at the very end may be half of \\r\\n, so it waits."""
    cut = text.rfind("\n") + 1
    return cut or text.rfind("\r", 0, len(text) - 1) + 1
