"""Reads XML as it arrives, with a handler for each piece.

A document that declares entities is refused: a few lines of them can stand for gigabytes.
"""

from abc import ABC, abstractmethod
from xml.parsers import expat

from webapp.formats.errors import ImportFileError


class XmlReader(ABC):
    """Names reach the handlers as the namespace, a space and the name itself. Raises ImportFileError.

    `what` is the kind of file, for messages, and `advice` what to do with a damaged one.
    """

    def __init__(self, what: str, advice: str) -> None:
        self._what, self._advice = what, advice
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._refuse_entity

    def feed(self, data: bytes) -> None:
        self._parse(data, is_last=False)

    def close(self) -> None:
        self._parse(b"", is_last=True)

    @abstractmethod
    def _start(self, name: str, attributes: dict[str, str]) -> None: ...

    @abstractmethod
    def _end(self, name: str) -> None: ...

    @abstractmethod
    def _characters(self, data: str) -> None: ...

    def _parse(self, data: bytes, *, is_last: bool) -> None:
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            raise ImportFileError(
                f"This {self._what} is damaged at line {error.lineno:,} ({expat.ErrorString(error.code)})."
                f" {self._advice}"
            ) from error

    def _refuse_entity(self, *_: object) -> None:
        raise ImportFileError(
            f"This {self._what} declares entities, as no spreadsheet program does. It was not opened."
        )
