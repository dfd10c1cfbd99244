"""A type that somebody has chosen for a column: its format is found out, whatever the type would cost."""

from collections.abc import Sequence
from dataclasses import replace

from webapp.types import TYPES
from webapp.types.base import NULL, Choice, Format
from webapp.types.day_text import order_of
from webapp.types.guess import NUMBERS, TypeGuesser
from webapp.types.layouts import layout
from webapp.types.tally import Offer


class ChosenType:
    """A type the user has chosen: which of its formats prints most values back, and how many cells have no value?

    `null` is the word that means an empty cell. A whole `format` is taken as it is.
    """

    def __init__(self, type: str, format_name: str = "", null: str = "", format: Format | None = None) -> None:
        self.type, self._null = type, null
        self._format = {key: value for key, value in (format or {}).items() if key != NULL}
        self._guesser = TypeGuesser(only=type, format_name=_reading_of(type, self._format) or format_name)
        self._null_count = self._empty = 0

    def add(self, values: Sequence[str]) -> None:
        self._empty += values.count("")
        if self._null:
            self._null_count += values.count(self._null)
            values = [value for value in values if value != self._null]
        self._guesser.add(values)

    def offer(self) -> Offer:
        filled = self._guesser.filled
        offers = [offer for offer in self._guesser.offers() if offer.choice.type == self.type]
        none = self._guesser.exceptions
        offer = (
            offers[0] if offers else Offer(Choice(self.type, TYPES[self.type].default_format, filled > 0, filled), none)
        )
        if self._format and not self._format.items() <= offer.choice.format.items():
            format = TYPES[self.type].check(self._format)
            offer = replace(offer, choice=replace(offer.choice, format=format, keeps_texts=filled > 0))
        if not self._null_count:
            return offer
        if not self._empty:
            choice = replace(offer.choice, format={**offer.choice.format, NULL: self._null})
            return replace(offer, choice=choice)
        return self._with_word(offer)

    def _with_word(self, offer: Offer) -> Offer:
        """Beside cells that are really empty, the word that means the same has to keep its text."""
        choice = replace(offer.choice, keeps_texts=True)
        if TYPES[self.type].read(self._null, choice.format) is not None:
            return replace(offer, choice=choice)
        exceptions = replace(offer.exceptions, tokens=offer.exceptions.tokens.copy())
        exceptions.add(self._null, self._null_count)
        return replace(offer, choice=replace(choice, exceptions=exceptions.count), exceptions=exceptions)


def _reading_of(type: str, format: Format) -> str:
    """The name of a format that restricts a recogniser to how this one reads."""
    if not format:
        return ""
    if type in NUMBERS:
        return f"0{format.get('mark', '.')}0"
    if type in ("date", "datetime"):
        return str(format.get("order") or order_of(layout(str(format["layout"]))))
    return TYPES[type].format_name(format)
