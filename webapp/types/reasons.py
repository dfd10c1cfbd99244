"""Why a column has its type, in words, and the values that are quoted in them."""

from webapp.types import describe
from webapp.types.tally import Offer

MAX_SAMPLE = 500  # characters of a sample: a preview is loaded as a whole, and a cell may hold a whole document
_MAX_QUOTED = 40  # characters of a value quoted in a reason
_QUOTED_EXCEPTIONS = 3


def shorten(value: str, longest: int = MAX_SAMPLE) -> str:
    return value if len(value) <= longest else value[: longest - 1] + "…"


def quoted(value: str) -> str:
    """A value as part of a sentence: shortened, on one line, between quotation marks."""
    text = value if value.isprintable() else value.encode("unicode_escape").decode("ascii")
    return f'"{text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"}"'


def reason_for(offer: Offer, filled: int) -> str:
    if offer.exceptions.count:
        words = describe(offer.choice)
        return f"{words[:1].upper()}{words[1:]}: {texts_kept(offer, filled)}"
    subject = {1: "The only value converts", 2: "Both values convert"}.get(filled, f"All {filled:,} values convert")
    loss = "" if offer.choice.keeps_texts else " without loss"
    texts = "; those written in another way keep their text" if offer.choice.keeps_texts else ""
    return f"{subject}{loss}{texts}{f' ({offer.note})' if offer.note else ''}"


def texts_kept(offer: Offer, filled: int) -> str:
    """Such as: 3 of 1,200 keep their text (NA)."""
    exceptions = offer.exceptions
    tokens = [shorten(token, _MAX_QUOTED) for token, _ in exceptions.most_frequent[:_QUOTED_EXCEPTIONS]]
    more = exceptions.are_many or len(exceptions.tokens) > len(tokens)
    examples = f" ({', '.join(map(_on_one_line, tokens))}{', …' if more else ''})" if tokens else ""
    verb = "keeps its" if exceptions.count == 1 else "keep their"
    return f"{exceptions.count:,} of {filled:,} {verb} text{examples}"


def _on_one_line(text: str) -> str:
    return text if text.isprintable() and text == text.strip() else quoted(text)
