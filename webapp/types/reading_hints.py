"""In which of its readings a column is offered: what the rest of the file says about days, months and marks."""

from dataclasses import dataclass, replace

from webapp.types.number_tally import NumberTally
from webapp.types.numbers import NumberRecogniser
from webapp.types.tally import Offer, Recogniser, Tally


@dataclass(frozen=True, slots=True)
class Hints:
    """What the rest of the file says about readings that a column leaves open, each with the reason in words."""

    mark: str = ""  # "." or ","
    mark_reason: str = ""
    order: str = ""  # "dmy", "mdy" or "ymd"
    order_reason: str = ""


NO_ORDER = "day or month first"


def resolved(source: Recogniser | Tally, hints: Hints) -> list[Offer]:
    """The offers, those in the reading that the rest of the file suggests first."""
    offers = source.offers()
    if not source.ambiguous_reading():
        return offers
    if isinstance(source, NumberRecogniser | NumberTally):
        mark = hints.mark or "."
        note = f"with a decimal {_MARKS[mark]}, {hints.mark_reason or 'as nothing says otherwise'}"
        first = [replace(offer, note=note) for offer in offers if offer.reading == mark]
        return first + [offer for offer in offers if offer.reading != mark]
    order, reason = hints.order, hints.order_reason
    if not order and all("." in str(offer.choice.format["layout"]) for offer in offers):
        order, reason = "dmy", "as always with points"
    first = [
        replace(offer, note=_joined(f"{_ORDERS[order]}, {reason}", offer.note))
        for offer in offers
        if offer.reading == order
    ]
    others = [replace(offer, doubt=offer.doubt or NO_ORDER) for offer in offers if offer.reading != order]
    return first + others


_MARKS = {".": "point", ",": "comma"}
_ORDERS = {"dmy": "day first", "mdy": "month first", "ymd": "year first", "": ""}


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
